/* write_api.c — insert, upsert, delete, restore and change of fields as varve.h has them: prepare,
 * queue, clean up. */
#include "db/write.h"

#include "record/fields.h"

#include <stdlib.h>

static varve_status submit(varve_collection *c, write_request *w, varve_status prepared,
                           varve_receipt *ret, varve_error *err)
{
    varve_status status = prepared;
    if (status == VARVE_OK && w->count) status = write_submit(c->db, w, ret, err);
    if (status == VARVE_OK && w->count == 0 && ret)
        *ret = (varve_receipt){.sequence = store_sequence(c->db->store)};
    write_request_done(w);
    return status;
}

static varve_status write_rows(varve_collection *c, write_kind kind, const varve_rows *rows,
                               const varve_write_options *options, varve_receipt *ret,
                               varve_error *err)
{
    write_request w = {0};
    VV_TRY(db_check_writable(c->db, true, err));
    return submit(c, &w, write_prepare_rows(c, kind, rows, options, &w, err), ret, err);
}

varve_status varve_insert(varve_collection *c, const varve_rows *rows,
                          const varve_write_options *options, varve_receipt *ret_receipt,
                          varve_error *err)
{
    return write_rows(c, WRITE_INSERT, rows, options, ret_receipt, err);
}

varve_status varve_upsert(varve_collection *c, const varve_rows *rows,
                          const varve_write_options *options, varve_receipt *ret_receipt,
                          varve_error *err)
{
    return write_rows(c, WRITE_UPSERT, rows, options, ret_receipt, err);
}

static varve_status write_marks(varve_collection *c, write_kind kind, const varve_id *ids,
                                size_t count, const varve_write_options *options,
                                varve_receipt *ret, varve_error *err)
{
    write_request w = {0};
    VV_TRY(db_check_writable(c->db, false, err));
    return submit(c, &w, write_prepare_ids(c, kind, ids, count, options, &w, err), ret, err);
}

varve_status varve_delete(varve_collection *c, const varve_id *ids, size_t count,
                          const varve_write_options *options, varve_receipt *ret_receipt,
                          varve_error *err)
{
    return write_marks(c, WRITE_DELETE, ids, count, options, ret_receipt, err);
}

varve_status varve_restore(varve_collection *c, const varve_id *ids, size_t count,
                           const varve_write_options *options, varve_receipt *ret_receipt,
                           varve_error *err)
{
    return write_marks(c, WRITE_RESTORE, ids, count, options, ret_receipt, err);
}

varve_status varve_fields_change(varve_collection *c, varve_fields_mode mode, const varve_id *ids,
                                 const varve_text *fields, size_t count,
                                 const varve_write_options *options, varve_receipt *ret_receipt,
                                 varve_error *err)
{
    write_request w = {0};
    VV_TRY(db_check_writable(c->db, true, err));
    if (count && !fields) return vv_fail(err, VARVE_INVALID, "fields cannot be empty");
    if ((unsigned)mode > VARVE_FIELDS_REMOVE)
        return vv_fail(err, VARVE_INVALID, "mode: unknown value %d", (int)mode);
    varve_status status = write_prepare_ids(c, WRITE_FIELDS, ids, count, options, &w, err);
    if (status == VARVE_OK) status = write_take_fields(&w, fields, err);
    w.fields_mode = mode;
    return submit(c, &w, status, ret_receipt, err);
}
