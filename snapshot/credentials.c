/* credentials.c — where credentials come from and when they are fetched anew; see credentials.h. */
#include "credentials.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX   65536
#define FETCH_EARLY_MS   (5 * 60 * 1000) /* before they expire */
#define METADATA_MS      5000            /* without progress; the service is near */
#define ROLE_MAX         128
#define METADATA_DEFAULT "http://169.254.169.254"
#define METADATA_PATH    "/latest/meta-data/iam/security-credentials/"

struct credentials_source {
    http_pool *http;
    char *file, *profile, *metadata; /* at most one of file and metadata */
    /* Guards what is below; held while credentials are fetched, so that one does it for all. */
    pthread_mutex_t lock;
    credentials now;
    bool loaded;
};

/* ---- a file -------------------------------------------------------------------------------- */

/* Links are followed: secrets are often mounted as such. */
static varve_status read_file(const char *path, char *to, size_t size, size_t *ret_len,
                              varve_error *err)
{
    size_t len = 0;
    VV_CLEANUP(vv_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vv_fail(err, errno == ENOENT ? VARVE_NOT_FOUND : VARVE_IO,
                       "cannot open credentials %s: %s", path, strerror(errno));
    for (;;) {
        ssize_t n = read(fd, to + len, size - len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return vv_fail(err, VARVE_IO, "cannot read credentials %s: %s", path, strerror(errno));
        len += (size_t)n;
        if (n == 0) break;
        if (len == size)
            return vv_fail(err, VARVE_LIMIT, "credentials %s: more than %zu bytes", path, size);
    }
    *ret_len = len;
    return VARVE_OK;
}

static varve_status fetch_file(const credentials_source *s, credentials *ret, varve_error *err)
{
    char *text = malloc(FILE_BYTES_MAX);
    size_t len = 0;
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for credentials");
    varve_status status = read_file(s->file, text, FILE_BYTES_MAX, &len, err);
    if (status == VARVE_OK) {
        status = credentials_parse_file(text, len, s->profile, ret, err);
        if (status != VARVE_OK) vv_error_prefix(err, "credentials %s", s->file);
    }
    explicit_bzero(text, FILE_BYTES_MAX);
    free(text);
    return status;
}

/* ---- the metadata service, version 2 -------------------------------------------------------- */

static varve_status ask_metadata(const credentials_source *s, const char *method, const char *path,
                                 const s3_header *header, http_answer *answer, varve_error *err)
{
    char url[1024];
    int len = snprintf(url, sizeof url, "%s%s", s->metadata, path);
    if (len >= (int)sizeof url) return vv_fail(err, VARVE_LIMIT, "a long metadata endpoint");
    http_request q = {.method = method,
                      .url = url,
                      .headers = header,
                      .header_count = 1,
                      .has_body = strcmp(method, "PUT") == 0,
                      .progress_ms = METADATA_MS};
    VV_TRY(http_send(s->http, &q, answer, err));
    if (answer->status != 200) return vv_fail(err, VARVE_IO, "it answers %d", answer->status);
    return VARVE_OK;
}

/* The first line of an answer. */
static varve_status take_line(const http_answer *answer, char *ret, size_t size, varve_error *err)
{
    size_t len = 0;
    while (len < answer->body.len && answer->body.data[len] > ' ' && answer->body.data[len] < 0x7f)
        len++;
    if (len == 0 || len >= size) return vv_fail(err, VARVE_INVALID, "its answer is no word");
    memcpy(ret, answer->body.data, len);
    ret[len] = '\0';
    return VARVE_OK;
}

static varve_status walk_metadata(const credentials_source *s, http_answer *answer,
                                  char token[2048], credentials *ret, varve_error *err)
{
    static const s3_header lifetime = {"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
    const s3_header proof = {"x-aws-ec2-metadata-token", token};
    char role[ROLE_MAX], path[sizeof METADATA_PATH + ROLE_MAX];
    VV_TRY(ask_metadata(s, "PUT", "/latest/api/token", &lifetime, answer, err));
    VV_TRY(take_line(answer, token, 2048, err));
    VV_TRY(ask_metadata(s, "GET", METADATA_PATH, &proof, answer, err));
    VV_TRY(take_line(answer, role, sizeof role, err));
    snprintf(path, sizeof path, METADATA_PATH "%s", role);
    VV_TRY(ask_metadata(s, "GET", path, &proof, answer, err));
    size_t len = answer->body.len;
    VV_TRY(buffer_reserve(&answer->body, JSON_TEXT_PADDING, err));
    if (!answer->body.data) return vv_fail(err, VARVE_INVALID, "its answer is empty");
    memset(answer->body.data + len, 0, JSON_TEXT_PADDING);
    return credentials_parse_metadata(answer->body.data, len, ret, err);
}

static varve_status fetch_metadata(const credentials_source *s, credentials *ret, varve_error *err)
{
    http_answer answer;
    char token[2048] = "";
    http_answer_init(&answer);
    varve_status status = walk_metadata(s, &answer, token, ret, err);
    if (status != VARVE_OK) vv_error_prefix(err, "metadata service");
    if (answer.body.data) explicit_bzero(answer.body.data, answer.body.capacity);
    explicit_bzero(token, sizeof token);
    http_answer_done(&answer);
    return status;
}

/* ---- source -------------------------------------------------------------------------------- */

static bool set_copy(char **ret, const char *text)
{
    *ret = strdup(text);
    return *ret != NULL;
}

static varve_status take_given(credentials_source *s, const remote_s3_options *o, varve_error *err)
{
    const char *token = o->session_token ? o->session_token : "";
    if (!o->secret_key) return vv_fail(err, VARVE_INVALID, "an access key without its secret");
    if (strlen(o->access_key) >= sizeof s->now.access_key ||
        strlen(o->secret_key) >= sizeof s->now.secret_key ||
        strlen(token) >= sizeof s->now.session_token)
        return vv_fail(err, VARVE_LIMIT, "credentials are too long");
    strcpy(s->now.access_key, o->access_key);
    strcpy(s->now.secret_key, o->secret_key);
    strcpy(s->now.session_token, token);
    s->loaded = true;
    return VARVE_OK;
}

static varve_status take_options(credentials_source *s, const remote_s3_options *o,
                                 varve_error *err)
{
    bool good = true;
    if (o->access_key) return take_given(s, o, err);
    if (o->credentials_file)
        good = set_copy(&s->file, o->credentials_file) &&
               set_copy(&s->profile, o->profile ? o->profile : "default");
    else if (o->metadata_service)
        good =
            set_copy(&s->metadata, o->metadata_endpoint ? o->metadata_endpoint : METADATA_DEFAULT);
    else
        return vv_fail(err, VARVE_INVALID, "no credentials are given");
    return good ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for credentials");
}

varve_status credentials_source_new(const remote_s3_options *options, http_pool *http,
                                    credentials_source **ret, varve_error *err)
{
    credentials_source *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for credentials");
    s->http = http;
    (void)pthread_mutex_init(&s->lock, NULL);
    varve_status status = take_options(s, options, err);
    if (status != VARVE_OK) {
        credentials_source_free(s);
        return status;
    }
    *ret = s;
    return VARVE_OK;
}

void credentials_source_free(credentials_source *s)
{
    if (!s) return;
    credentials_wipe(&s->now);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->file);
    free(s->profile);
    free(s->metadata);
    free(s);
}

static varve_status fetch_locked(credentials_source *s, varve_error *err)
{
    VV_CLEANUP(credentials_wipe) credentials fresh = {{0}, {0}, {0}, 0, 0};
    if (s->file)
        VV_TRY(fetch_file(s, &fresh, err));
    else
        VV_TRY(fetch_metadata(s, &fresh, err));
    fresh.generation = s->now.generation + 1;
    s->now = fresh;
    s->loaded = true;
    return VARVE_OK;
}

/* While they last, credentials that could not be fetched anew in time go on serving. */
static varve_status refresh_locked(credentials_source *s, varve_error *err)
{
    uint64_t now_ms = clock_wall_ms();
    bool old = s->now.expires_ms != 0 && now_ms + FETCH_EARLY_MS >= s->now.expires_ms;
    if (s->loaded && !old) return VARVE_OK;
    bool lasts = s->loaded && now_ms < s->now.expires_ms;
    varve_status status = fetch_locked(s, err);
    return lasts ? VARVE_OK : status;
}

varve_status credentials_get(credentials_source *s, credentials *ret, varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    varve_status status = refresh_locked(s, err);
    if (status == VARVE_OK) *ret = s->now;
    (void)pthread_mutex_unlock(&s->lock);
    return status;
}

static bool same_keys(const credentials *a, const credentials *b)
{
    return strcmp(a->access_key, b->access_key) == 0 && strcmp(a->secret_key, b->secret_key) == 0 &&
           strcmp(a->session_token, b->session_token) == 0;
}

varve_status credentials_reload(credentials_source *s, const credentials *used, bool *ret_changed,
                                varve_error *err)
{
    varve_status status = VARVE_OK;
    (void)pthread_mutex_lock(&s->lock);
    if ((s->file || s->metadata) && s->now.generation == used->generation)
        status = fetch_locked(s, err);
    if (status == VARVE_OK) *ret_changed = !same_keys(&s->now, used);
    (void)pthread_mutex_unlock(&s->lock);
    return status;
}
