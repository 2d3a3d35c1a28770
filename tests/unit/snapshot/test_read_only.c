/* test_read_only.c — a repository in a folder that we may only read: listed, verified, restored;
 * what has to write says so, and nothing has changed. Root may write everywhere: the part that
 * looks is a child without its rights. */
#include "fixture.h"

#include "prune.h"
#include "verify.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static void set_modes(const char *path, mode_t folder, mode_t file)
{
    file_names n = {0};
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    if (!S_ISDIR(st.st_mode)) {
        assert_int_equal(chmod(path, file), 0);
        return;
    }
    assert_int_equal(chmod(path, 0700), 0);
    must(file_list(path, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%s/%s", path, n.names[i]);
        set_modes(inner, folder, file);
    }
    file_names_free(&n);
    assert_int_equal(chmod(path, folder), 0);
}

static void drop_rights(void)
{
    if (geteuid() != 0) return;
    const gid_t none = NOBODY;
    if (setgroups(1, &none) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) _exit(9);
}

static void check(varve_status status, varve_status wanted, const varve_error *err)
{
    if (status == wanted) return;
    fprintf(stderr, "%s, not %s: %s\n", varve_status_name(status), varve_status_name(wanted),
            err->message);
    _exit(1);
}

/* In the child: what a reader can do. */
static void read_it(const fixture *f, const char *place)
{
    remote *remote = NULL;
    repo *r = NULL;
    char scratch[600];
    restore_result restored;
    backup_result made;
    verify_report report = {0};
    prune_result pruned = {0};
    varve_error err = {0};
    const repo_options open = {.db_id = FIXTURE_DB};
    snprintf(scratch, sizeof scratch, "%s/own/scratch", f->dir.path);
    const restore_options restore = {.folder = f->target};
    const verify_options verify = {.level = VERIFY_FULL, .scratch = scratch};
    const prune_options prune = {.rules.last = 1, .yes = true};
    const backup_options backup = fixture_backup_options(f);
    check(remote_open_folder(place, false, NULL, &remote, &err), VARVE_OK, &err);
    check(repo_open(remote, &open, &r, &err), VARVE_OK, &err);
    check(verify_run(r, &verify, &report, &err), VARVE_OK, &err);
    if (report.count != 0 || report.snapshots_sound != 1) _exit(2);
    verify_report_done(&report);
    check(restore_run(r, &restore, &restored, &err), VARVE_OK, &err);
    check(prune_run(r, &prune, &pruned, &err), VARVE_READ_ONLY, &err);
    check(backup_run(r, &backup, &made, &err), VARVE_READ_ONLY, &err);
    repo_close(r);
    remote_close(remote);
    _exit(0);
}

static void test_reader(void **state)
{
    (void)state;
    fixture f;
    char place[600], own[400];
    int status;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 100);
    snprintf(place, sizeof place, "%s/repository", f.dir.path);
    snprintf(own, sizeof own, "%s/own", f.dir.path);
    snprintf(f.target, sizeof f.target, "%.400s/restored", own);
    must(file_make_dir(own, err));
    must(remote_open_folder(place, true, NULL, &f.remote, err));
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    fixture_close_repo(&f);
    size_t files = test_dir_files(place);
    assert_int_equal(chmod(f.dir.path, 0711), 0);
    assert_int_equal(chmod(own, 0777), 0);
    set_modes(place, 0555, 0444);
    pid_t child = fork();
    if (child == 0) {
        drop_rights();
        read_it(&f, place);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(test_dir_files(place), files);
    set_modes(place, 0700, 0600);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reader)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
