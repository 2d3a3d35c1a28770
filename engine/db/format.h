/* format.h — the FORMAT file: "varve <version>\n<xxh3 of that line, 16 hex digits>\n". A folder of
 * a newer version is refused; an older one is brought up by the table of migrations in format.c,
 * one step after the other, each leaving a folder of the next version.
 * Version history. 1: first. 2: the catalogue may name indexes, collection records have parameters.
 * 3: a segment may be a copy, born in another collection; a copy under way has a record. */
#ifndef VARVE_DB_FORMAT_H
#define VARVE_DB_FORMAT_H

#include "db/db.h"

#define FORMAT_VERSION 3

/* Check the FORMAT of a folder, creating it in an empty one when may_create. VARVE_NOT_FOUND: not a
 * data folder. */
VV_CHECKED varve_status format_open(const char *folder, bool may_create, bool may_write,
                                    varve_error *err);
/* FORMAT alone, and the folders that every data folder has, all of it durable. */
VV_CHECKED varve_status format_write(const char *folder, unsigned version, varve_error *err);
VV_CHECKED varve_status format_make_dirs(const char *folder, varve_error *err);
VV_CHECKED varve_status format_read(const char *folder, unsigned *ret_version, varve_error *err);

/* The floor that an open must reach (open.c); reset after a loss was accepted (floor.c). */
VV_CHECKED varve_status floor_for_open(varve *db, uint64_t *ret_floor, varve_error *err);

#endif
