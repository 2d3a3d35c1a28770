/* test_channel.c — when the owner is gone: a job that ends in time closes the channel and the
 * process goes on; one that hangs ends with the process. */
#include "channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The compactor: its owner goes at once, its job takes so long to notice. */
static void work(uint64_t grace_ms, unsigned job_s)
{
    channel c;
    varve_error err;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) != 0) _exit(9);
    channel_init(&c, grace_ms);
    if (channel_open(&c, fds[0], &err) != VARVE_OK) _exit(9);
    close(fds[1]);
    sleep(job_s);
    if (channel_check(&c, &err) != VARVE_CLOSED) _exit(8);
    channel_close(&c);
    _exit(0);
}

static int status_of(uint64_t grace_ms, unsigned job_s)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) work(grace_ms, job_s);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void hangs(void **state)
{
    (void)state;
    assert_int_equal(status_of(200, 5), CHANNEL_EXIT_STATUS);
}

static void ends_in_time(void **state)
{
    (void)state;
    assert_int_equal(status_of(60000, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hangs),
        cmocka_unit_test(ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
