/* lynse_answer.c — the answers of the dialect. */
#include "lynse_answer.h"

#include "lynse_ids.h"

#include <stdarg.h>
#include <string.h>

varve_status lynse_out_text(buffer *out, const char *text, varve_error *err)
{
    return json_out_string(out, text, strlen(text), err);
}

varve_status lynse_out_names(lynse_call *c, varve_error *err)
{
    buffer *out = &c->reply->body;
    if (c->database[0]) {
        VV_TRY(buffer_add_text(out, "\"database_name\":", err));
        VV_TRY(lynse_out_text(out, c->database, err));
    }
    if (c->name[0]) {
        VV_TRY(buffer_add_text(out, ",\"collection_name\":", err));
        VV_TRY(lynse_out_text(out, c->name, err));
    }
    return VARVE_OK;
}

varve_status lynse_reply_begin(lynse_call *c, varve_error *err)
{
    VV_TRY(buffer_add_text(&c->reply->body, "{\"status\":\"success\",\"params\":{", err));
    return lynse_out_names(c, err);
}

varve_status lynse_reply_end(lynse_call *c, varve_error *err)
{
    return buffer_add(&c->reply->body, "}}", 2, err);
}

varve_status lynse_reply_echo(lynse_call *c, varve_error *err)
{
    VV_TRY(lynse_reply_begin(c, err));
    return lynse_reply_end(c, err);
}

varve_status lynse_reply_with(lynse_call *c, varve_error *err, const char *format, ...)
{
    char member[256];
    va_list args;
    va_start(args, format);
    vsnprintf(member, sizeof member, format, args);
    va_end(args);
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, member, err));
    return lynse_reply_end(c, err);
}

varve_status lynse_out_text_list(buffer *out, const varve_names *names, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < varve_names_count(names); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_text(out, varve_names_get(names, i), err));
    }
    return buffer_add(out, "]", 1, err);
}

varve_status lynse_out_fields(buffer *out, varve_text fields, varve_error *err)
{
    if (!fields.data || fields.len == 0) return buffer_add(out, "{}", 2, err);
    return buffer_add(out, fields.data, fields.len, err);
}

void lynse_names_freep(varve_names **names) { varve_names_free(*names); }
void lynse_hits_freep(varve_hits **hits) { varve_hits_free(*hits); }

void lynse_collection_releasep(varve_collection **collection)
{
    varve_collection_release(*collection);
}
