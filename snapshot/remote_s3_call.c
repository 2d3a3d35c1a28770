/* remote_s3_call.c — one signed request to S3, and whether there is another attempt after it; see
 * remote_s3_inner.h. */
#include "remote_s3_inner.h"

#include "base/clock.h"

#include <string.h>

#define URL_MAX     16384
#define CLOCK_OFF_S 600 /* more, and a refusal that tells no reason is put down to it */

void s3_answer_init(s3_answer *a)
{
    memset(a, 0, sizeof *a);
    http_answer_init(&a->http);
}

void s3_answer_done(s3_answer *a)
{
    http_answer_done(&a->http);
    credentials_wipe(&a->used);
}

void s3_tries_begin(s3_tries *t, s3_remote *r, uint64_t bytes, const remote_cancel *cancel)
{
    *t = (s3_tries){.reloaded = false};
    remote_attempts_begin(&t->attempts, &r->base, bytes, cancel);
}

/* ---- sending ------------------------------------------------------------------------------- */

static varve_status make_path(const s3_remote *r, const s3_call *call, buffer *out,
                              varve_error *err)
{
    VV_TRY(s3_encode_path(out, r->path, err));
    VV_TRY(buffer_add_text(out, "/", err));
    if (call->key) {
        VV_TRY(s3_encode_path(out, r->prefix, err));
        VV_TRY(s3_encode_path(out, call->key, err));
    }
    return buffer_add(out, "", 1, err);
}

typedef struct signed_request { /* what s3_send_once puts together */
    buffer path, query, url, authorization;
    s3_header headers[S3_HEADERS_MAX];
    size_t header_count;
    char date[17];
} signed_request;

static void signed_request_init(signed_request *s)
{
    *s = (signed_request){.header_count = 0};
    buffer_init(&s->path, URL_MAX, "path");
    buffer_init(&s->query, URL_MAX, "query");
    buffer_init(&s->url, 2 * URL_MAX, "URL");
    buffer_init(&s->authorization, URL_MAX, "authorization");
}

static void signed_request_done(signed_request *s)
{
    buffer_done(&s->path);
    buffer_done(&s->query);
    buffer_done(&s->url);
    buffer_done(&s->authorization);
}

static void add(signed_request *s, const char *name, const char *value)
{
    s->headers[s->header_count++] = (s3_header){name, value};
}

static varve_status make_headers(s3_remote *r, const s3_call *call, const credentials *keys,
                                 signed_request *s, varve_error *err)
{
    int64_t now_s = (int64_t)(clock_wall_ms() / 1000) + atomic_load(&r->clock_offset_s);
    const char *sum = call->body_sha256 ? call->body_sha256 : S3_EMPTY_SHA256;
    s3_format_date(now_s, s->date);
    add(s, "host", r->host);
    add(s, "x-amz-date", s->date);
    add(s, "x-amz-content-sha256", sum);
    if (keys->session_token[0]) add(s, "x-amz-security-token", keys->session_token);
    for (size_t i = 0; i < call->header_count; i++)
        add(s, call->headers[i].name, call->headers[i].value);
    const s3_sign_request q = {.method = call->method,
                               .path = s->path.data,
                               .query = s->query.data,
                               .headers = s->headers,
                               .header_count = s->header_count,
                               .payload_sha256 = sum,
                               .region = r->region,
                               .service = "s3",
                               .access_key = keys->access_key,
                               .secret_key = keys->secret_key,
                               .date = s->date};
    VV_TRY(s3_sign(&q, &s->authorization, err));
    VV_TRY(buffer_add(&s->authorization, "", 1, err));
    add(s, "authorization", s->authorization.data);
    return VARVE_OK;
}

static varve_status prepare(s3_remote *r, const s3_call *call, const credentials *keys,
                            signed_request *s, varve_error *err)
{
    VV_TRY(make_path(r, call, &s->path, err));
    VV_TRY(s3_encode_query(&s->query, call->params, call->param_count, err));
    VV_TRY(buffer_add(&s->query, "", 1, err));
    VV_TRY(buffer_printf(&s->url, err, "%s%s%s%s", r->root, s->path.data,
                         s->query.data[0] ? "?" : "", s->query.data));
    VV_TRY(buffer_add(&s->url, "", 1, err));
    return make_headers(r, call, keys, s, err);
}

/* The store's own words, as far as it gave any. */
static void set_message(const s3_answer *a, varve_error *err)
{
    const http_answer *h = &a->http;
    if (h->status >= 300 && h->status < 400)
        vv_error_set(err, a->verdict.status,
                     "the store sends us elsewhere (%d%s%s): check endpoint and region", h->status,
                     h->region[0] ? "; the bucket's region is " : "", h->region);
    else if (a->failure.code[0])
        vv_error_set(err, a->verdict.status, "the store says %d %s: %s", h->status, a->failure.code,
                     a->failure.message);
    else
        vv_error_set(err, a->verdict.status, "the store says %d", h->status);
}

/* Answers to HEAD have no body, and tell no code. What another clock, or other credentials, would
 * mend is guessed, and tried once. */
static s3_remedy guess_remedy(const s3_remote *r, const http_answer *h)
{
    int64_t there = http_parse_date(h->date);
    int64_t here = (int64_t)(clock_wall_ms() / 1000) + atomic_load(&r->clock_offset_s);
    bool clock = there >= 0 && (there > here + CLOCK_OFF_S || there < here - CLOCK_OFF_S);
    return clock ? S3_CLOCK : S3_RELOAD;
}

static varve_status judge(const s3_remote *r, const s3_call *call, s3_answer *a, s3_tries *tries,
                          varve_error *err)
{
    const buffer *body = &a->http.body;
    if (body->len > 0 && !s3_xml_read_failure(body->data, body->len, &a->failure) &&
        a->http.status >= 300)
        a->failure = (s3_xml_failure){{0}, {0}};
    a->verdict = s3_judge(a->http.status, a->failure.code);
    /* The rest of a GET that has no tag is no object of S3's. */
    if (a->verdict.status == VARVE_OK && call->sink && !a->http.etag[0])
        a->verdict = (s3_verdict){VARVE_IO, S3_AGAIN, false};
    if (!a->failure.code[0] && (a->http.status == 400 || a->http.status == 403))
        a->verdict.remedy = guess_remedy(r, &a->http);
    if (a->verdict.status == VARVE_OK) return VARVE_OK;
    tries->unsure = tries->unsure || a->verdict.unsure;
    set_message(a, err);
    return a->verdict.status;
}

static varve_status send_prepared(s3_remote *r, const s3_call *call, const signed_request *s,
                                  s3_tries *tries, s3_answer *a, varve_error *err)
{
    const http_request q = {.method = call->method,
                            .url = s->url.data,
                            .headers = s->headers,
                            .header_count = s->header_count,
                            .has_body = call->has_body,
                            .body = call->body,
                            .body_len = call->body_len,
                            .sink = call->sink,
                            .arg = call->arg,
                            .cancel = tries->attempts.cancel,
                            .progress_ms = r->base.limits.request_ms,
                            .paced = &r->base};
    varve_status status = http_send(r->http, &q, &a->http, err);
    tries->unsure = tries->unsure || a->http.sent_twice;
    if (status == VARVE_OK) return judge(r, call, a, tries, err);
    a->verdict = (s3_verdict){status, a->http.may_pass ? S3_AGAIN : S3_FINAL, a->http.sent};
    tries->unsure = tries->unsure || a->verdict.unsure;
    return status;
}

varve_status s3_send_once(s3_remote *r, const s3_call *call, s3_tries *tries, s3_answer *a,
                          varve_error *err)
{
    VV_CLEANUP(signed_request_done) signed_request s;
    signed_request_init(&s);
    a->failure = (s3_xml_failure){{0}, {0}};
    a->verdict = (s3_verdict){VARVE_IO, S3_FINAL, false};
    VV_TRY(credentials_get(r->credentials, &a->used, err));
    VV_TRY(prepare(r, call, &a->used, &s, err));
    return send_prepared(r, call, &s, tries, a, err);
}

/* ---- another attempt ----------------------------------------------------------------------- */

/* The store's clock, from its answer. */
static bool take_clock(s3_remote *r, const s3_answer *a)
{
    int64_t there = http_parse_date(a->http.date);
    if (there < 0) return false;
    atomic_store(&r->clock_offset_s, there - (int64_t)(clock_wall_ms() / 1000));
    return true;
}

varve_status s3_try_again(s3_remote *r, s3_tries *t, const s3_answer *a, varve_status failed,
                          varve_error *err)
{
    bool changed = false;
    switch (a->verdict.remedy) {
    case S3_FINAL: return failed;
    case S3_CLOCK:
        if (t->clocked || !take_clock(r, a)) return failed;
        t->clocked = true;
        return VARVE_OK;
    case S3_RELOAD:
        if (t->reloaded || credentials_reload(r->credentials, &a->used, &changed, NULL) != VARVE_OK)
            return failed;
        t->reloaded = true;
        return changed ? VARVE_OK : failed;
    case S3_AGAIN: break;
    }
    return remote_attempts_wait(&t->attempts, failed, a->http.retry_after_s * 1000, err);
}

varve_status s3_send(s3_remote *r, const s3_call *call, s3_tries *tries, s3_answer *a,
                     varve_error *err)
{
    varve_status status;
    while ((status = s3_send_once(r, call, tries, a, err)) != VARVE_OK)
        VV_TRY(s3_try_again(r, tries, a, status, err));
    return VARVE_OK;
}
