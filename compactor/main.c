/* main.c — varve-compactor: merges and indexes segments for the owner of a data folder. It opens no
 * database and commits nothing: it is handed immutable files, and hands immutable files back
 * (segment/job.h). It may be killed at any time. */
#include "channel.h"
#include "session.h"

#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 10000
#define NS_PER_MS    1000000u

enum { EXIT_TOLD = 0, EXIT_LOST = CHANNEL_EXIT_STATUS, EXIT_USAGE = 2, EXIT_OTHER_VERSION = 3 };

typedef struct settings {
    const char *socket_path; /* or NULL */
    int fd;                  /* or -1 */
    bool once;
} settings;

/* ---- flags --------------------------------------------------------------------------------- */

static const char help_text[] =
    "varve-compactor --socket PATH | --fd N\n\n"
    "Merge and index segments for the process that owns a Varve data folder.\n\n"
    "  --socket PATH  connect to the owner at this socket, again and again\n"
    "  --fd N         use this connected socket, and end when it is closed\n"
    "  --once         with --socket: end with the first connection\n"
    "  --help         show this\n"
    "  --version      say which version this is\n\n"
    "Exit codes: 0 told to end (by the owner or a signal), 1 no connection, or it was lost,\n"
    "2 wrong usage, 3 the owner is of another version.\n";

static int usage(const char *sentence)
{
    fprintf(stderr, "varve-compactor: %s; see 'varve-compactor --help'\n", sentence);
    return EXIT_USAGE;
}

static bool is_our_kind_of_socket(int fd)
{
    int domain = 0, type = 0;
    socklen_t domain_len = sizeof domain, type_len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && domain == AF_UNIX &&
           type == SOCK_SEQPACKET;
}

static int parse_fd(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    return errno || *end || end == text || value < 0 || value > INT16_MAX ? -1 : (int)value;
}

/* -1: go on; else the exit code. */
static int parse_flags(int argc, char **argv, settings *ret)
{
    static const struct option flags[] = {
        {"socket", required_argument, NULL, 's'}, {"fd", required_argument, NULL, 'f'},
        {"once", no_argument, NULL, 'o'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
    };
    int key;
    *ret = (settings){.fd = -1};
    while ((key = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (key) {
        case 's': ret->socket_path = optarg; break;
        case 'f':
            ret->fd = parse_fd(optarg);
            if (ret->fd < 0 || !is_our_kind_of_socket(ret->fd))
                return usage("--fd needs a connected AF_UNIX socket of type SEQPACKET");
            break;
        case 'o': ret->once = true; break;
        case 'h': fputs(help_text, stdout); return EXIT_TOLD;
        case 'v': printf("varve-compactor %s\n", varve_version()); return EXIT_TOLD;
        default: return EXIT_USAGE; /* getopt has said it */
        }
    }
    if (optind < argc) return usage("there is an argument too many");
    if (!ret->socket_path == (ret->fd < 0)) return usage("either --socket or --fd is needed");
    if (ret->socket_path && strlen(ret->socket_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return usage("the path of the socket is too long");
    return -1;
}

/* ---- signals ------------------------------------------------------------------------------- */

static sigset_t end_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    return set;
}

/* The first signal ends the job and then the process, the second the process. */
static void *wait_for_signals(void *context)
{
    sigset_t set = end_signals();
    int number;
    while (sigwait(&set, &number) != 0) {
    }
    channel_stop(context);
    while (sigwait(&set, &number) != 0) {
    }
    _exit(EXIT_LOST);
}

/* All threads leave the signals to that one. */
static bool watch_signals(channel *c)
{
    sigset_t set = end_signals();
    pthread_t thread;
    (void)signal(SIGPIPE, SIG_IGN); /* of standard error */
    return pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 &&
           pthread_create(&thread, NULL, wait_for_signals, c) == 0 && pthread_detach(thread) == 0;
}

/* ---- connections --------------------------------------------------------------------------- */

static varve_status connect_to(const char *path, int *ret_fd, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return vv_fail(err, VARVE_CLOSED, "cannot connect to %s: %s", path, strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return VARVE_OK;
}

static varve_status serve(channel *c, int fd, bool *ret_welcome, varve_error *err)
{
    varve_status status;
    VV_TRY(channel_open(c, fd, err));
    status = session_run(c, ret_welcome, err);
    channel_close(c);
    return status;
}

static int exit_code(varve_status status, const varve_error *err)
{
    if (status == VARVE_OK || status == VARVE_CANCELLED) return EXIT_TOLD;
    fprintf(stderr, "varve-compactor: %s\n", err->message);
    return status == VARVE_NEWER_FORMAT ? EXIT_OTHER_VERSION : EXIT_LOST;
}

static int run_fd(channel *c, int fd)
{
    varve_error err = {0};
    bool welcome;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    varve_status status = serve(c, fd, &welcome, &err);
    return exit_code(status, &err);
}

/* An owner that is not there yet, is being restarted, or said BYE: try again, ever more rarely. */
static int run_socket(channel *c, const char *path, bool once)
{
    uint64_t pause_ms = PAUSE_MS_MIN;
    for (;;) {
        varve_error err = {0};
        bool welcome = false;
        int fd = -1;
        varve_status status = connect_to(path, &fd, &err);
        if (status == VARVE_OK) status = serve(c, fd, &welcome, &err);
        if (once || status == VARVE_CANCELLED || status == VARVE_NEWER_FORMAT)
            return exit_code(status, &err);
        if (welcome) pause_ms = PAUSE_MS_MIN;
        if (status != VARVE_OK && (welcome || pause_ms == PAUSE_MS_MIN))
            fprintf(stderr, "varve-compactor: %s; trying again\n", err.message);
        channel_sleep(c, pause_ms * NS_PER_MS);
        if (channel_check(c, NULL) != VARVE_OK) return EXIT_TOLD;
        pause_ms = VV_MIN(pause_ms * 2, (uint64_t)PAUSE_MS_MAX);
    }
}

/* ---- faults of tests ----------------------------------------------------------------------- */

#ifdef VARVE_FAULTS
/* VARVE_FAULT="name:nth:kind" (base/fault.h): any name is "*"; crash, eio, enospc or short. */
static void arm_fault(void)
{
    static const struct {
        const char *word;
        fault_kind kind;
    } kinds[] = {{"crash", VV_FAULT_CRASH},
                 {"eio", VV_FAULT_EIO},
                 {"enospc", VV_FAULT_ENOSPC},
                 {"short", VV_FAULT_SHORT}};
    static char name[64];
    char kind[16];
    unsigned long long nth;
    const char *text = getenv("VARVE_FAULT");
    if (!text || sscanf(text, "%63[^:]:%llu:%15s", name, &nth, kind) != 3) return;
    for (size_t i = 0; i < VV_COUNT(kinds); i++)
        if (strcmp(kind, kinds[i].word) == 0)
            fault_arm(strcmp(name, "*") == 0 ? NULL : name, nth, kinds[i].kind);
}
#endif

int main(int argc, char **argv)
{
    settings s;
    static channel c; /* the thread that waits for signals may outlive main's frame */
    int code = parse_flags(argc, argv, &s);
    if (code >= 0) return code;
#ifdef VARVE_FAULTS
    arm_fault();
#endif
    channel_init(&c, s.fd >= 0 ? CHANNEL_GRACE_MS : CHANNEL_HANGS_MS);
    if (!watch_signals(&c)) {
        fprintf(stderr, "varve-compactor: cannot start a thread\n");
        return EXIT_LOST;
    }
    return s.fd >= 0 ? run_fd(&c, s.fd) : run_socket(&c, s.socket_path, s.once);
}
