/* backup_moment.c — see backup_moment.h. */
#include "backup_moment.h"

#define NONE UINT64_MAX

static varve_status read_snapshot(const json_t *order, backup_moment *m, varve_error *err)
{
    VV_TRY(order_text(order, "snapshot", &m->snap_id, err));
    if (!m->snap_id || names_is_id(m->snap_id)) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: snapshot is an id of a snapshot");
}

varve_status backup_moment_read(const json_t *order, const char *database, const char *collection,
                                backup_moment *ret, varve_error *err)
{
    backup_moment m = {0};
    bool latest = false, before_drop = false;
    uint64_t lsn = NONE, time_ms = NONE;
    VV_TRY(read_snapshot(order, &m, err));
    VV_TRY(order_switch(order, "latest", false, &latest, err));
    VV_TRY(order_switch(order, "before_drop", false, &before_drop, err));
    VV_TRY(order_number(order, "to_lsn", INT64_MAX, &lsn, err));
    VV_TRY(order_number(order, "to_time_ms", INT64_MAX, &time_ms, err));
    if ((m.snap_id != NULL) + latest + before_drop + (lsn != NONE) + (time_ms != NONE) > 1)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: a snapshot, or one moment, and not both");
    if (before_drop && !collection)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: before_drop needs a collection");
    m.between = latest || before_drop || lsn != NONE || time_ms != NONE;
    m.pitr = (pitr_options){.target = lsn != NONE       ? PITR_LSN
                                      : time_ms != NONE ? PITR_TIME
                                      : before_drop     ? PITR_BEFORE_DROP
                                                        : PITR_LATEST,
                            .lsn = lsn,
                            .time_ms = time_ms,
                            .database = database,
                            .collection = collection};
    *ret = m;
    return VARVE_OK;
}
