/* remote_s3_multipart.c — files to S3: small ones as one put, others in parts, with a journal by
 * which an upload goes on after a restart.
 *
 *            begin               parts, one by one          complete
 *   (none) --------> UPLOADING -----------------> UPLOADED ----------> the object is there
 *             ^          |                            | a part is missing: back to the parts
 *             |          +-- the store forgot it: from the start, once
 *             +-- a journal that fits: list of parts, and go on
 *
 * (1) A part counts as done when journal, list of the store, and the file as it is now agree.
 * (2) An upload that failed for good, or has no journal, is aborted; one that may go on is kept. */
#include "remote_s3_journal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_STEP     ((uint64_t)1 << 20) /* parts that had to grow are a multiple of this */
#define REPAIRS_MAX   3                   /* rounds over parts that the store has lost */
#define XML_BYTES_MAX ((size_t)4 << 20)

typedef struct filing { /* one call of s3_put_file */
    s3_remote *r;
    const char *key;
    const remote_file *file;
    const remote_cancel *cancel;
    int fd;
    remote_when when;
    s3_upload *upload;
    uint8_t *part;          /* a part's bytes */
    bool verify_by_reading; /* tags say nothing about the bytes */
} filing;

/* ---- the file ------------------------------------------------------------------------------ */

static varve_status open_file(filing *f, varve_error *err)
{
    struct stat found;
    f->fd = open(f->file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (f->fd < 0 || fstat(f->fd, &found) != 0)
        return vv_fail(err, errno == ENOENT ? VARVE_NOT_FOUND : VARVE_IO, "cannot open %s: %s",
                       f->file->path, strerror(errno));
    if (!S_ISREG(found.st_mode) || (uint64_t)found.st_size != f->file->size)
        return vv_fail(err, VARVE_CORRUPT, "%s is no file of %llu bytes", f->file->path,
                       (unsigned long long)f->file->size);
    return VARVE_OK;
}

static varve_status read_range(const filing *f, uint64_t offset, void *to, size_t len,
                               varve_error *err)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(f->fd, (char *)to + at, len - at, (off_t)(offset + at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return vv_fail(err, VARVE_IO, "cannot read %s: %s", f->file->path, strerror(errno));
        if (n == 0) return vv_fail(err, VARVE_CORRUPT, "%s became shorter", f->file->path);
        at += (size_t)n;
    }
    return VARVE_OK;
}

static varve_status changed_file(const filing *f, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "%s has another SHA-256 than announced", f->file->path);
}

static varve_status put_small(filing *f, varve_error *err)
{
    s3_sums sums;
    size_t len = (size_t)f->file->size;
    f->part = malloc(len + 1);
    if (!f->part) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a file");
    VV_TRY(read_range(f, 0, f->part, len, err));
    VV_TRY(s3_sums_of(f->part, len, &sums, err));
    if (memcmp(sums.sha256, f->file->sha256, sizeof sums.sha256) != 0) return changed_file(f, err);
    return s3_put_bytes(f->r, f->key, f->part, len, &sums, f->when, NULL, f->cancel, NULL, err);
}

/* ---- begin, list, abort -------------------------------------------------------------------- */

static varve_status begin_once(filing *f, const s3_call *call, s3_tries *tries, s3_answer *answer,
                               varve_error *err)
{
    VV_TRY(s3_send_once(f->r, call, tries, answer, err));
    varve_status status =
        s3_xml_read_upload_id(answer->http.body.data, answer->http.body.len, f->upload->id, err);
    for (const char *c = f->upload->id; status == VARVE_OK && *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            status = vv_fail(err, VARVE_CORRUPT, "the upload's id is no word");
    if (status != VARVE_OK) {
        f->upload->id[0] = '\0';
        answer->verdict = (s3_verdict){status, S3_AGAIN, false};
    }
    return status;
}

static varve_status begin(filing *f, varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    s3_call call = {.method = "POST", .key = f->key, .has_body = true};
    varve_status status;
    s3_add_param(&call, "uploads", "");
    s3_add_header(&call, "x-amz-checksum-algorithm", "SHA256");
    s3_storage_headers(f->r, &call);
    s3_tries_begin(&tries, f->r, 0, f->cancel);
    s3_answer_init(&answer);
    while ((status = begin_once(f, &call, &tries, &answer, err)) != VARVE_OK) {
        status = s3_try_again(f->r, &tries, &answer, status, err);
        if (status != VARVE_OK) break;
    }
    f->upload->checksums = strcmp(answer.http.checksum_algorithm, "SHA256") == 0;
    s3_answer_done(&answer);
    return status;
}

static varve_status abort_upload(s3_remote *r, const s3_upload *u, varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    s3_call call = {.method = "DELETE", .key = u->key};
    s3_add_param(&call, "uploadId", u->id);
    s3_tries_begin(&tries, r, 0, NULL);
    s3_answer_init(&answer);
    varve_status status = s3_send(r, &call, &tries, &answer, err);
    s3_answer_done(&answer);
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

typedef struct listed_parts {
    s3_upload *upload;
    bool *there; /* of each part: listed with the tag and size that we know */
} listed_parts;

static varve_status note_part(void *arg, const s3_xml_part *part, varve_error *err)
{
    listed_parts *l = arg;
    (void)err;
    if (part->number > l->upload->part_count) return VARVE_OK;
    size_t i = (size_t)part->number - 1;
    l->there[i] = strcmp(part->etag, l->upload->parts[i].etag) == 0 &&
                  part->size == s3_upload_part_len(l->upload, i);
    return VARVE_OK;
}

static varve_status list_parts_page(filing *f, listed_parts *l, s3_xml_parts_page *page,
                                    varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    s3_call call = {.method = "GET", .key = f->key};
    char marker[24];
    uint64_t from = page->next_marker;
    snprintf(marker, sizeof marker, "%llu", (unsigned long long)from);
    s3_add_param(&call, "uploadId", f->upload->id);
    if (from > 0) s3_add_param(&call, "part-number-marker", marker);
    s3_tries_begin(&tries, f->r, 0, f->cancel);
    s3_answer_init(&answer);
    varve_status status = s3_send(f->r, &call, &tries, &answer, err);
    if (status == VARVE_OK)
        status =
            s3_xml_read_parts(answer.http.body.data, answer.http.body.len, note_part, l, page, err);
    s3_answer_done(&answer);
    if (status == VARVE_OK && page->truncated && page->next_marker <= from)
        return vv_fail(err, VARVE_CORRUPT, "the list of parts does not go on");
    return status;
}

/* Parts that the store does not list as we know them are to be done again. */
static varve_status list_parts(filing *f, varve_error *err)
{
    s3_upload *u = f->upload;
    VV_CLEANUP(vv_freep) bool *there = calloc(u->part_count, sizeof *there);
    s3_xml_parts_page page = {.truncated = true};
    if (!there) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an upload");
    listed_parts l = {u, there};
    while (page.truncated)
        VV_TRY(list_parts_page(f, &l, &page, err));
    for (size_t i = 0; i < u->part_count; i++)
        u->parts[i].done = u->parts[i].done && there[i];
    return VARVE_OK;
}

/* ---- parts --------------------------------------------------------------------------------- */

/* Same bytes, same tag, twice, and it is not their MD5: the store makes its tags in another way.
 * What it stored is then judged by reading the object back. */
static bool tag_fits(filing *f, const s3_sums *sums, const http_answer *h, char first[S3_ETAG_MAX])
{
    if (h->checksum_sha256[0]) return strcmp(h->checksum_sha256, sums->sha256_base64) == 0;
    if (!sums->has_md5 || f->verify_by_reading || strncmp(h->encryption, "aws:kms", 7) == 0 ||
        s3_tag_fits(h->etag, sums->md5, ""))
        return true;
    f->verify_by_reading = strcmp(first, h->etag) == 0;
    memcpy(first, h->etag, S3_ETAG_MAX);
    return f->verify_by_reading;
}

static varve_status send_part_once(filing *f, const s3_call *call, const s3_sums *sums,
                                   s3_tries *tries, s3_answer *answer, char first[S3_ETAG_MAX],
                                   varve_error *err)
{
    VV_TRY(s3_send_once(f->r, call, tries, answer, err));
    const char *tag = answer->http.etag;
    answer->verdict = (s3_verdict){VARVE_CORRUPT, S3_AGAIN, false};
    if (!*tag || strpbrk(tag, " <>&"))
        return vv_fail(err, VARVE_CORRUPT, "the store gives a part no tag");
    if (!tag_fits(f, sums, &answer->http, first))
        return vv_fail(err, VARVE_CORRUPT, "the store holds other bytes than it was sent");
    return VARVE_OK;
}

static varve_status send_part(filing *f, size_t i, const s3_sums *sums, size_t len,
                              varve_error *err)
{
    char number[24], first[S3_ETAG_MAX] = "";
    s3_tries tries;
    s3_answer answer;
    s3_call call = {.method = "PUT",
                    .key = f->key,
                    .has_body = true,
                    .body = f->part,
                    .body_len = len,
                    .body_sha256 = sums->sha256_hex};
    varve_status status;
    snprintf(number, sizeof number, "%zu", i + 1);
    s3_add_param(&call, "partNumber", number);
    s3_add_param(&call, "uploadId", f->upload->id);
    if (f->upload->checksums) s3_add_header(&call, "x-amz-checksum-sha256", sums->sha256_base64);
    s3_tries_begin(&tries, f->r, len, f->cancel);
    s3_answer_init(&answer);
    while ((status = send_part_once(f, &call, sums, &tries, &answer, first, err)) != VARVE_OK) {
        status = s3_try_again(f->r, &tries, &answer, status, err);
        if (status != VARVE_OK) break;
    }
    if (status == VARVE_OK) memcpy(f->upload->parts[i].etag, answer.http.etag, S3_ETAG_MAX);
    s3_answer_done(&answer);
    return status;
}

static varve_status do_part(filing *f, size_t i, EVP_MD_CTX *whole, varve_error *err)
{
    s3_part *p = &f->upload->parts[i];
    size_t len = (size_t)s3_upload_part_len(f->upload, i);
    s3_sums sums;
    if (remote_cancelled(f->cancel)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    VV_TRY(read_range(f, i * f->upload->part_bytes, f->part, len, err));
    VV_TRY(s3_sums_of(f->part, len, &sums, err));
    if (EVP_DigestUpdate(whole, f->part, len) != 1)
        return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    bool same = p->done && memcmp(p->sha256, sums.sha256, sizeof p->sha256) == 0;
    memcpy(p->sha256, sums.sha256, sizeof p->sha256);
    memcpy(p->md5, sums.md5, sizeof p->md5);
    p->has_md5 = sums.has_md5;
    if (same) return VARVE_OK;
    p->done = false;
    VV_TRY(send_part(f, i, &sums, len, err));
    p->done = true;
    return f->file->journal ? s3_journal_write(f->file->journal, f->upload, err) : VARVE_OK;
}

static varve_status do_parts(filing *f, varve_error *err)
{
    uint8_t sum[32];
    unsigned int len = sizeof sum;
    EVP_MD_CTX *whole = EVP_MD_CTX_new();
    varve_status status = VARVE_OK;
    if (!whole || EVP_DigestInit_ex(whole, EVP_sha256(), NULL) != 1)
        status = vv_fail(err, VARVE_NO_MEMORY, "no memory for a sum");
    for (size_t i = 0; status == VARVE_OK && i < f->upload->part_count; i++)
        status = do_part(f, i, whole, err);
    if (status == VARVE_OK && EVP_DigestFinal_ex(whole, sum, &len) != 1)
        status = vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    EVP_MD_CTX_free(whole);
    if (status == VARVE_OK && memcmp(sum, f->file->sha256, sizeof sum) != 0)
        return changed_file(f, err);
    return status;
}

/* ---- complete ------------------------------------------------------------------------------ */

static varve_status make_body(const filing *f, buffer *out, varve_error *err)
{
    char base64[S3_SHA256_BASE64 + 4];
    VV_TRY(buffer_add_text(out, "<CompleteMultipartUpload>", err));
    for (size_t i = 0; i < f->upload->part_count; i++) {
        const s3_part *p = &f->upload->parts[i];
        VV_TRY(buffer_printf(out, err, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag>", i + 1,
                             p->etag));
        (void)EVP_EncodeBlock((unsigned char *)base64, p->sha256, sizeof p->sha256);
        if (f->upload->checksums)
            VV_TRY(buffer_printf(out, err, "<ChecksumSHA256>%s</ChecksumSHA256>", base64));
        VV_TRY(buffer_add_text(out, "</Part>", err));
    }
    return buffer_add_text(out, "</CompleteMultipartUpload>", err);
}

/* The MD5 of the parts' MD5s, which most stores give as tag, with "-<parts>" behind it. False: the
 * store's tags are something else. */
static bool expected_tag(const filing *f, uint8_t ret[16], char ret_suffix[16])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    unsigned int len = 16;
    bool good = c && EVP_DigestInit_ex(c, EVP_md5(), NULL) == 1;
    for (size_t i = 0; good && i < f->upload->part_count; i++)
        good = f->upload->parts[i].has_md5 && EVP_DigestUpdate(c, f->upload->parts[i].md5, 16) == 1;
    good = good && EVP_DigestFinal_ex(c, ret, &len) == 1;
    EVP_MD_CTX_free(c);
    snprintf(ret_suffix, 16, "-%zu", f->upload->part_count);
    return good;
}

/* Is the object under the key ours? Its size and tag say so, or its bytes do. */
static varve_status holds_ours(filing *f, bool *ret, varve_error *err)
{
    remote_stat_result found = {0};
    uint8_t sum[32], md5[16];
    char suffix[16], tag[REMOTE_TAG_MAX];
    uint64_t size = 0;
    varve_status status = f->r->base.type->stat(&f->r->base, f->key, &found, err);
    if (status == VARVE_NOT_FOUND || (status == VARVE_OK && found.size != f->file->size)) {
        *ret = false;
        return VARVE_OK;
    }
    if (status != VARVE_OK) return status;
    const char *dash = strrchr(found.tag, '-');
    bool usual = dash && !f->verify_by_reading && expected_tag(f, md5, suffix) &&
                 strncmp(dash, suffix, strlen(suffix)) == 0;
    if (usual && s3_tag_fits(found.tag, md5, suffix)) {
        *ret = true;
        return VARVE_OK;
    }
    VV_TRY(s3_read_sum(f->r, f->key, f->cancel, sum, &size, tag, err));
    *ret = size == f->file->size && memcmp(sum, f->file->sha256, sizeof sum) == 0;
    return VARVE_OK;
}

/* The store says that it is done. Does the object's tag fit? If not, its bytes decide. */
static varve_status check_object(filing *f, const char *tag, varve_error *err)
{
    uint8_t md5[16];
    char suffix[16];
    bool ours = false;
    bool fits = !expected_tag(f, md5, suffix) || s3_tag_fits(tag, md5, suffix);
    if (fits && !f->verify_by_reading) return VARVE_OK;
    VV_TRY(holds_ours(f, &ours, err));
    if (ours) return VARVE_OK;
    VV_TRY(s3_delete(f->r, f->key, err));
    return vv_fail(err, VARVE_CORRUPT, "the store holds other bytes than it was sent");
}

static varve_status complete_once(filing *f, const s3_call *call, s3_tries *tries,
                                  s3_answer *answer, varve_error *err)
{
    char tag[S3_ETAG_MAX] = "";
    VV_TRY(s3_send_once(f->r, call, tries, answer, err));
    varve_status status =
        s3_xml_read_complete(answer->http.body.data, answer->http.body.len, tag, err);
    if (status != VARVE_OK) {
        tries->unsure = true;
        answer->verdict = (s3_verdict){status, S3_AGAIN, true};
        return status;
    }
    answer->verdict = (s3_verdict){VARVE_CORRUPT, S3_FINAL, false};
    return check_object(f, tag, err);
}

/* Refused. If an earlier attempt may have been carried out, it may be ours that is there. */
static varve_status settle(filing *f, const s3_tries *tries, varve_status failed, varve_error *err)
{
    bool ours = false;
    varve_error unheard = {0};
    bool condition = f->when == REMOTE_IF_ABSENT && failed == VARVE_CONFLICT;
    if (tries->unsure && (condition || failed == VARVE_NOT_FOUND) &&
        holds_ours(f, &ours, &unheard) == VARVE_OK && ours)
        return VARVE_OK;
    if (condition) return vv_fail(err, VARVE_EXISTS, "it is there already");
    return failed;
}

static varve_status complete(filing *f, bool *ret_lost_part, varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    s3_sums sums;
    VV_CLEANUP(buffer_done) buffer body;
    varve_status status;
    buffer_init(&body, XML_BYTES_MAX, "list of parts");
    VV_TRY(make_body(f, &body, err));
    VV_TRY(s3_sums_of(body.data, body.len, &sums, err));
    s3_call call = {.method = "POST",
                    .key = f->key,
                    .has_body = true,
                    .body = body.data,
                    .body_len = body.len,
                    .body_sha256 = sums.sha256_hex};
    s3_add_param(&call, "uploadId", f->upload->id);
    if (f->when == REMOTE_IF_ABSENT) s3_add_header(&call, "if-none-match", "*");
    s3_tries_begin(&tries, f->r, f->file->size, f->cancel);
    s3_answer_init(&answer);
    while ((status = complete_once(f, &call, &tries, &answer, err)) != VARVE_OK) {
        status = s3_try_again(f->r, &tries, &answer, status, err);
        if (status != VARVE_OK) break;
    }
    *ret_lost_part = status != VARVE_OK && strcmp(answer.failure.code, "InvalidPart") == 0;
    s3_answer_done(&answer);
    return status == VARVE_OK ? status : settle(f, &tries, status, err);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static uint64_t part_bytes_for(const filing *f)
{
    uint64_t least = f->file->size / S3_PARTS_MAX + 1;
    if (least <= f->r->base.limits.part_bytes) return f->r->base.limits.part_bytes;
    return (least + PART_STEP - 1) / PART_STEP * PART_STEP;
}

static bool fits_journal(const filing *f, const s3_upload *u)
{
    return strcmp(u->key, f->key) == 0 && u->size == f->file->size &&
           u->part_bytes == part_bytes_for(f) &&
           memcmp(u->sha256, f->file->sha256, sizeof u->sha256) == 0;
}

/* What the journal tells of, if it is of this file and the store still knows it. */
static varve_status resume(filing *f, varve_error *err)
{
    s3_upload *old = NULL;
    if (!f->file->journal || s3_journal_read(f->file->journal, &old, NULL) != VARVE_OK)
        return VARVE_OK;
    if (!fits_journal(f, old)) {
        varve_status status =
            abort_upload(f->r, old, NULL); /* what cannot be, has a lifecycle rule */
        (void)status;
        s3_upload_free(old);
        return VARVE_OK;
    }
    f->upload = old;
    varve_status status = list_parts(f, err);
    if (status != VARVE_NOT_FOUND) return status;
    f->upload = NULL;
    s3_upload_free(old);
    return VARVE_OK;
}

static varve_status start(filing *f, varve_error *err)
{
    if (f->upload) return VARVE_OK;
    VV_TRY(
        s3_upload_new(f->key, f->file->size, f->file->sha256, part_bytes_for(f), &f->upload, err));
    VV_TRY(begin(f, err));
    return f->file->journal ? s3_journal_write(f->file->journal, f->upload, err) : VARVE_OK;
}

static varve_status upload(filing *f, varve_error *err)
{
    varve_status status = VARVE_OK;
    bool lost_part = true;
    VV_TRY(start(f, err));
    for (int i = 0; i < REPAIRS_MAX && lost_part; i++) {
        if (i > 0) VV_TRY(list_parts(f, err));
        VV_TRY(do_parts(f, err));
        status = complete(f, &lost_part, err);
    }
    return status;
}

static bool may_go_on(varve_status status)
{
    return status == VARVE_IO || status == VARVE_TIMEOUT || status == VARVE_CANCELLED ||
           status == VARVE_NO_MEMORY || status == VARVE_NO_SPACE;
}

/* (2) */
static void end_upload(filing *f, varve_status status)
{
    const char *journal = f->file->journal;
    bool begun = f->upload && f->upload->id[0];
    varve_status ended = VARVE_OK; /* what cannot be ended is left to remote_abandon_file */
    if (journal && may_go_on(status)) return;
    if (status == VARVE_OK)
        ended = journal ? file_unlink(journal, NULL) : VARVE_OK;
    else if (journal)
        ended = s3_abandon_file(f->r, journal, NULL);
    else if (begun)
        ended = abort_upload(f->r, f->upload, NULL);
    (void)ended;
}

static varve_status put_parts(filing *f, varve_error *err)
{
    remote_stat_result found;
    varve_status status = VARVE_NOT_FOUND;
    if (f->when == REMOTE_IF_ABSENT)
        status = f->r->base.type->stat(&f->r->base, f->key, &found, err);
    if (status == VARVE_OK) return vv_fail(err, VARVE_EXISTS, "it is there already");
    if (status != VARVE_NOT_FOUND) return status;
    f->part = malloc((size_t)part_bytes_for(f));
    if (!f->part) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a part");
    status = resume(f, err);
    if (status == VARVE_OK) status = upload(f, err);
    if (status == VARVE_NOT_FOUND) { /* the store forgot the upload: from the start */
        varve_status gone = f->upload ? abort_upload(f->r, f->upload, NULL) : VARVE_OK;
        (void)gone; /* if it did not forget it after all */
        s3_upload_free(f->upload);
        f->upload = NULL;
        status = upload(f, err);
        if (status == VARVE_NOT_FOUND)
            status = vv_fail(err, VARVE_IO, "the store forgets uploads under way");
    }
    return status;
}

varve_status s3_put_file(s3_remote *r, const char *key, const remote_file *file,
                         const remote_cancel *cancel, varve_error *err)
{
    filing f = {.r = r, .key = key, .file = file, .cancel = cancel, .fd = -1};
    remote_abilities can = {0};
    VV_TRY(remote_get_abilities(&r->base, &can, err));
    f.when = can.put_if_absent ? REMOTE_IF_ABSENT : REMOTE_ALWAYS;
    varve_status status = open_file(&f, err);
    bool small = file->size < 2 * r->base.limits.part_bytes;
    if (status == VARVE_OK) status = small ? put_small(&f, err) : put_parts(&f, err);
    end_upload(&f, status);
    vv_closep(&f.fd);
    free(f.part);
    s3_upload_free(f.upload);
    return status;
}

varve_status s3_abandon_file(s3_remote *r, const char *journal, varve_error *err)
{
    VV_CLEANUP(s3_upload_freep) s3_upload *u = NULL;
    varve_status status = s3_journal_read(journal, &u, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    if (status == VARVE_OK) VV_TRY(abort_upload(r, u, err));
    if (status == VARVE_OK || status == VARVE_CORRUPT) return file_unlink(journal, err);
    return status;
}
