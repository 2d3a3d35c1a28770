/* remote_s3_journal.h — the journal of a multipart upload: a small text file, replaced after each
 * part, by which another call or process goes on where this one ended.
 *
 *     varve-upload 1
 *     key segments/12          of the object, without the remote's prefix
 *     size 40000000
 *     sha256 <64 digits>       of the whole file
 *     part-size 16777216
 *     checksums 1              the store keeps a SHA-256 of each part
 *     upload <id>
 *     part 1 <64 digits> <tag> one line each, of what the store has
 *     end <16 digits>          XXH3-64 of all before this line
 *
 * Version history. 1: first.
 *
 * Ownership  s3_upload_free ends an upload; NULL is fine.
 * Errors     VARVE_NOT_FOUND no such file · VARVE_CORRUPT not a journal of ours · as
 *            base/file.h. */
#ifndef VARVE_SNAPSHOT_REMOTE_S3_JOURNAL_H
#define VARVE_SNAPSHOT_REMOTE_S3_JOURNAL_H

#include "remote_s3_inner.h"

typedef struct s3_part {
    bool done;    /* the store has it, under this tag */
    bool has_md5; /* md5 is of the bytes that the file holds now */
    uint8_t sha256[32], md5[16];
    char etag[S3_ETAG_MAX];
} s3_part;

typedef struct s3_upload {
    char key[REMOTE_KEY_MAX + 1];
    char id[S3_UPLOAD_ID_MAX]; /* "": not begun */
    uint64_t size, part_bytes;
    uint8_t sha256[32];
    bool checksums;
    size_t part_count;
    s3_part parts[]; /* part i has number i + 1 */
} s3_upload;

/* A new one of a file of `size` bytes, nothing done. VARVE_LIMIT: too many parts. */
VV_CHECKED varve_status s3_upload_new(const char *key, uint64_t size, const uint8_t sha256[32],
                                      uint64_t part_bytes, s3_upload **ret, varve_error *err);
void s3_upload_free(s3_upload *u);
void s3_upload_freep(s3_upload **u);
uint64_t s3_upload_part_len(const s3_upload *u, size_t part);

VV_CHECKED varve_status s3_journal_write(const char *path, const s3_upload *u, varve_error *err);
VV_CHECKED varve_status s3_journal_read(const char *path, s3_upload **ret, varve_error *err);

#endif
