/* export.h — a collection as plain files, for people, numpy and other systems, and back.
 *
 *   manifest.json            what follows, with SHA-256 of each file
 *   rows.jsonl               a line per row, ascending by id:
 *                            {"id": 7, "ordinal": 0, "fields": {…}}, with "deleted": true if it is
 *   vectors.npy              line i's vector is row i; binary ones packed, lowest bit first
 *   <field>.rows.npy         u8: the line of each vector of a named field
 *   <field>.vectors.npy      dense and multi: the vectors
 *   <field>.starts.npy       multi and sparse: vectors or pairs of entry i are [starts[i],
 * starts[i + 1])
 *   <field>.indices.npy, <field>.values.npy   sparse pairs
 *
 * EXPORT_LYNSE is LynseDB's own directory instead (export_manifest.json, vectors.f32,
 * metadata.jsonl): live rows and the primary vectors alone, as it has no more.
 *
 * Both calls are all or nothing: an export appears under its name when it is complete and durable;
 * an import is built in a folder of its own, and its collection copied over in one commit. What an
 * export holds is one moment of the collection, whatever is written meanwhile.
 *
 * Ownership  borrowed.   Threads  any.
 * Errors     VARVE_EXISTS · VARVE_NOT_FOUND · VARVE_CORRUPT a file does not hold what the manifest
 *            says (named, with line or row) · VARVE_CANCELLED · those of varve.h. */
#ifndef VARVE_SNAPSHOT_EXPORT_H
#define VARVE_SNAPSHOT_EXPORT_H

#include "base/status.h"
#include "varve_snapshot.h"

typedef enum export_layout { EXPORT_VARVE, EXPORT_LYNSE } export_layout;

typedef struct export_place {
    varve *db;
    const char *database, *collection;
    const char *path;    /* of the export */
    const char *scratch; /* a folder that may be made and removed; best on the data's file system */
    bool (*cancelled)(void *arg, uint64_t rows_done, uint64_t rows); /* NULL: never */
    void *arg;
} export_place;

typedef struct export_info {
    uint64_t rows, deleted, vector_fields, bytes;
} export_info;

VV_CHECKED varve_status snapshot_export(const export_place *place, export_layout layout,
                                        export_info *ret, varve_error *err);
/* Either layout, told apart by its manifest. overwrite: a collection of that name is replaced. */
VV_CHECKED varve_status snapshot_import(const export_place *place, bool overwrite, export_info *ret,
                                        varve_error *err);

#endif
