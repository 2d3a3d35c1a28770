/* test_remote_folder.c — a folder as a remote: conditions, modes, links, order, what a crash
 * leaves, and one put on condition among many at once. */
#include "unit.h"

#include "base/file.h"
#include "remote.h"
#include "test_dir.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static test_dir dir;
static char root[300], outside[300];
static remote *r;

static int set_up(void **state)
{
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(root, sizeof root, dir.path, "remote", NULL));
    assert_ok(file_join(outside, sizeof outside, dir.path, "outside", NULL));
    assert_status(remote_open_folder(root, false, NULL, &r, NULL), VARVE_NOT_FOUND);
    assert_ok(remote_open_folder(root, true, NULL, &r, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remote_close(r);
    test_dir_remove(&dir);
    return 0;
}

static varve_status put(const char *key, const char *text, remote_when when, const char *tag,
                        char *ret_tag)
{
    return remote_put(r, key, text, strlen(text), when, tag, ret_tag, NULL);
}

static void expect_text(const char *key, const char *text, char *ret_tag)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    assert_ok(remote_read(r, key, 1000, &bytes, &len, ret_tag, NULL));
    assert_string_equal(bytes, text);
}

static const char *below(const char *name)
{
    static char path[700];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static mode_t mode_of(const char *name)
{
    struct stat found;
    assert_int_equal(lstat(below(name), &found), 0);
    return found.st_mode & 0777;
}

static void test_put(void **state)
{
    char first[REMOTE_TAG_MAX], second[REMOTE_TAG_MAX], told[REMOTE_TAG_MAX];
    remote_stat_result found;
    (void)state;
    assert_ok(put("a/b/c", "one", REMOTE_IF_ABSENT, NULL, first));
    assert_status(put("a/b/c", "two", REMOTE_IF_ABSENT, NULL, NULL), VARVE_EXISTS);
    expect_text("a/b/c", "one", told);
    assert_string_equal(told, first);
    assert_ok(put("a/b/c", "two", REMOTE_IF_TAG, first, second));
    assert_string_not_equal(first, second);
    assert_status(put("a/b/c", "three", REMOTE_IF_TAG, first, NULL), VARVE_CONFLICT);
    assert_status(put("gone", "three", REMOTE_IF_TAG, first, NULL), VARVE_CONFLICT);
    assert_ok(put("a/b/c", "four", REMOTE_ALWAYS, NULL, NULL));
    assert_status(put("a/b/c", "five", REMOTE_IF_TAG, second, NULL), VARVE_CONFLICT);
    assert_ok(remote_stat(r, "a/b/c", &found, NULL));
    assert_int_equal(found.size, 4);
    assert_ok(remote_delete(r, "a/b/c", NULL));
    assert_ok(remote_delete(r, "a/b/c", NULL));
    assert_ok(remote_delete(r, "x/y", NULL));
    assert_status(remote_stat(r, "a/b/c", &found, NULL), VARVE_NOT_FOUND);
    assert_status(remote_stat(r, "a/b", &found, NULL), VARVE_NOT_FOUND);
}

/* The same bytes, size and moment, again and again: a tag never comes back. */
static void test_tags_are_new(void **state)
{
    char first[REMOTE_TAG_MAX], tag[REMOTE_TAG_MAX];
    (void)state;
    assert_ok(put("k", "same", REMOTE_ALWAYS, NULL, first));
    for (int i = 0; i < 200; i++) {
        assert_ok(put("k", "same", REMOTE_ALWAYS, NULL, tag));
        assert_string_not_equal(tag, first);
    }
}

static void test_modes(void **state)
{
    (void)state;
    mode_t old = umask(0);
    assert_ok(put("a/b", "x", REMOTE_IF_ABSENT, NULL, NULL));
    assert_ok(put("c", "x", REMOTE_ALWAYS, NULL, NULL));
    (void)umask(old);
    assert_int_equal(mode_of(""), 0700);
    assert_int_equal(mode_of("a"), 0700);
    assert_int_equal(mode_of("a/b"), 0600);
    assert_int_equal(mode_of("c"), 0600);
    assert_int_equal(mode_of("~lock"), 0600);
}

static varve_status collect(void *arg, const char *key, uint64_t size, varve_error *err)
{
    (void)err;
    sprintf((char *)arg + strlen(arg), "%s:%llu ", key, (unsigned long long)size);
    return strcmp(key, "stop") == 0 ? VARVE_CANCELLED : VARVE_OK;
}

static void expect_list(const char *prefix, const char *after, const char *expected)
{
    char all[500] = "";
    assert_ok(remote_list(r, prefix, after, collect, all, NULL));
    assert_string_equal(all, expected);
}

static void test_list(void **state)
{
    static const char *const keys[] = {"a/1", "a/2/x", "a-1", "a.1", "b", "a/10", "a0", "a/2-y"};
    (void)state;
    expect_list("", NULL, "");
    for (size_t i = 0; i < VV_COUNT(keys); i++)
        assert_ok(put(keys[i], keys[i], REMOTE_ALWAYS, NULL, NULL));
    expect_list("", NULL, "a-1:3 a.1:3 a/1:3 a/10:4 a/2-y:5 a/2/x:5 a0:2 b:1 ");
    expect_list("a/", NULL, "a/1:3 a/10:4 a/2-y:5 a/2/x:5 ");
    expect_list("a/2", NULL, "a/2-y:5 a/2/x:5 ");
    expect_list("a/", "a/10", "a/2-y:5 a/2/x:5 ");
    expect_list("", "a/2/x", "a0:2 b:1 ");
    expect_list("", "a/2/w", "a/2/x:5 a0:2 b:1 ");
    expect_list("c", NULL, "");
    assert_ok(put("stop", "", REMOTE_ALWAYS, NULL, NULL));
    char all[500] = "";
    assert_status(remote_list(r, "", NULL, collect, all, NULL), VARVE_CANCELLED);
}

/* Links are neither followed nor listed nor replaced through; what is no key's is not seen. */
static void test_links(void **state)
{
    remote_stat_result found;
    (void)state;
    assert_ok(file_make_dir(outside, NULL));
    char secret[600];
    snprintf(secret, sizeof secret, "%s/secret", outside);
    assert_ok(file_replace(secret, "secret", 6, NULL));
    assert_int_equal(symlink(outside, below("way")), 0);
    assert_int_equal(symlink(secret, below("link")), 0);
    assert_int_equal(mkfifo(below("pipe"), 0600), 0);
    assert_status(put("way/new", "x", REMOTE_ALWAYS, NULL, NULL), VARVE_UNSUPPORTED);
    assert_status(remote_stat(r, "way/secret", &found, NULL), VARVE_UNSUPPORTED);
    assert_status(remote_stat(r, "link", &found, NULL), VARVE_UNSUPPORTED);
    assert_status(remote_stat(r, "pipe", &found, NULL), VARVE_NOT_FOUND);
    assert_status(remote_delete(r, "way/secret", NULL), VARVE_UNSUPPORTED);
    assert_status(put("link", "x", REMOTE_IF_ABSENT, NULL, NULL), VARVE_EXISTS);
    assert_ok(file_replace(below("a~b"), "x", 1, NULL));
    expect_list("", NULL, "");
    assert_ok(put("link", "x", REMOTE_ALWAYS, NULL, NULL)); /* the link itself is replaced */
    expect_list("", NULL, "link:1 ");
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    assert_ok(file_read(secret, 100, &bytes, &len, NULL));
    assert_string_equal(bytes, "secret");
}

static void test_key_below_key(void **state)
{
    (void)state;
    assert_ok(put("a", "x", REMOTE_ALWAYS, NULL, NULL));
    assert_status(put("a/b", "x", REMOTE_ALWAYS, NULL, NULL), VARVE_UNSUPPORTED);
    assert_ok(put("c/d", "x", REMOTE_ALWAYS, NULL, NULL));
    assert_status(put("c", "x", REMOTE_ALWAYS, NULL, NULL), VARVE_UNSUPPORTED);
    expect_list("", NULL, "a:1 c/d:1 ");
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static void test_files(void **state)
{
    static char bytes[700000];
    char path[600];
    unsigned int len = 32;
    remote_stat_result found;
    (void)state;
    snprintf(path, sizeof path, "%s/file", dir.path);
    memset(bytes, 'f', sizeof bytes);
    assert_ok(file_replace(path, bytes, sizeof bytes, NULL));
    remote_file file = {.path = path, .size = sizeof bytes};
    assert_int_equal(EVP_Digest(bytes, sizeof bytes, file.sha256, &len, EVP_sha256(), NULL), 1);
    assert_status(remote_put_file(r, "k", &file, &(remote_cancel){always, NULL}, NULL),
                  VARVE_CANCELLED);
    assert_ok(remote_put_file(r, "k", &file, NULL, NULL));
    assert_status(remote_put_file(r, "k", &file, NULL, NULL), VARVE_EXISTS);
    assert_ok(remote_stat(r, "k", &found, NULL));
    assert_int_equal(found.size, sizeof bytes);
    file.sha256[0] ^= 1;
    assert_status(remote_put_file(r, "k2", &file, NULL, NULL), VARVE_CORRUPT);
    file.size--;
    assert_status(remote_put_file(r, "k2", &file, NULL, NULL), VARVE_CORRUPT);
    file.path = "/nonexistent";
    assert_status(remote_put_file(r, "k2", &file, NULL, NULL), VARVE_NOT_FOUND);
    expect_list("", NULL, "k:700000 ");
    assert_ok(remote_abandon_file(r, "/nonexistent", NULL));
}

/* What was being written when a process ended goes at the next open, what is being written
 * stays. */
static void test_remains(void **state)
{
    remote *second = NULL;
    (void)state;
    assert_ok(file_replace(below("~new-1-1"), "x", 1, NULL));
    assert_ok(file_replace(below("~new"), "x", 1, NULL));
    assert_ok(remote_open_folder(root, false, NULL, &second, NULL));
    assert_false(file_exists(below("~new-1-1")));
    assert_true(file_exists(below("~new")));
    remote_close(second);
}

typedef struct racer {
    pthread_t thread;
    int won, number;
} racer;

/* Adds one to a number under the key "n", by tags, a hundred times; and takes names. */
static void *race(void *arg)
{
    racer *self = arg;
    for (int i = 0; i < 100; i++) {
        char name[32], tag[REMOTE_TAG_MAX], text[32], *bytes = NULL;
        size_t len = 0;
        snprintf(name, sizeof name, "names/%d", i);
        if (put(name, "x", REMOTE_IF_ABSENT, NULL, NULL) == VARVE_OK) self->won++;
        varve_status status = VARVE_CONFLICT;
        while (status == VARVE_CONFLICT) {
            if (remote_read(r, "n", 100, &bytes, &len, tag, NULL) != VARVE_OK) return NULL;
            snprintf(text, sizeof text, "%d", atoi(bytes) + 1);
            free(bytes);
            status = put("n", text, REMOTE_IF_TAG, tag, NULL);
        }
        self->number += status == VARVE_OK;
    }
    return NULL;
}

static void test_race(void **state)
{
    racer racers[4] = {{0}};
    int won = 0, number = 0;
    (void)state;
    assert_ok(put("n", "0", REMOTE_ALWAYS, NULL, NULL));
    for (size_t i = 0; i < VV_COUNT(racers); i++)
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    for (size_t i = 0; i < VV_COUNT(racers); i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        won += racers[i].won;
        number += racers[i].number;
    }
    assert_int_equal(won, 100);
    assert_int_equal(number, 400);
    expect_text("n", "400", NULL);
}

static void test_urls(void **state)
{
    char url[400];
    remote *second = NULL;
    (void)state;
    snprintf(url, sizeof url, "file://%s", root);
    assert_ok(remote_open(url, NULL, false, NULL, &second, NULL));
    assert_string_equal(remote_name(second), root);
    remote_close(second);
    assert_ok(remote_open(root, NULL, false, NULL, &second, NULL));
    remote_close(second);
    second = NULL;
    assert_status(remote_open("file://relative", NULL, false, NULL, &second, NULL), VARVE_INVALID);
    assert_status(remote_open("https://x", NULL, false, NULL, &second, NULL), VARVE_INVALID);
    assert_status(remote_open("s3://bucket", NULL, false, NULL, &second, NULL), VARVE_INVALID);
    assert_null(second);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        T(test_put),           T(test_tags_are_new), T(test_modes),   T(test_list), T(test_links),
        T(test_key_below_key), T(test_files),        T(test_remains), T(test_race), T(test_urls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
