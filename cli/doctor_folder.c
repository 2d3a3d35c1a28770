/* doctor_folder.c — the part of doctor.h about a data folder on this machine. */
#include "doctor.h"

#include "base/clock.h"
#include "base/file.h"
#include "place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define GIB       1073741824.0
#define FREE_LOW  ((uint64_t)1 << 30) /* less is said */
#define OTHERS    077

/* ---- there, and ours ---- */

static bool look_at_place(doctor *d, const char *folder)
{
    struct stat st;
    char path[PATH_SIZE];
    if (stat(folder, &st) != 0) {
        doctor_say(d, "folder", DOCTOR_WRONG, "%s: %s", folder, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode) || file_join(path, sizeof path, folder, "FORMAT", NULL) != VARVE_OK ||
        !file_exists(path)) {
        doctor_say(d, "folder", DOCTOR_WRONG, "%s is not a data folder", folder);
        return false;
    }
    doctor_say(d, "folder", DOCTOR_WELL, "%s is there", folder);
    if (access(folder, R_OK | W_OK | X_OK) != 0)
        doctor_say(d, "permissions", DOCTOR_WRONG, "user %u may not read and write it: %s",
                   (unsigned)geteuid(), strerror(errno));
    else if (st.st_mode & OTHERS)
        doctor_say(d, "permissions", DOCTOR_LOOK, "mode %03o: others than its user may get in",
                   (unsigned)st.st_mode & 0777);
    else
        doctor_say(d, "permissions", DOCTOR_WELL, "mode %03o, of user %u",
                   (unsigned)st.st_mode & 0777, (unsigned)st.st_uid);
    return true;
}

static void look_at_format(doctor *d, const char *folder)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    char path[PATH_SIZE];
    size_t len = 0;
    unsigned version = 0;
    if (file_join(path, sizeof path, folder, "FORMAT", NULL) == VARVE_OK &&
        file_read(path, 64, &text, &len, NULL) == VARVE_OK &&
        sscanf(text, "varve %9u", &version) == 1)
        doctor_say(d, "format", DOCTOR_WELL, "version %u; this is varve %s", version,
                   varve_version());
    else
        doctor_say(d, "format", DOCTOR_WRONG, "%s cannot be read", path);
}

/* ---- the owner ---- */

/* What the owner wrote into LOCK, on one line. */
static void read_owner(int fd, char *ret, size_t size)
{
    ssize_t len = pread(fd, ret, size - 1, 0);
    ret[len > 0 ? len : 0] = 0;
    for (char *at = ret; *at; at++)
        if (*at < ' ' || *at > '~') *at = at[1] ? ',' : 0;
}

/* The lock is tried for a moment as a reader's, which disturbs no owner. */
static bool look_at_owner(doctor *d, const char *folder)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    char path[PATH_SIZE], owner[200];
    if (file_join(path, sizeof path, folder, "LOCK", NULL) != VARVE_OK) return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno != ENOENT) {
        doctor_say(d, "owner", DOCTOR_WRONG, "%s: %s", path, strerror(errno));
        return false;
    }
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0) {
        doctor_say(d, "owner", DOCTOR_WELL, "none: no server, or other writer, has it open");
        return false;
    }
    read_owner(fd, owner, sizeof owner);
    doctor_say(d, "owner", DOCTOR_WELL, "%s", owner);
    return true;
}

/* Does anything listen on that port of this machine? */
static bool answers(uint64_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    VV_CLEANUP(vv_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
}

static void look_at_port(doctor *d, bool owned, uint64_t port)
{
    bool there = answers(port);
    unsigned long long number = port;
    if (owned && there)
        doctor_say(d, "port", DOCTOR_WELL, "%llu answers", number);
    else if (owned)
        doctor_say(d, "port", DOCTOR_LOOK,
                   "nothing answers on %llu: the owner is no server, listens elsewhere, or hangs",
                   number);
    else if (there)
        doctor_say(d, "port", DOCTOR_LOOK, "%llu is taken, though no server has this folder open",
                   number);
    else
        doctor_say(d, "port", DOCTOR_WELL, "%llu is free", number);
}

/* ---- what is in it ---- */

static void look_at_commits(doctor *d, const char *folder, const varve_folder_stats *s)
{
    struct stat st;
    char path[PATH_SIZE], time[32] = "never";
    if (file_join(path, sizeof path, folder, "ACKED", NULL) == VARVE_OK && stat(path, &st) == 0)
        clock_wall_text((uint64_t)st.st_mtime * 1000, time, sizeof time);
    d->sequence = s->sequence;
    doctor_say(d, "commits", s->sequence < s->floor ? DOCTOR_WRONG : DOCTOR_WELL,
               "sequence %llu; up to %llu known to be acknowledged, noted %s",
               (unsigned long long)s->sequence, (unsigned long long)s->floor, time);
}

static void look_inside(doctor *d, const char *folder)
{
    VV_CLEANUP(folder_done) folder_session session = {0};
    const place at = {.where = folder};
    varve_error err = {0};
    varve_folder_stats s;
    if (folder_open(&at, FOLDER_READ, &session, &err) != VARVE_OK) {
        doctor_say(d, "data", DOCTOR_WRONG, "%s: %s", varve_status_name(err.status), err.message);
        return;
    }
    varve_stats(session.db, &s);
    doctor_say(d, "data", DOCTOR_WELL, "opens; %llu databases, %llu collections, %llu rows",
               (unsigned long long)s.databases, (unsigned long long)s.collections,
               (unsigned long long)s.rows_live);
    look_at_commits(d, folder, &s);
}

static void look_at_space(doctor *d, const char *folder)
{
    varve_options defaults;
    varve_error err = {0};
    uint64_t free_bytes = 0;
    varve_options_init(&defaults);
    if (file_free_space(folder, &free_bytes, &err) != VARVE_OK) {
        doctor_say(d, "space", DOCTOR_WRONG, "%s", err.message);
        return;
    }
    doctor_state state = free_bytes < defaults.disk_reserve_bytes ? DOCTOR_WRONG
                         : free_bytes < FREE_LOW                  ? DOCTOR_LOOK
                                                                  : DOCTOR_WELL;
    doctor_say(d, "space", state, "%.1f GiB free%s", (double)free_bytes / GIB,
               state == DOCTOR_WRONG ? ": inserts are refused" : "");
}

bool doctor_look_at_folder(doctor *d, const char *folder, uint64_t port)
{
    if (!look_at_place(d, folder)) return false;
    look_at_format(d, folder);
    look_at_port(d, look_at_owner(d, folder), port);
    look_inside(d, folder);
    look_at_space(d, folder);
    return true;
}
