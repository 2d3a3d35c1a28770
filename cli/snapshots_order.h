/* snapshots_order.h — what the actions of `varve snapshot` are told: a folder or URL, the name of a
 * snapshot, and where snapshots lie.
 * Ownership  texts are borrowed from the command line.   Threads  one at a time. */
#ifndef CLI_SNAPSHOTS_ORDER_H
#define CLI_SNAPSHOTS_ORDER_H

#include "place.h"

#include "snapshot.h"

#define SNAPSHOTS_PATH_MAX 4096

typedef struct snapshots_order {
    place at;         /* database, collection: NULL unless given */
    const char *root; /* NULL: FOLDER/snapshots */
    const char *name; /* of the snapshot */
    bool json;
    /* of a restore */
    const char *as, *to_database, *to_folder;
    bool overwrite, unverified;
} snapshots_order;

#define SNAPSHOTS_FLAGS                                                                            \
    {"root", FLAG_ROOT, "PATH", "folder of snapshots (default: FOLDER/snapshots)"},                \
    {                                                                                              \
        "json", FLAG_JSON, NULL, "a JSON object per snapshot"                                      \
    }

/* Flags and plain arguments; with needs_name, the second of them is the name of a snapshot.
 * VERB_OK, or VERB_USAGE when it was said what is wrong. */
int snapshots_read(const verb *v, int argc, char **argv, snapshots_order *ret, bool needs_name);
/* VERB_USAGE, said, for a URL: servers make and restore snapshots and tell nothing of them. */
int snapshots_refuse_url(const verb *v, const snapshots_order *o);
VV_CHECKED varve_status snapshots_root(const snapshots_order *o, char ret[SNAPSHOTS_PATH_MAX],
                                       varve_error *err);
VV_CHECKED varve_status snapshots_path(const snapshots_order *o, char ret[SNAPSHOTS_PATH_MAX],
                                       varve_error *err);
/* Adds to VARVE_LOCKED what to do: `action` by URL. */
VV_CHECKED varve_status snapshots_owned(varve_status status, const char *action, varve_error *err);

void snapshots_show_heading(void);
void snapshots_show(const snapshot_info *info, bool json);

#endif
