/* remote_s3_put.c — objects whose bytes are at hand: sums, conditions, and what an answer that got
 * lost or does not fit means. See remote_s3_inner.h. */
#include "remote_s3_inner.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* ---- sums ---------------------------------------------------------------------------------- */

varve_status s3_sums_of(const void *bytes, size_t len, s3_sums *ret, varve_error *err)
{
    unsigned int sha_len = sizeof ret->sha256, md5_len = sizeof ret->md5;
    memset(ret, 0, sizeof *ret);
    if (EVP_Digest(bytes, len, ret->sha256, &sha_len, EVP_sha256(), NULL) != 1)
        return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    ret->has_md5 = EVP_Digest(bytes, len, ret->md5, &md5_len, EVP_md5(), NULL) == 1;
    s3_hex(ret->sha256, sizeof ret->sha256, ret->sha256_hex);
    (void)EVP_EncodeBlock((unsigned char *)ret->sha256_base64, ret->sha256, sizeof ret->sha256);
    return VARVE_OK;
}

typedef struct sum_sink {
    EVP_MD_CTX *context;
    uint64_t size;
} sum_sink;

/* The object is read in one go: bytes from an earlier place would begin the sum anew. */
static varve_status add_to_sum(void *arg, uint64_t at, const void *bytes, size_t len,
                               varve_error *err)
{
    sum_sink *s = arg;
    if (at != s->size) return vv_fail(err, VARVE_INTERNAL, "bytes out of order");
    s->size += len;
    if (EVP_DigestUpdate(s->context, bytes, len) == 1) return VARVE_OK;
    return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
}

varve_status s3_read_sum(s3_remote *r, const char *key, const remote_cancel *cancel,
                         uint8_t ret_sha256[32], uint64_t *ret_size, char ret_tag[REMOTE_TAG_MAX],
                         varve_error *err)
{
    unsigned int len = 32;
    sum_sink s = {.context = EVP_MD_CTX_new()};
    if (!s.context || EVP_DigestInit_ex(s.context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(s.context);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sum");
    }
    varve_status status =
        r->base.type->get(&r->base, key, 0, UINT64_MAX, add_to_sum, &s, cancel, ret_tag, err);
    if (status == VARVE_OK && EVP_DigestFinal_ex(s.context, ret_sha256, &len) != 1)
        status = vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    EVP_MD_CTX_free(s.context);
    if (status == VARVE_OK) *ret_size = s.size;
    return status;
}

bool s3_tag_fits(const char *tag, const uint8_t md5[16], const char *suffix)
{
    char hex[33], digits[33] = "";
    size_t len = strlen(tag);
    if (len >= 2 && tag[0] == '"' && tag[len - 1] == '"') {
        tag++;
        len -= 2;
    }
    if (len != 32 + strlen(suffix) || strncmp(tag + 32, suffix, strlen(suffix)) != 0) return true;
    memcpy(digits, tag, 32);
    if (strspn(digits, "0123456789abcdefABCDEF") != 32) return true;
    s3_hex(md5, 16, hex);
    return strcasecmp(hex, digits) == 0;
}

void s3_storage_headers(const s3_remote *r, s3_call *call)
{
    s3_add_header(call, "x-amz-storage-class", r->storage_class);
    s3_add_header(call, "x-amz-server-side-encryption", r->encryption);
    s3_add_header(call, "x-amz-server-side-encryption-aws-kms-key-id", r->kms_key_id);
}

/* ---- put ----------------------------------------------------------------------------------- */

typedef struct put {
    s3_remote *r;
    const char *key;
    const s3_sums *sums;
    size_t len;
    remote_when when;
    s3_tries tries;
    s3_answer answer;
    char tag[REMOTE_TAG_MAX];       /* of what was stored */
    size_t condition;               /* which of the call's headers */
    char wrong_tag[REMOTE_TAG_MAX]; /* of other bytes, stored by an attempt of ours */
    bool wrong_stored;
} put;

/* Does the answer, of what it was given, tell other sums than ours? */
static bool answer_fits(const put *p)
{
    const http_answer *h = &p->answer.http;
    if (h->checksum_sha256[0]) return strcmp(h->checksum_sha256, p->sums->sha256_base64) == 0;
    if (!p->sums->has_md5 || atomic_load(&p->r->tags_are_no_md5)) return true;
    if (strncmp(h->encryption, "aws:kms", 7) == 0) return true; /* its tags are no MD5 */
    return s3_tag_fits(h->etag, p->sums->md5, "");
}

/* Is what the store holds now ours, byte for byte? */
static varve_status holds_ours(put *p, bool *ret, varve_error *err)
{
    uint8_t sum[32];
    uint64_t size = 0;
    varve_status status =
        s3_read_sum(p->r, p->key, p->tries.attempts.cancel, sum, &size, p->tag, err);
    if (status != VARVE_OK && status != VARVE_NOT_FOUND) return status;
    *ret = status == VARVE_OK && size == p->len && memcmp(sum, p->sums->sha256, sizeof sum) == 0;
    return VARVE_OK;
}

/* The tag is not the MD5 of our bytes: either the store makes its tags in another way, or it stored
 * something else. Reading back tells. What is wrong is then ours to replace: on condition that
 * it is still there, or, where the store knows no such condition, by removing it first. */
static varve_status check_doubtful(put *p, s3_call *call, varve_error *err)
{
    bool ours = false;
    remote_abilities can = {0};
    memcpy(p->wrong_tag, p->tag, sizeof p->wrong_tag);
    VV_TRY(holds_ours(p, &ours, err));
    if (ours) {
        if (!p->answer.http.checksum_sha256[0]) atomic_store(&p->r->tags_are_no_md5, true);
        return VARVE_OK;
    }
    p->wrong_stored = true;
    p->answer.verdict = (s3_verdict){VARVE_CORRUPT, S3_AGAIN, false};
    if (p->when != REMOTE_ALWAYS) {
        VV_TRY(remote_get_abilities(&p->r->base, &can, err));
        if (can.put_if_tag)
            call->headers[p->condition] = (s3_header){"if-match", p->wrong_tag};
        else
            VV_TRY(s3_delete(p->r, p->key, err));
    }
    return vv_fail(err, VARVE_CORRUPT, "the store holds other bytes than it was sent");
}

/* A condition failed. If an earlier attempt may have been carried out, it may be ours that is
 * there. */
static varve_status check_condition(put *p, varve_status failed, varve_error *err)
{
    bool ours = false;
    bool gone = failed == VARVE_NOT_FOUND && p->when == REMOTE_IF_TAG;
    if (p->tries.unsure && failed == VARVE_CONFLICT) VV_TRY(holds_ours(p, &ours, err));
    if (ours) return VARVE_OK;
    if (p->when == REMOTE_IF_ABSENT && failed == VARVE_CONFLICT)
        return vv_fail(err, VARVE_EXISTS, "it is there already");
    if (gone || failed == VARVE_CONFLICT)
        return vv_fail(err, VARVE_CONFLICT, "it was changed or removed meanwhile");
    return failed;
}

static bool condition_failed(const put *p, varve_status status)
{
    int http = p->answer.http.status;
    return p->when != REMOTE_ALWAYS &&
           ((status == VARVE_CONFLICT && http == 412) ||
            (status == VARVE_NOT_FOUND && p->when == REMOTE_IF_TAG && http == 404));
}

static varve_status attempt(put *p, s3_call *call, varve_error *err)
{
    VV_TRY(s3_send_once(p->r, call, &p->tries, &p->answer, err));
    memcpy(p->tag, p->answer.http.etag, sizeof p->tag);
    if (!p->tag[0]) { /* half an answer */
        p->answer.verdict = (s3_verdict){VARVE_IO, S3_AGAIN, true};
        p->tries.unsure = true;
        return vv_fail(err, VARVE_IO, "the store tells no tag");
    }
    return answer_fits(p) ? VARVE_OK : check_doubtful(p, call, err);
}

static varve_status run_put(put *p, s3_call *call, varve_error *err)
{
    varve_status status;
    while ((status = attempt(p, call, err)) != VARVE_OK) {
        if (condition_failed(p, status)) return check_condition(p, status, err);
        status = s3_try_again(p->r, &p->tries, &p->answer, status, err);
        if (status == VARVE_OK) continue;
        if (p->wrong_stored && s3_delete(p->r, p->key, NULL) != VARVE_OK)
            vv_error_prefix(err, "wrong bytes are left there");
        return status;
    }
    return VARVE_OK;
}

varve_status s3_put_bytes(s3_remote *r, const char *key, const void *bytes, size_t len,
                          const s3_sums *sums, remote_when when, const char *tag,
                          const remote_cancel *cancel, char *ret_tag, varve_error *err)
{
    put p = {.r = r, .key = key, .sums = sums, .len = len, .when = when};
    s3_call call = {.method = "PUT",
                    .key = key,
                    .has_body = true,
                    .body = bytes,
                    .body_len = len,
                    .body_sha256 = sums->sha256_hex};
    s3_add_header(&call, "x-amz-checksum-sha256", sums->sha256_base64);
    s3_storage_headers(r, &call);
    p.condition = call.header_count;
    if (when == REMOTE_IF_ABSENT) s3_add_header(&call, "if-none-match", "*");
    if (when == REMOTE_IF_TAG) s3_add_header(&call, "if-match", tag);
    s3_tries_begin(&p.tries, r, len, cancel);
    s3_answer_init(&p.answer);
    varve_status status = run_put(&p, &call, err);
    s3_answer_done(&p.answer);
    if (status == VARVE_OK && ret_tag) memcpy(ret_tag, p.tag, sizeof p.tag);
    return status;
}

varve_status s3_delete(s3_remote *r, const char *key, varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    const s3_call call = {.method = "DELETE", .key = key};
    s3_tries_begin(&tries, r, 0, NULL);
    s3_answer_init(&answer);
    varve_status status = s3_send(r, &call, &tries, &answer, err);
    s3_answer_done(&answer);
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

/* ---- abilities ----------------------------------------------------------------------------- */

/* One put that may be refused for the reason asked about: VARVE_OK, that refusal, or a failure. */
static varve_status probe(s3_remote *r, const char *key, const char *sha256, const char *condition,
                          const char *value, varve_status refusal, varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    s3_call call = {.method = "PUT",
                    .key = key,
                    .has_body = true,
                    .body = "probe",
                    .body_len = 5,
                    .body_sha256 = sha256};
    if (condition) s3_add_header(&call, condition, value);
    s3_storage_headers(r, &call);
    s3_tries_begin(&tries, r, 0, NULL);
    s3_answer_init(&answer);
    varve_status status;
    while ((status = s3_send_once(r, &call, &tries, &answer, err)) != VARVE_OK) {
        bool denied = strcmp(answer.failure.code, "AccessDenied") == 0;
        if (status == refusal && answer.http.status >= 400 && answer.http.status < 500) break;
        if (answer.http.status == 400 && answer.verdict.remedy == S3_FINAL) {
            status = VARVE_UNSUPPORTED;
            break;
        }
        varve_status again = s3_try_again(r, &tries, &answer, status, err);
        if (again != VARVE_OK) {
            status = denied ? VARVE_READ_ONLY : again;
            if (err) err->status = status;
            break;
        }
    }
    s3_answer_done(&answer);
    return status;
}

/* Does the store refuse a put whose condition does not hold? One that does not know conditions
 * answers 501, or 400, or takes it. */
static varve_status probe_condition(s3_remote *r, const char *key, const char *sha256,
                                    const char *condition, const char *value, bool *ret,
                                    varve_error *err)
{
    varve_status status = probe(r, key, sha256, condition, value, VARVE_CONFLICT, err);
    *ret = status == VARVE_CONFLICT;
    bool told = status == VARVE_OK || status == VARVE_CONFLICT || status == VARVE_UNSUPPORTED;
    return told ? VARVE_OK : status;
}

static varve_status probe_all(s3_remote *r, const char *key, remote_abilities *ret,
                              varve_error *err)
{
    static const char other_tag[] = "\"00000000000000000000000000000000\"";
    s3_sums sums, other;
    VV_TRY(s3_sums_of("probe", 5, &sums, err));
    VV_TRY(s3_sums_of("other", 5, &other, err));
    VV_TRY(probe(r, key, sums.sha256_hex, NULL, NULL, VARVE_OK, err));
    VV_TRY(
        probe_condition(r, key, sums.sha256_hex, "if-none-match", "*", &ret->put_if_absent, err));
    VV_TRY(probe_condition(r, key, sums.sha256_hex, "if-match", other_tag, &ret->put_if_tag, err));
    varve_status status = probe(r, key, other.sha256_hex, NULL, NULL, VARVE_CORRUPT, err);
    ret->checks_sums = status == VARVE_CORRUPT;
    return ret->checks_sums ? VARVE_OK : status;
}

varve_status s3_find_abilities(s3_remote *r, remote_abilities *ret, varve_error *err)
{
    char key[40];
    uint64_t number = 0;
    remote_abilities found = {0};
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return vv_fail(err, VARVE_IO, "the system gives no random number");
    snprintf(key, sizeof key, "probe/%016llx", (unsigned long long)number);
    varve_status status = probe_all(r, key, &found, err);
    varve_status removed = s3_delete(r, key, status == VARVE_OK ? err : NULL);
    if (status == VARVE_OK) status = removed;
    if (status == VARVE_OK) *ret = found;
    return status;
}
