/* out.c — see out.h. A table row is: score, id, fields (and vector), the last cut at the width of
 * the terminal. A JSON line is {"id":…,"score":…,"vector":[…],"fields":{…}}. */
#include "out.h"

#include "text.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)64 << 20)
#define ID_COLUMN      12

void out_start(out *o, bool json)
{
    struct winsize size = {0};
    *o = (out){.json = json};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        o->width = size.ws_col;
    buffer_init(&o->line, LINE_BYTES_MAX, "line of output");
}

void out_done(out *o) { buffer_done(&o->line); }

static varve_status make_json(out *o, const out_row *r, varve_error *err)
{
    VV_TRY(buffer_add_text(&o->line, "{\"id\":", err));
    VV_TRY(text_add_id(&o->line, r->id, err));
    if (r->has_score) {
        VV_TRY(buffer_add_text(&o->line, ",\"score\":", err));
        VV_TRY(json_out_float(&o->line, r->score, err));
    }
    if (r->deleted) VV_TRY(buffer_add_text(&o->line, ",\"deleted\":true", err));
    if (r->vector) {
        VV_TRY(buffer_add_text(&o->line, ",\"vector\":", err));
        VV_TRY(json_out_floats(&o->line, r->vector, r->dim, err));
    }
    if (r->fields.data) {
        VV_TRY(buffer_add_text(&o->line, ",\"fields\":", err));
        VV_TRY(buffer_add(&o->line, r->fields.data, r->fields.len, err));
    }
    return buffer_add_text(&o->line, "}", err);
}

static varve_status make_table_row(out *o, const out_row *r, varve_error *err)
{
    if (r->has_score) VV_TRY(buffer_printf(&o->line, err, "%12.6g  ", (double)r->score));
    size_t id_from = o->line.len;
    VV_TRY(text_add_id(&o->line, r->id, err));
    size_t id_len = o->line.len - id_from;
    if (id_len < ID_COLUMN)
        VV_TRY(buffer_printf(&o->line, err, "%*s", (int)(ID_COLUMN - id_len), ""));
    if (r->deleted) VV_TRY(buffer_add_text(&o->line, "  (deleted)", err));
    if (r->fields.data) {
        VV_TRY(buffer_add_text(&o->line, "  ", err));
        VV_TRY(buffer_add(&o->line, r->fields.data, r->fields.len, err));
    }
    if (r->vector) {
        VV_TRY(buffer_add_text(&o->line, "  ", err));
        VV_TRY(json_out_floats(&o->line, r->vector, r->dim, err));
    }
    return VARVE_OK;
}

/* Bytes of the line that fit the width: a UTF-8 character counts as one column. */
static size_t bytes_that_fit(const out *o)
{
    size_t columns = 0;
    for (size_t i = 0; i < o->line.len; i++) {
        bool begins = ((unsigned char)o->line.data[i] & 0xc0) != 0x80;
        if (begins && columns++ == o->width) return i;
    }
    return o->line.len;
}

varve_status out_add(out *o, const out_row *row, varve_error *err)
{
    buffer_clear(&o->line);
    if (o->json)
        VV_TRY(make_json(o, row, err));
    else
        VV_TRY(make_table_row(o, row, err));
    if (!o->json && !o->any)
        printf("%s%-*s  %s\n", row->has_score ? "       score  " : "", ID_COLUMN, "id",
               row->fields.data ? "fields"
               : row->vector    ? "vector"
                                : "");
    size_t len = o->json || o->width == 0 ? o->line.len : bytes_that_fit(o);
    fwrite(o->line.data, 1, len, stdout);
    putchar('\n');
    o->any = true;
    return VARVE_OK;
}
