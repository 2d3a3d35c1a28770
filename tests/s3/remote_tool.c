/* remote_tool.c — one call of snapshot/remote.h from the command line, for the tests in Python.
 *
 *     remote_tool OPTION=VALUE... VERB ARGUMENT...
 *
 *     put KEY FILE [TAG | absent]    put-file KEY FILE [JOURNAL]    abandon JOURNAL
 *     get KEY [OFFSET LEN]           read KEY                       stat KEY
 *     list PREFIX [AFTER]            delete KEY                     abilities
 *     hammer PREFIX THREADS COUNT    threads that put, read, list and delete on one remote
 *
 * Results go to standard output; a failure is "STATUS: sentence" on standard error, and exit 1. */
#include "base/clock.h"
#include "base/file.h"
#include "remote.h"
#include "tool_options.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)

static remote_cancel cancel; /* of put-file and get */

static bool time_is_up(void *arg)
{
    const uint64_t *end_ns = arg;
    return *end_ns != 0 && clock_now_ns() > *end_ns;
}

/* ---- verbs --------------------------------------------------------------------------------- */

static const char *argument(char **arguments, int i)
{
    for (int n = 0; n <= i; n++)
        if (!arguments[n]) return NULL;
    return arguments[i];
}

static varve_status put(remote *r, char **a, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    char tag[REMOTE_TAG_MAX];
    const char *condition = argument(a, 2);
    bool absent = condition && strcmp(condition, "absent") == 0;
    remote_when when = absent ? REMOTE_IF_ABSENT : condition ? REMOTE_IF_TAG : REMOTE_ALWAYS;
    VV_TRY(file_read(a[1], FILE_BYTES_MAX, &bytes, &len, err));
    VV_TRY(remote_put(r, a[0], bytes, len, when, absent ? NULL : condition, tag, err));
    puts(tag);
    return VARVE_OK;
}

static varve_status put_file(remote *r, char **a, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    unsigned int sum_len = 32;
    remote_file file = {.path = a[1], .journal = argument(a, 2)};
    VV_TRY(file_read(a[1], FILE_BYTES_MAX, &bytes, &len, err));
    file.size = len;
    if (EVP_Digest(bytes, len, file.sha256, &sum_len, EVP_sha256(), NULL) != 1) abort();
    return remote_put_file(r, a[0], &file, &cancel, err);
}

static varve_status to_output(void *arg, uint64_t at, const void *bytes, size_t len,
                              varve_error *err)
{
    uint64_t *next = arg;
    if (at != *next) return vv_fail(err, VARVE_INTERNAL, "bytes out of order");
    *next += len;
    return fwrite(bytes, 1, len, stdout) == len ? VARVE_OK : VARVE_IO;
}

static varve_status get(remote *r, char **a, varve_error *err)
{
    uint64_t offset = argument(a, 1) ? strtoull(a[1], NULL, 10) : 0, next = offset;
    uint64_t len = argument(a, 2) ? strtoull(a[2], NULL, 10) : UINT64_MAX;
    return remote_get(r, a[0], offset, len, to_output, &next, &cancel, err);
}

static varve_status read_whole(remote *r, char **a, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    VV_TRY(remote_read(r, a[0], FILE_BYTES_MAX, &bytes, &len, NULL, err));
    return fwrite(bytes, 1, len, stdout) == len ? VARVE_OK : VARVE_IO;
}

static varve_status stat_object(remote *r, char **a, varve_error *err)
{
    remote_stat_result found = {0};
    VV_TRY(remote_stat(r, a[0], &found, err));
    printf("%" PRIu64 " %" PRIu64 " %s\n", found.size, found.modified_ms, found.tag);
    return VARVE_OK;
}

static varve_status print_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    (void)arg;
    (void)err;
    printf("%s %" PRIu64 "\n", key, size);
    return VARVE_OK;
}

static varve_status list(remote *r, char **a, varve_error *err)
{
    return remote_list(r, a[0], argument(a, 1), print_key, NULL, err);
}

typedef struct hammering {
    pthread_t thread;
    remote *r;
    const char *prefix;
    int number, count;
    varve_status status;
    varve_error err;
} hammering;

static varve_status count_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    (void)key, (void)size, (void)err;
    ++*(int *)arg;
    return VARVE_OK;
}

static varve_status hammer_once(hammering *h, int i)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    char key[140], text[32], below[120];
    size_t len = 0;
    int keys = 0;
    snprintf(below, sizeof below, "%s/%d/", h->prefix, h->number);
    snprintf(key, sizeof key, "%s%d", below, i);
    snprintf(text, sizeof text, "%d of %d", i, h->number);
    VV_TRY(remote_put(h->r, key, text, strlen(text), REMOTE_IF_ABSENT, NULL, NULL, &h->err));
    VV_TRY(remote_read(h->r, key, 100, &bytes, &len, NULL, &h->err));
    if (strcmp(bytes, text) != 0) return vv_fail(&h->err, VARVE_CORRUPT, "'%s'", bytes);
    VV_TRY(remote_list(h->r, below, NULL, count_key, &keys, &h->err));
    if (keys != 1) return vv_fail(&h->err, VARVE_CORRUPT, "%d keys", keys);
    return remote_delete(h->r, key, &h->err);
}

static void *hammer_all(void *arg)
{
    hammering *h = arg;
    for (int i = 0; h->status == VARVE_OK && i < h->count; i++)
        h->status = hammer_once(h, i);
    return NULL;
}

static varve_status hammer(remote *r, char **a, varve_error *err)
{
    hammering all[16] = {{0}};
    varve_status status = VARVE_OK;
    size_t threads = VV_MIN(strtoull(a[1], NULL, 10), VV_COUNT(all));
    for (size_t i = 0; i < threads; i++) {
        all[i] = (hammering){.r = r, .prefix = a[0], .number = (int)i, .count = atoi(a[2])};
        if (pthread_create(&all[i].thread, NULL, hammer_all, &all[i]) != 0) abort();
    }
    for (size_t i = 0; i < threads; i++) {
        if (pthread_join(all[i].thread, NULL) != 0) abort();
        if (all[i].status == VARVE_OK) continue;
        *err = all[i].err;
        status = all[i].status;
    }
    return status;
}

static varve_status abilities(remote *r, char **a, varve_error *err)
{
    remote_abilities can = {0};
    (void)a;
    VV_TRY(remote_get_abilities(r, &can, err));
    printf("put_if_absent %d put_if_tag %d checks_sums %d\n", can.put_if_absent, can.put_if_tag,
           can.checks_sums);
    return VARVE_OK;
}

static varve_status remove_object(remote *r, char **a, varve_error *err)
{
    return remote_delete(r, a[0], err);
}

static varve_status abandon(remote *r, char **a, varve_error *err)
{
    return remote_abandon_file(r, a[0], err);
}

typedef struct verb {
    const char *name;
    int arguments; /* at least */
    varve_status (*run)(remote *r, char **a, varve_error *err);
} verb;
static const verb verbs[] = {{"put", 2, put},
                             {"put-file", 2, put_file},
                             {"abandon", 1, abandon},
                             {"get", 1, get},
                             {"read", 1, read_whole},
                             {"stat", 1, stat_object},
                             {"list", 1, list},
                             {"hammer", 3, hammer},
                             {"delete", 1, remove_object},
                             {"abilities", 0, abilities}};

static varve_status run(const tool_options *s, const verb *v, char **a, varve_error *err)
{
    VV_CLEANUP(remote_closep) remote *r = NULL;
    VV_TRY(remote_open(s->url, &s->s3, true, &s->limits, &r, err));
    return v->run(r, a, err);
}

int main(int argc, char **argv)
{
    tool_options s = {.url = "s3://bucket"};
    varve_error err = {0};
    int i = 1;
    while (i < argc && tool_take_option(&s, argv[i]))
        i++;
    for (size_t n = 0; i < argc && n < VV_COUNT(verbs); n++) {
        if (strcmp(argv[i], verbs[n].name) != 0 || argc - i - 1 < verbs[n].arguments) continue;
        uint64_t end_ns = s.cancel_ms ? clock_now_ns() + s.cancel_ms * 1000000 : 0;
        cancel = (remote_cancel){time_is_up, &end_ns};
        varve_status status = run(&s, &verbs[n], argv + i + 1, &err);
        if (status != VARVE_OK) fprintf(stderr, "%s: %s\n", varve_status_name(status), err.message);
        return status != VARVE_OK;
    }
    fprintf(stderr, "remote_tool: see the head of remote_tool.c\n");
    return 2;
}
