/* remote.h — where backups go: objects with names, on a folder, on S3, or in a test's memory.
 *
 *   write      remote_put (bytes at hand), remote_put_file (of any size; resumable)
 *   read       remote_get (a range, streamed), remote_read (whole and small), remote_stat
 *   names      remote_list (ascending, from a name on), remote_delete
 *
 * Keys are 1 to 1024 of A-Z a-z 0-9 . _ - / with no empty, "." or ".." part: VARVE_INVALID
 * otherwise, before anything is sent.
 *
 * (1) An object appears whole or not at all, also when the process or the machine ends meanwhile.
 * (2) remote_put with REMOTE_IF_ABSENT never replaces an object; with REMOTE_IF_TAG only that one.
 *     A store that cannot promise this says so in remote_abilities, and such a put is
 *     VARVE_UNSUPPORTED there; nobody guesses.
 * (3) What was handed in is what is stored: every put sends a SHA-256, and the store or remote
 *     checks it. Reads are checked by the caller, who knows what to expect.
 * (4) Faults that may pass (5xx, SlowDown, resets, timeouts, an expired token, a skewed clock) are
 *     tried again within remote_limits, with full jitter; what comes back is final.
 *
 * Ownership  remote_close ends a remote; NULL is fine. Keys and tags handed to callbacks are
 *            borrowed for the call.
 * Threads    any number at once on one remote.
 * Errors     VARVE_NOT_FOUND no such object · VARVE_EXISTS it is there already (IF_ABSENT) ·
 *            VARVE_CONFLICT another tag (IF_TAG) · VARVE_IO with the words of the store for a
 *            wrong secret, no permission · VARVE_CORRUPT the store or the way changed the bytes ·
 *            VARVE_TIMEOUT · VARVE_CANCELLED · VARVE_NO_SPACE · VARVE_IO. A message names the key
 *            and never holds a secret. */
#ifndef VARVE_SNAPSHOT_REMOTE_H
#define VARVE_SNAPSHOT_REMOTE_H

#include "base/status.h"

#define REMOTE_KEY_MAX 1024
#define REMOTE_TAG_MAX 80 /* an ETag, quotes and all; with its NUL */

typedef struct remote remote;

typedef struct remote_limits { /* 0: the default in brackets */
    uint64_t attempts_max;     /* of one request [10] */
    uint64_t request_ms;       /* one attempt without progress [30000] */
    uint64_t deadline_ms;      /* one call, all attempts; grows with the bytes to move [900000] */
    uint64_t wait_first_ms, wait_max_ms; /* back-off, full jitter [200, 30000] */
    uint64_t bytes_per_s;                /* both ways together; [no limit] */
    uint64_t part_bytes;                 /* of a multipart upload, from twice this on [16 MiB] */
} remote_limits;

typedef struct remote_abilities {
    bool put_if_absent, put_if_tag; /* (2) */
    bool checks_sums;               /* the store itself refuses wrong bytes */
} remote_abilities;

typedef enum remote_when { REMOTE_ALWAYS, REMOTE_IF_ABSENT, REMOTE_IF_TAG } remote_when;

typedef struct remote_stat_result {
    uint64_t size;
    uint64_t modified_ms; /* since 1970, by the store's clock; information only */
    char tag[REMOTE_TAG_MAX];
} remote_stat_result;

/* Asked between steps of a call: true ends it with VARVE_CANCELLED. */
typedef struct remote_cancel {
    bool (*asked)(void *arg);
    void *arg;
} remote_cancel;

void remote_close(remote *r);
void remote_closep(remote **r);
const char *remote_name(const remote *r); /* for people: "s3://bucket/prefix"; never a secret */
/* What this store can do; asked of it once (a probe object under "probe/", removed again).
 * VARVE_READ_ONLY: we may not put anything there. */
VV_CHECKED varve_status remote_get_abilities(remote *r, remote_abilities *ret, varve_error *err);

/* ret_tag may be NULL; `tag` only with REMOTE_IF_TAG. */
VV_CHECKED varve_status remote_put(remote *r, const char *key, const void *bytes, size_t len,
                                   remote_when when, const char *tag, char ret_tag[REMOTE_TAG_MAX],
                                   varve_error *err);

/* A file of `size` bytes, IF_ABSENT where the store can, always otherwise (keys of files are made
 * of their content). `journal`: a path under which a multipart upload notes what is done, so that
 * the next call with the same key, size and sum goes on there, also in another process; NULL: none.
 * Removed at the end. VARVE_EXISTS: it is there already. */
typedef struct remote_file {
    const char *path;
    uint64_t size;
    uint8_t sha256[32];
    const char *journal;
} remote_file;
VV_CHECKED varve_status remote_put_file(remote *r, const char *key, const remote_file *file,
                                        const remote_cancel *cancel, varve_error *err);

/* Give up an upload that `journal` tells of: what the store holds of it is dropped, and the journal
 * removed. Fine if there is none. */
VV_CHECKED varve_status remote_abandon_file(remote *r, const char *journal, varve_error *err);

/* Bytes [offset, offset + len) in order; len UINT64_MAX: to the end. A chunk may come again from an
 * earlier place after a broken connection: `sink` is told where it begins. A sink that fails ends
 * the call with its status. Short objects: VARVE_CORRUPT. */
typedef varve_status (*remote_sink)(void *arg, uint64_t at, const void *bytes, size_t len,
                                    varve_error *err);
VV_CHECKED varve_status remote_get(remote *r, const char *key, uint64_t offset, uint64_t len,
                                   remote_sink sink, void *arg, const remote_cancel *cancel,
                                   varve_error *err);
/* Whole, at most max_bytes (VARVE_LIMIT); free() the bytes, a NUL follows them. ret_tag may be
 * NULL. */
VV_CHECKED varve_status remote_read(remote *r, const char *key, size_t max_bytes, char **ret_bytes,
                                    size_t *ret_len, char ret_tag[REMOTE_TAG_MAX],
                                    varve_error *err);
VV_CHECKED varve_status remote_stat(remote *r, const char *key, remote_stat_result *ret,
                                    varve_error *err);

/* Every key that begins with `prefix` and is greater than `after` (NULL: all), ascending; pages are
 * fetched as needed. A callback that fails ends the call with its status. */
typedef varve_status (*remote_each)(void *arg, const char *key, uint64_t size, varve_error *err);
VV_CHECKED varve_status remote_list(remote *r, const char *prefix, const char *after,
                                    remote_each each, void *arg, varve_error *err);
/* Fine if it is gone. */
VV_CHECKED varve_status remote_delete(remote *r, const char *key, varve_error *err);

/* ---- kinds --------------------------------------------------------------------------------- */

/* A folder; made (0700) if `create`. Objects are files 0600: temporary, sync, link or rename, sync
 * of the directory. The tag is made of inode, size and time of change. */
VV_CHECKED varve_status remote_open_folder(const char *path, bool create,
                                           const remote_limits *limits, remote **ret,
                                           varve_error *err);

typedef struct remote_s3_options {
    const char *endpoint;        /* "https://s3.example.org[:port]"; NULL: Amazon's of the region */
    const char *region;          /* NULL: "us-east-1" */
    const char *bucket, *prefix; /* prefix NULL or "": none */
    bool virtual_host;           /* bucket in the host's name; otherwise in the path */
    const char *ca_file;         /* NULL: the system's */
    bool plain_http_allowed;     /* http:// endpoints beyond loopback */
    /* Credentials, in this order: these; a file in the format of ~/.aws/credentials; the
     * environment (AWS_ACCESS_KEY_ID …), which the program on top reads and hands over here; an
     * instance's metadata service, if asked for. Read again when a token has expired. */
    const char *access_key, *secret_key, *session_token;
    const char *credentials_file, *profile;
    bool metadata_service;
    const char *metadata_endpoint; /* NULL: http://169.254.169.254 */
    const char *storage_class, *server_side_encryption, *kms_key_id; /* NULL: none */
} remote_s3_options;
VV_CHECKED varve_status remote_open_s3(const remote_s3_options *options,
                                       const remote_limits *limits, remote **ret, varve_error *err);

/* By URL: "s3://bucket/prefix", with what `options` holds for the rest, "file:///path" or a
 * path. */
VV_CHECKED varve_status remote_open(const char *url, const remote_s3_options *options, bool create,
                                    const remote_limits *limits, remote **ret, varve_error *err);

#endif
