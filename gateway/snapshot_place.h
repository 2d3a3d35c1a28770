/* snapshot_place.h — where on the server's disk a client's snapshots and exports may lie.
 *
 * What a client calls a path is a name, or names with slashes between, below snapshot_dir. Absolute
 * paths are taken only where snapshot_absolute_paths is on. Neither ever climbs ("..").
 *
 * Threads  any.   Errors  VARVE_INVALID, naming the field. */
#ifndef GATEWAY_SNAPSHOT_PLACE_H
#define GATEWAY_SNAPSHOT_PLACE_H

#include "handler.h"

#include "base/status.h"

#define SNAPSHOT_PLACE_MAX 4096

VV_CHECKED varve_status snapshot_place(gateway *g, const char *field, const char *given,
                                       char ret[SNAPSHOT_PLACE_MAX], varve_error *err);
/* The folder of all snapshots. */
VV_CHECKED varve_status snapshot_place_root(gateway *g, char ret[SNAPSHOT_PLACE_MAX],
                                            varve_error *err);
/* A folder for the time of one call, on the disk of the data; swept when the data is opened. */
VV_CHECKED varve_status snapshot_place_scratch(gateway *g, char ret[SNAPSHOT_PLACE_MAX],
                                               varve_error *err);

#endif
