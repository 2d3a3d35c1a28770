/* repo.h — a backup repository: objects under names.h on a remote, for one or several databases,
 * encrypted or not. All other modules reach the remote through it.
 *
 *   repo.json   {cipher, created_unix_ms, format, hash, key_id?, repo_id}; written once
 *   keys/…      the wrapped data key of an encrypted one (secret_format.h); written first
 *
 * A repository that exists can be opened with the right to read alone: snapshots are then listed,
 * read, verified and restored, but no pin keeps a collection off them meanwhile, and no mark of
 * verification is left. What has to write is VARVE_READ_ONLY.
 *
 * Ownership  the remote is borrowed and must live longer. repo_close() ends a repository; NULL is
 *            fine.
 * Threads    any number at once on one repository.
 * Errors     those of remote.h and secret.h · VARVE_NOT_FOUND no repository there ·
 *            VARVE_NEWER_FORMAT · VARVE_CORRUPT an object was altered; the message names it ·
 *            VARVE_READ_ONLY the store takes nothing from us. */
#ifndef VARVE_SNAPSHOT_REPO_H
#define VARVE_SNAPSHOT_REPO_H

#include "base/buffer.h"
#include "remote.h"
#include "secret.h"

#include <jansson.h>

#define REPO_FORMAT          1
#define REPO_SMALL_BYTES_MAX ((size_t)1 << 20)

typedef struct repo {
    remote *remote;
    snapshot_env env;
    secret *secret; /* NULL: not encrypted */
    char repo_id[NAMES_ID_SIZE];
    char db_id[NAMES_ID_SIZE]; /* whose snapshots are meant where nothing else is said */
    remote_abilities can;      /* none where read_only */
    bool read_only;            /* the store lets us read, and no more */
} repo;

typedef struct repo_options {
    const char *db_id;           /* a UUID */
    bool create;                 /* make it if there is none */
    const secret_source *secret; /* NULL: not encrypted */
    const snapshot_env *env;     /* NULL: the real one */
} repo_options;

VV_CHECKED varve_status repo_open(remote *r, const repo_options *options, repo **ret,
                                  varve_error *err);
/* VARVE_READ_ONLY, with its name, where it can only be read. */
VV_CHECKED varve_status repo_check_writable(const repo *r, varve_error *err);
void repo_close(repo *r);
void repo_closep(repo **r);
/* Can two writers be kept apart here? See remote_abilities. */
static inline bool repo_has_conditions(const repo *r)
{
    return r->can.put_if_absent && r->can.put_if_tag;
}

/* ---- objects of JSON, never sealed: pins, leases, … */
VV_CHECKED varve_status repo_put_json(repo *r, const char *key, const json_t *object,
                                      size_t max_bytes, remote_when when, const char *tag,
                                      char ret_tag[REMOTE_TAG_MAX], varve_error *err);
VV_CHECKED varve_status repo_read_json(repo *r, const char *key, size_t max_bytes, json_t **ret,
                                       char ret_tag[REMOTE_TAG_MAX], varve_error *err);
/* REMOTE_IF_ABSENT where the store can; elsewhere a look first. VARVE_EXISTS. */
VV_CHECKED varve_status repo_put_new(repo *r, const char *key, const void *bytes, size_t len,
                                     varve_error *err);

/* ---- objects of any bytes, sealed in an encrypted repository */
VV_CHECKED varve_status repo_seal(const repo *r, const void *bytes, size_t len, buffer *ret,
                                  varve_error *err);
/* max_bytes: of the plain ones; free() them, a NUL follows. */
VV_CHECKED varve_status repo_read_sealed(repo *r, const char *key, size_t max_bytes,
                                         char **ret_bytes, size_t *ret_len, varve_error *err);

/* ---- names, ascending; what does not fit the grammar is passed over */
typedef varve_status (*repo_each_name)(void *arg, const object_name *name, const char *key,
                                       uint64_t size, varve_error *err);
/* Of that kind. timeline: of NAME_SNAP and NAME_WAL. */
VV_CHECKED varve_status repo_list(repo *r, name_kind kind, const char *db_id, uint32_t timeline,
                                  repo_each_name each, void *arg, varve_error *err);
/* NAME_SNAP, NAME_WAL: of all timelines of a database. */
VV_CHECKED varve_status repo_list_all(repo *r, name_kind kind, const char *db_id,
                                      repo_each_name each, void *arg, varve_error *err);
typedef varve_status (*repo_each_db)(void *arg, const char *db_id, varve_error *err);
VV_CHECKED varve_status repo_list_dbs(repo *r, repo_each_db each, void *arg, varve_error *err);

#endif
