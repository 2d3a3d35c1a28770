/* remote_s3_inner.h — shared by remote_s3*.c: the S3 remote and one request to it.
 * Ownership  an s3_answer is begun with s3_answer_init and ended with s3_answer_done.
 * Threads    an s3_remote serves any number at once; calls and answers belong to one thread. */
#ifndef VARVE_SNAPSHOT_REMOTE_S3_INNER_H
#define VARVE_SNAPSHOT_REMOTE_S3_INNER_H

#include "credentials.h"
#include "remote_http.h"
#include "remote_inner.h"
#include "remote_pace.h"
#include "s3_errors.h"
#include "s3_xml.h"

#include <stdatomic.h>

#define S3_PARTS_MAX     10000
#define S3_EMPTY_SHA256  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define S3_SHA256_BASE64 45 /* with its NUL */

typedef struct s3_remote {
    remote base;
    http_pool *http;
    credentials_source *credentials;
    char *root;   /* "https://host[:port]" or with the bucket in front of the host */
    char *host;   /* the Host header */
    char *path;   /* "" or "/bucket" */
    char *prefix; /* "" or "prefix/" */
    char *region;
    char *storage_class, *encryption, *kms_key_id; /* or NULL */
    atomic_llong clock_offset_s;                   /* of the store's clock, before ours */
    atomic_bool tags_are_no_md5; /* seen: an ETag that is not one, of right bytes */
} s3_remote;

/* ---- one request (remote_s3_call.c) -------------------------------------------------------- */

typedef struct s3_call {
    const char *method, *key; /* key NULL: the bucket */
    s3_param params[6];
    size_t param_count;
    s3_header headers[8]; /* all are signed */
    size_t header_count;
    bool has_body;
    const void *body;
    size_t body_len;
    const char *body_sha256; /* hexadecimal; NULL: of nothing */
    http_sink sink;          /* NULL: answer->http.body */
    void *arg;
} s3_call;

static inline void s3_add_header(s3_call *c, const char *name, const char *value)
{
    if (value) c->headers[c->header_count++] = (s3_header){name, value};
}
static inline void s3_add_param(s3_call *c, const char *name, const char *value)
{
    c->params[c->param_count++] = (s3_param){name, value};
}

typedef struct s3_answer {
    http_answer http;
    s3_xml_failure failure; /* empty: none told */
    s3_verdict verdict;
    credentials used;
} s3_answer;
void s3_answer_init(s3_answer *a);
void s3_answer_done(s3_answer *a); /* wipes; also fits VV_CLEANUP */

/* What a call remembers between its attempts. */
typedef struct s3_tries {
    remote_attempts attempts;
    bool reloaded, clocked;
    bool unsure; /* an attempt may have been carried out without our hearing of it */
} s3_tries;
void s3_tries_begin(s3_tries *t, s3_remote *r, uint64_t bytes, const remote_cancel *cancel);

/* One attempt. VARVE_OK: the store said yes, and no <Error> came with it. */
VV_CHECKED varve_status s3_send_once(s3_remote *r, const s3_call *call, s3_tries *tries,
                                     s3_answer *answer, varve_error *err);
/* After s3_send_once gave `failed`: VARVE_OK when another attempt is due (waited for, with other
 * credentials, or another clock); otherwise what the call ends with. */
VV_CHECKED varve_status s3_try_again(s3_remote *r, s3_tries *tries, const s3_answer *answer,
                                     varve_status failed, varve_error *err);
/* Attempts until one succeeds, or none is left. */
VV_CHECKED varve_status s3_send(s3_remote *r, const s3_call *call, s3_tries *tries,
                                s3_answer *answer, varve_error *err);

/* ---- bodies (remote_s3_put.c) -------------------------------------------------------------- */

typedef struct s3_sums {
    uint8_t sha256[32], md5[16];
    bool has_md5; /* not where OpenSSL refuses MD5 */
    char sha256_hex[65], sha256_base64[S3_SHA256_BASE64];
} s3_sums;
VV_CHECKED varve_status s3_sums_of(const void *bytes, size_t len, s3_sums *ret, varve_error *err);
/* SHA-256 and size of an object as it is now, read back. */
VV_CHECKED varve_status s3_read_sum(s3_remote *r, const char *key, const remote_cancel *cancel,
                                    uint8_t ret_sha256[32], uint64_t *ret_size,
                                    char ret_tag[REMOTE_TAG_MAX], varve_error *err);
/* `tag` says 32 hexadecimal digits (suffix: "", or "-N"): are they `md5`? true also when it says
 * something else. */
bool s3_tag_fits(const char *tag, const uint8_t md5[16], const char *suffix);
void s3_storage_headers(const s3_remote *r, s3_call *call);
VV_CHECKED varve_status s3_put_bytes(s3_remote *r, const char *key, const void *bytes, size_t len,
                                     const s3_sums *sums, remote_when when, const char *tag,
                                     const remote_cancel *cancel, char *ret_tag, varve_error *err);
VV_CHECKED varve_status s3_find_abilities(s3_remote *r, remote_abilities *ret, varve_error *err);
VV_CHECKED varve_status s3_delete(s3_remote *r, const char *key, varve_error *err);

/* ---- files (remote_s3_multipart.c) --------------------------------------------------------- */

VV_CHECKED varve_status s3_put_file(s3_remote *r, const char *key, const remote_file *file,
                                    const remote_cancel *cancel, varve_error *err);
VV_CHECKED varve_status s3_abandon_file(s3_remote *r, const char *journal, varve_error *err);

#endif
