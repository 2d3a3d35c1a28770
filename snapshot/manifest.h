/* manifest.h — the catalogue of one snapshot, and its commit point: a snapshot exists when its
 * manifest does. Canonical JSON (keys sorted, no white space), one text for one content:
 *
 *   format 1 · repo_id · db_id · timeline "00000001" · kind full|incremental|collection · snap_id
 *   lsn · wal_needed_from · created_unix_ms · commit_ts_ms · server {version, storage_format}
 *   writer {epoch, holder} · parent {sha256, snap_id} (optional) · retention {class, pinned}
 *   collections [{id, database, name, rows, deleted, digest?, schema_sha256?, golden [{q, k, ids,
 *     dist}]}]                      ascending by id; q and dist: base64 of float32, little-endian
 *   files [{path, role, size, sha256, key, collection?, enc {key_id}?, stored_size?,
 *     stored_sha256?}]              ascending by path; the last three: of encrypted repositories
 *   files_blob {…}                  in place of files when these would take too much: a blob with
 *                                   {"files": […], "format": 1}, described as a file without path
 *   sum                             SHA-256 of all the others' text; in an encrypted repository
 *                                   "hmac" in its place, and the whole object is sealed
 *
 * What is read is believed only after every field was checked: a path fits folder_path.h, a key is
 * the one that its content must have, numbers are within limits, nothing is unknown, twice or out
 * of order, and the text is the one that we would write.
 *
 * Ownership  manifest_done() frees what manifest_parse allocated; all pointers in a manifest are
 *            borrowed from it, or from whoever filled it.
 * Threads    one at a time; reading a manifest: any number.
 * Errors     VARVE_CORRUPT with the reason · VARVE_NEWER_FORMAT · VARVE_LIMIT too large ·
 *            VARVE_NO_MEMORY. */
#ifndef VARVE_SNAPSHOT_MANIFEST_H
#define VARVE_SNAPSHOT_MANIFEST_H

#include "base/arena.h"
#include "base/buffer.h"
#include "folder_path.h"
#include "secret.h"

#define MANIFEST_FORMAT          1
#define MANIFEST_BYTES_MAX       ((size_t)16 << 20)
#define MANIFEST_LIST_BYTES_MAX  ((size_t)512 << 20)
#define MANIFEST_FILES_MAX       1000000
#define MANIFEST_COLLECTIONS_MAX 100000
#define MANIFEST_GOLDEN_MAX      256 /* queries of one collection */
#define MANIFEST_GOLDEN_HITS_MAX 10000
#define MANIFEST_NAME_MAX        131 /* bytes of a database's or collection's name */
#define MANIFEST_WORD_SIZE       32  /* of version and class, with the NUL */
#define MANIFEST_FILE_BYTES_MAX  ((uint64_t)1 << 50)

typedef enum manifest_kind {
    MANIFEST_FULL,
    MANIFEST_INCREMENTAL,
    MANIFEST_COLLECTION
} manifest_kind;

typedef struct manifest_file {
    const char *path; /* NULL: the list of files itself */
    file_role role;
    uint32_t collection; /* of segments and indexes */
    uint64_t size, stored_size;
    uint8_t sha256[SUMS_BYTES], stored_sha256[SUMS_BYTES]; /* equal if nothing is encrypted */
    uint8_t blob[SUMS_BYTES];                              /* its name, see secret_blob_name */
    uint32_t generation;
} manifest_file;

typedef struct manifest_golden { /* a search and what it found */
    const float *query;
    size_t dim, k, count;
    const varve_id *ids; /* count */
    const float *scores; /* count */
} manifest_golden;

typedef struct manifest_collection {
    uint32_t id;
    const char *database, *name;
    uint64_t rows, deleted;
    bool has_digest, has_schema;
    uint8_t digest[SUMS_BYTES], schema_sha256[SUMS_BYTES];
    const manifest_golden *golden;
    size_t golden_count;
} manifest_collection;

typedef struct manifest {
    char repo_id[NAMES_ID_SIZE], db_id[NAMES_ID_SIZE], snap_id[NAMES_ID_SIZE];
    uint32_t timeline;
    manifest_kind kind;
    uint64_t lsn, wal_needed_from;
    uint64_t created_ms, commit_ms;
    char server_version[MANIFEST_WORD_SIZE];
    uint64_t storage_format;
    char holder[NAMES_ID_SIZE]; /* of the lease under which it was made, and its epoch */
    uint64_t epoch;
    bool has_parent;
    char parent_id[NAMES_ID_SIZE];
    uint8_t parent_sha256[SUMS_BYTES]; /* of the parent's JSON */
    bool pinned;
    char retention_class[MANIFEST_WORD_SIZE]; /* "" or a word of whoever asked */
    const manifest_collection *collections;
    size_t collection_count;
    const manifest_file *files;
    size_t file_count;
    bool listed;                /* the files are in a blob: */
    manifest_file list;         /* this one; files is then empty until manifest_parse_list */
    uint8_t sha256[SUMS_BYTES]; /* of its JSON; set by manifest_parse and manifest_write */
    arena memory;               /* of a manifest that was read */
} manifest;

const char *manifest_kind_word(manifest_kind kind);
object_name manifest_name(const manifest *m); /* its own key */
void manifest_blob_key(const manifest_file *f, char ret[NAMES_KEY_MAX]);

/* Files and collections sorted as above. The JSON is appended to out, whose limit is the
 * caller's. */
VV_CHECKED varve_status manifest_write(manifest *m, const secret *s, buffer *out, varve_error *err);
VV_CHECKED varve_status manifest_write_list(const manifest *m, const secret *s, buffer *out,
                                            varve_error *err);
/* `what` names the object in messages. */
VV_CHECKED varve_status manifest_parse(const char *json, size_t len, const secret *s,
                                       const char *what, manifest *ret, varve_error *err);
VV_CHECKED varve_status manifest_parse_list(manifest *m, const char *json, size_t len,
                                            const secret *s, const char *what, varve_error *err);
void manifest_done(manifest *m);

#endif
