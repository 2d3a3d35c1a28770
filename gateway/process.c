/* process.c — limits, signals, and the two refusals. */
#include "process.h"

#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_FOR_DATA 1024 /* kept for segments, the row store and logs */

void process_prepare(sigset_t *ret_ending)
{
    struct rlimit limit;
    (void)umask(077);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(ret_ending);
    (void)sigaddset(ret_ending, SIGTERM);
    (void)sigaddset(ret_ending, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, ret_ending, NULL);
}

uint64_t process_connections_max(uint64_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
    if (limit.rlim_cur < (rlim_t)2 * FILES_FOR_DATA) return VV_MIN(wanted, limit.rlim_cur / 2);
    return VV_MIN(wanted, limit.rlim_cur - FILES_FOR_DATA);
}

static varve_status check_folder(const config *c, varve_error *err)
{
    struct stat st;
    if (stat(c->data_dir, &st) != 0) {
        if (errno == ENOENT) return VARVE_OK; /* it will be made */
        return vv_fail(err, VARVE_IO, "data_dir '%s': %s", c->data_dir, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode))
        return vv_fail(err, VARVE_INVALID, "data_dir '%s' is not a folder", c->data_dir);
    if (c->insecure) return VARVE_OK;
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return vv_fail(err, VARVE_INVALID,
                       "data_dir '%s' can be written by others; run chmod go-w on it, or give "
                       "--insecure",
                       c->data_dir);
    if (geteuid() != 0 && st.st_uid != geteuid())
        return vv_fail(err, VARVE_INVALID,
                       "data_dir '%s' belongs to another user (%u); give --insecure to use it",
                       c->data_dir, (unsigned)st.st_uid);
    return VARVE_OK;
}

varve_status process_check(const config *c, varve_error *err)
{
    bool loopback;
    VV_TRY(listener_is_loopback(c->host, &loopback, err));
    if (!loopback && !*c->api_key && !c->insecure)
        return vv_fail(err, VARVE_INVALID,
                       "host is '%s', which others can reach, but there is no api_key; set one "
                       "(--api-key-file), or give --insecure",
                       c->host);
    return check_folder(c, err);
}

uint64_t process_workers(uint64_t wanted)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return wanted ? wanted : (uint64_t)VV_MAX(processors, 2L);
}
