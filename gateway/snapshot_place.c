/* snapshot_place.c — see snapshot_place.h. */
#include "snapshot_place.h"

#include "gateway_inner.h"
#include "snapshot.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PARTS_MAX 8

static varve_status too_long(const char *field, varve_error *err)
{
    return vv_fail(err, VARVE_INVALID, "%s: the path is longer than %d bytes", field,
                   SNAPSHOT_PLACE_MAX - 1);
}

varve_status snapshot_place_root(gateway *g, char ret[SNAPSHOT_PLACE_MAX], varve_error *err)
{
    const char *configured = g->config.snapshot_dir;
    int len = configured[0] ? snprintf(ret, SNAPSHOT_PLACE_MAX, "%s", configured)
                            : snprintf(ret, SNAPSHOT_PLACE_MAX, "%s/snapshots", g->root_path);
    return len < SNAPSHOT_PLACE_MAX ? VARVE_OK : too_long("snapshot_dir", err);
}

/* Each part is a name of a snapshot. */
static bool parts_are_names(const char *path)
{
    size_t parts = 0;
    for (const char *at = path; *at;) {
        char part[SNAPSHOT_PLACE_MAX];
        size_t len = strcspn(at, "/");
        if (len >= sizeof part || ++parts > PARTS_MAX) return false;
        memcpy(part, at, len);
        part[len] = 0;
        if (!snapshot_name_is_valid(part)) return false;
        at += len + (at[len] == '/');
        if (at[-1] == '/' && !*at) return false;
    }
    return parts > 0;
}

static bool climbs(const char *path)
{
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (at[2] == '/' || !at[2])) return true;
    return false;
}

static varve_status place_absolute(gateway *g, const char *field, const char *given,
                                   char ret[SNAPSHOT_PLACE_MAX], varve_error *err)
{
    if (!g->config.snapshot_absolute_paths)
        return vv_fail(err, VARVE_INVALID,
                       "%s: absolute paths are off (setting snapshot_absolute_paths); give a name "
                       "below the server's snapshot_dir",
                       field);
    if (climbs(given)) return vv_fail(err, VARVE_INVALID, "%s: the path may not climb", field);
    if (strlen(given) >= SNAPSHOT_PLACE_MAX) return too_long(field, err);
    (void)snprintf(ret, SNAPSHOT_PLACE_MAX, "%s", given);
    for (size_t len = strlen(ret); len > 1 && ret[len - 1] == '/';)
        ret[--len] = 0;
    return VARVE_OK;
}

varve_status snapshot_place(gateway *g, const char *field, const char *given,
                            char ret[SNAPSHOT_PLACE_MAX], varve_error *err)
{
    char root[SNAPSHOT_PLACE_MAX];
    if (given[0] == '/') return place_absolute(g, field, given, ret, err);
    if (!parts_are_names(given))
        return vv_fail(err, VARVE_INVALID,
                       "%s: one to %d names of A-Z a-z 0-9 . _ - with slashes between, none of "
                       "which begins with a dot",
                       field, PARTS_MAX);
    VV_TRY(snapshot_place_root(g, root, err));
    return snprintf(ret, SNAPSHOT_PLACE_MAX, "%s/%s", root, given) < SNAPSHOT_PLACE_MAX
               ? VARVE_OK
               : too_long(field, err);
}

varve_status snapshot_place_scratch(gateway *g, char ret[SNAPSHOT_PLACE_MAX], varve_error *err)
{
    unsigned long long n = atomic_fetch_add(&g->scratches, 1);
    return snprintf(ret, SNAPSHOT_PLACE_MAX, "%s/work/transfer-%llu", g->root_path, n) <
                   SNAPSHOT_PLACE_MAX
               ? VARVE_OK
               : too_long("data_dir", err);
}
