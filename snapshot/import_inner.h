/* import_inner.h — inside snapshot/import*: what was read of an export's manifest, and its steps.
 * */
#ifndef VARVE_SNAPSHOT_IMPORT_INNER_H
#define VARVE_SNAPSHOT_IMPORT_INNER_H

#include "export_inner.h"

#define IMPORT_FIELDS_MAX 64

typedef struct import_field {
    varve_field_info info;
    uint64_t entries;
} import_field;

typedef struct import_source { /* either layout, after its manifest was checked */
    export_layout layout;
    json_t *manifest;
    size_t dim;
    varve_dtype dtype;
    uint64_t rows, deleted;
    const char *index_mode; /* NULL: none; borrowed from the manifest, as all texts here */
    varve_index_params params;
    const char *description;
    const char *text_language;
    bool text_stem, text_stop_words, text_fold_accents;
    import_field fields[IMPORT_FIELDS_MAX];
    size_t field_count;
} import_source;
void import_source_done(import_source *s);

/* Read and check the manifest of the export at `path`, and the size and sum of every file it
 * names. */
VV_CHECKED varve_status import_read_manifest(const char *path, import_source *ret,
                                             varve_error *err);

typedef struct import_line { /* of the rows' file */
    uint64_t offset, ordinal;
    uint32_t bytes;
    uint32_t deleted;
    uint64_t row; /* its number in the file */
} import_line;

typedef struct import_job {
    const export_place *place;
    import_source source;
    export_stage stage;
    file_map text; /* of the rows' file */
    import_line *lines;
    uint64_t line_count;
    export_info info;
} import_job;

/* The lines of the rows' file, found and checked. */
VV_CHECKED varve_status import_find_lines(import_job *j, varve_error *err);
/* An id and its fields. `text` has the minified line; the row borrows from it and from `ids`. */
VV_CHECKED varve_status import_parse_line(const import_job *j, const import_line *line,
                                          buffer *text, buffer *ids, varve_id *ret_id,
                                          varve_text *ret_fields, varve_error *err);
VV_CHECKED varve_status import_rows(import_job *j, varve_error *err);
VV_CHECKED varve_status import_fields(import_job *j, varve_error *err);

#endif
