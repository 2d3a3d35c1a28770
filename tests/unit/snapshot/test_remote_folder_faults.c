/* test_remote_folder_faults.c — every system call of a folder's calls fails once, in every way, and
 * the process ends at each: an object is then there whole, or not at all; what was there before is
 * there; the same call done again completes. Empty without fault points. */
#include "unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "remote.h"
#include "test_dir.h"

#include <openssl/evp.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef VARVE_FAULTS

#define NEW_BYTES 600000 /* several writes */

static test_dir dir;
static char root[300], path[300];
static char new_bytes[NEW_BYTES];
static remote_file file;

static int set_up(void **state)
{
    unsigned int len = 32;
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(root, sizeof root, dir.path, "remote", NULL));
    assert_ok(file_join(path, sizeof path, dir.path, "file", NULL));
    memset(new_bytes, 'n', sizeof new_bytes);
    assert_ok(file_replace(path, new_bytes, sizeof new_bytes, NULL));
    file = (remote_file){.path = path, .size = sizeof new_bytes};
    assert_int_equal(EVP_Digest(new_bytes, NEW_BYTES, file.sha256, &len, EVP_sha256(), NULL), 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_disarm();
    test_dir_remove(&dir);
    return 0;
}

typedef enum call { PUT_ABSENT, PUT_OVER, PUT_IF_TAG, PUT_FILE, READ, DELETE, CALLS } call;

static varve_status run(call c, remote *r, const char *tag, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    switch (c) {
    case PUT_ABSENT:
        return remote_put(r, "new/k", new_bytes, NEW_BYTES, REMOTE_IF_ABSENT, NULL, NULL, err);
    case PUT_OVER:
        return remote_put(r, "old/k", new_bytes, NEW_BYTES, REMOTE_ALWAYS, NULL, NULL, err);
    case PUT_IF_TAG:
        return remote_put(r, "old/k", new_bytes, NEW_BYTES, REMOTE_IF_TAG, tag, NULL, err);
    case PUT_FILE: return remote_put_file(r, "new/k", &file, NULL, err);
    case READ: return remote_read(r, "old/k", 100, &bytes, &len, NULL, err);
    default: return remote_delete(r, "old/k", err);
    }
}

static void prepare(char ret_tag[REMOTE_TAG_MAX])
{
    VV_CLEANUP(remote_closep) remote *r = NULL;
    assert_ok(file_remove_tree(root, NULL));
    assert_ok(remote_open_folder(root, true, NULL, &r, NULL));
    assert_ok(remote_put(r, "old/k", "old", 3, REMOTE_ALWAYS, NULL, ret_tag, NULL));
}

/* 0: not there, 1: "old", 2: the new bytes. Anything else fails. */
static int state_of(remote *r, const char *key)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    varve_status status = remote_read(r, key, NEW_BYTES, &bytes, &len, NULL, NULL);
    if (status == VARVE_NOT_FOUND) return 0;
    assert_ok(status);
    if (len == 3) assert_string_equal(bytes, "old");
    if (len == 3) return 1;
    assert_int_equal(len, NEW_BYTES);
    assert_memory_equal(bytes, new_bytes, NEW_BYTES);
    return 2;
}

static varve_status count_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    (void)key, (void)size, (void)err;
    ++*(int *)arg;
    return VARVE_OK;
}

/* After the fault, with a new handle as after a crash. */
static void check_and_go_on(call c, bool succeeded, const char *tag)
{
    VV_CLEANUP(remote_closep) remote *r = NULL;
    VV_CLEANUP(file_names_free) file_names names = {0};
    int keys = 0;
    assert_ok(remote_open_folder(root, false, NULL, &r, NULL));
    bool is_new = c == PUT_ABSENT || c == PUT_FILE;
    int before = is_new ? 0 : 1, after = c == DELETE ? 0 : c == READ ? 1 : 2;
    int now = state_of(r, is_new ? "new/k" : "old/k");
    assert_true(now == after || (!succeeded && now == before));
    if (is_new) assert_int_equal(state_of(r, "old/k"), 1);
    varve_status again = run(c, r, tag, NULL);
    bool done_before = now == after && (again == VARVE_EXISTS || again == VARVE_CONFLICT);
    assert_true(again == VARVE_OK || done_before);
    assert_int_equal(state_of(r, is_new ? "new/k" : "old/k"), after);
    assert_ok(remote_list(r, "", NULL, count_key, &keys, NULL));
    assert_int_equal(keys, is_new ? 2 : after ? 1 : 0);
    assert_ok(file_list(root, &names, NULL)); /* nothing that was begun is left */
    for (size_t i = 0; i < names.count; i++)
        assert_int_not_equal(strncmp(names.names[i], "~new", 4), 0);
}

/* One call with the nth fault. False: there was no nth. */
static bool fail_nth(call c, fault_kind kind, uint64_t nth)
{
    char tag[REMOTE_TAG_MAX];
    varve_error err = {0};
    prepare(tag);
    remote *r = NULL;
    assert_ok(remote_open_folder(root, false, NULL, &r, NULL));
    fault_arm(NULL, nth, kind);
    varve_status status = run(c, r, tag, &err);
    bool hit = fault_was_hit();
    fault_disarm();
    if (hit && status != VARVE_OK) {
        assert_true(status == VARVE_IO || status == VARVE_NO_SPACE);
        assert_contains(err.message, "cannot ");
    }
    remote_close(r);
    check_and_go_on(c, status == VARVE_OK, tag);
    return hit;
}

static bool crash_nth(call c, uint64_t nth)
{
    char tag[REMOTE_TAG_MAX];
    int ended = 0;
    prepare(tag);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        remote *r = NULL;
        if (remote_open_folder(root, false, NULL, &r, NULL) != VARVE_OK) _exit(1);
        fault_arm(NULL, nth, VV_FAULT_CRASH);
        _exit(run(c, r, tag, NULL) == VARVE_OK ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_true(WEXITSTATUS(ended) == 77 || WEXITSTATUS(ended) == 0);
    check_and_go_on(c, WEXITSTATUS(ended) == 0, tag);
    return WEXITSTATUS(ended) == 77;
}

static void test_walk(void **state)
{
    static const fault_kind kinds[] = {VV_FAULT_EIO, VV_FAULT_ENOSPC, VV_FAULT_SHORT};
    (void)state;
    for (call c = 0; c < CALLS; c++) {
        for (size_t k = 0; k < VV_COUNT(kinds); k++) {
            uint64_t nth = 1;
            while (fail_nth(c, kinds[k], nth))
                nth++;
            assert_true(nth > 2);
        }
        uint64_t nth = 1;
        while (crash_nth(c, nth))
            nth++;
        assert_true(nth > 2);
    }
}

#endif

int main(void)
{
#ifdef VARVE_FAULTS
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_walk, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 0;
#endif
}
