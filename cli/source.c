/* source.c — see source.h. */
#include "source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct source {
    const source_options *options;
    size_t next_file;
    reader *rows;   /* of the current file; NULL between two */
    reader *labels; /* of fields_from; NULL: none */
    batch batch;
    uint64_t rows_given;
    uint64_t bytes_done, bytes_total; /* done: of files already closed; total 0: unknown */
};

static uint64_t total_bytes(const source_options *o)
{
    uint64_t total = 0;
    for (size_t i = 0; i < o->file_count; i++) {
        struct stat st;
        if (strcmp(o->files[i], "-") == 0 || stat(o->files[i], &st) != 0 || !S_ISREG(st.st_mode))
            return 0;
        total += (uint64_t)st.st_size;
    }
    return total;
}

varve_status source_open(const source_options *options, source **ret, varve_error *err)
{
    VV_CLEANUP(source_closep) source *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory to import");
    s->options = options;
    s->bytes_total = total_bytes(options);
    VV_TRY(batch_init(&s->batch, options->batch_rows, err));
    if (options->fields_from) {
        reader_options labels = {.id_key = options->id_key, .labels_only = true};
        VV_TRY(reader_open(options->fields_from, &reader_ndjson, &labels, &s->labels, err));
    }
    *ret = s;
    s = NULL;
    return VARVE_OK;
}

void source_close(source *s)
{
    if (!s) return;
    reader_close(s->rows);
    reader_close(s->labels);
    batch_done(&s->batch);
    free(s);
}

void source_closep(source **s) { source_close(*s); }

static varve_status open_next_file(source *s, varve_error *err)
{
    const source_options *o = s->options;
    reader_options ro = {.id_key = o->fields_from ? NULL : o->id_key, .vector_key = o->vector_key};
    return reader_open(o->files[s->next_file++], o->type, &ro, &s->rows, err);
}

/* Fill the batch from the files, as far as they and it go. */
static varve_status read_rows(source *s, varve_error *err)
{
    while (s->batch.vectors_count == 0) {
        if (!s->rows && s->next_file == s->options->file_count) return VARVE_OK;
        if (!s->rows) VV_TRY(open_next_file(s, err));
        VV_TRY(reader_next(s->rows, &s->batch, err));
        if (s->batch.vectors_count > 0) break;
        s->bytes_done += input_size(reader_input(s->rows));
        reader_close(s->rows);
        s->rows = NULL;
    }
    return VARVE_OK;
}

static varve_status read_labels(source *s, varve_error *err)
{
    batch *b = &s->batch;
    bool at_end = b->vectors_count == 0;
    const char *name = input_name(reader_input(s->labels));
    if (b->labels_count > 0)
        return vv_fail(err, VARVE_INVALID,
                       "rows have ids or fields of their own beside those of %s", name);
    b->labels_max = at_end ? 1 : b->vectors_count;
    VV_TRY(reader_next(s->labels, b, err));
    if (at_end && b->labels_count > 0)
        return vv_fail(err, VARVE_INVALID, "%s has more rows than there are vectors (%llu)", name,
                       (unsigned long long)s->rows_given);
    if (b->labels_count < b->vectors_count)
        return vv_fail(err, VARVE_INVALID, "%s ends after %llu rows, and there are more vectors",
                       name, (unsigned long long)(s->rows_given + b->labels_count));
    return VARVE_OK;
}

varve_status source_next(source *s, varve_rows *ret, varve_error *err)
{
    const source_options *o = s->options;
    batch_clear(&s->batch);
    VV_TRY(read_rows(s, err));
    if (s->labels) VV_TRY(read_labels(s, err));
    if (o->ids_numbered && s->batch.ids_state == BATCH_IDS_GIVEN)
        return vv_fail(err, VARVE_INVALID, "rows have ids of their own beside --ids-start");
    uint64_t first_id = o->ids_start;
    if (o->ids_numbered && __builtin_add_overflow(first_id, s->rows_given, &first_id))
        return vv_fail(err, VARVE_LIMIT, "ids pass 2^64");
    batch_view(&s->batch, o->ids_numbered ? &first_id : NULL, ret);
    s->rows_given += ret->count;
    return VARVE_OK;
}

double source_share(const source *s)
{
    uint64_t done = s->bytes_done;
    if (s->bytes_total == 0) return -1;
    if (s->rows) done += input_consumed(reader_input(s->rows));
    return (double)done / (double)s->bytes_total;
}
