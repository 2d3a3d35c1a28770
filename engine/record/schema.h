/* schema.h — what the catalogue says of a collection, and the bytes it says it in; names and index
 * modes.
 *
 * Collection record, version 3, little-endian:
 *   u8 version | u32 id | u64 created wall ms | u32 n + description | u8 content | u8 text: 1
 * stems,
 *   2 stop words, 4 accents folded | u8 n + language of the texts | u16 fields, then per field:
 *   u16 field id | u8 n + name ("" is the primary vector) | u32 dim (0 unknown) | u8 dtype |
 *   u8 metric | u8 n + index mode as typed | u32 each of VARVE_INDEX_PARAM_TABLE | f64 alpha
 *   | u8 kind | u32 child
 * Version history. 1: without parameters, which are then all 0. 2: with them; without content,
 * text options, kinds and children, which are then all 0. 3: with them.
 * A reader refuses a newer version (VARVE_NEWER_FORMAT) and anything that does not end exactly at
 * its end (VARVE_CORRUPT); it reads every older one. */
#ifndef VARVE_RECORD_SCHEMA_H
#define VARVE_RECORD_SCHEMA_H

#include "base/buffer.h"

/* What a vector field holds for a row. */
typedef enum vector_kind {
    VECTOR_DENSE = 0, /* one vector */
    VECTOR_SPARSE = 1,
    VECTOR_MULTI = 2 /* any number of vectors, compared by max_sim */
} vector_kind;

#define SCHEMA_LANGUAGE_MAX   15
#define SCHEMA_NAME_MAX       128
#define SCHEMA_INDEX_MODE_MAX 63

typedef struct vector_field {
    uint16_t id; /* 0: the primary vector */
    char name[SCHEMA_NAME_MAX + 1];
    uint32_t dim;
    varve_dtype dtype;
    varve_metric metric;
    char index_mode[SCHEMA_INDEX_MODE_MAX + 1]; /* as typed; "" none */
    varve_index_params params;                  /* as given; 0: the default */
    vector_kind kind;
    /* Of a named field: the inner collection that keeps its vectors (db/vector_fields.h); 0: none.
     * Metric, index mode and parameters are those of its primary vector: here they stay as the
     * field was created. */
    uint32_t child;
} vector_field;

typedef struct collection_schema {
    uint32_t id;
    uint64_t created_ms;
    char *description; /* NULL none; owned */
    uint8_t content;   /* of its rows, beside the vector: 0 JSON fields, 1 a sparse vector */
    bool text_stem, text_stop_words, text_fold_accents;
    char text_language[SCHEMA_LANGUAGE_MAX + 1]; /* "": none */
    size_t field_count;
    vector_field *fields; /* owned; fields[0] is the primary vector */
} collection_schema;

VV_CHECKED varve_status schema_init(collection_schema *s, uint32_t id,
                                    const varve_collection_spec *spec, uint64_t dim_max,
                                    uint64_t description_bytes_max, varve_error *err);
VV_CHECKED varve_status schema_copy(const collection_schema *from, collection_schema *ret,
                                    varve_error *err);
void schema_done(collection_schema *s);
VV_CHECKED varve_status schema_encode(const collection_schema *s, buffer *out, varve_error *err);
VV_CHECKED varve_status schema_decode(const void *bytes, size_t len, collection_schema *ret,
                                      varve_error *err);
VV_CHECKED varve_status schema_set_description(collection_schema *s, const char *text,
                                               uint64_t bytes_max, varve_error *err);

/* 1..128 of A-Z a-z 0-9 . _ -, no "..", not beginning with a dot. what: "database name". */
VV_CHECKED varve_status schema_check_name(const char *name, const char *what, varve_error *err);

/* An index mode is <structure>-<metric>[-<quantiser>], case-insensitive, with the aliases of the
 * LynseDB contract; bare aliases such as "LINF" after FLAT-. Only the combinations of that table
 * are accepted: else VARVE_INVALID "unsupported index/metric combination …"; a bare family ("HNSW")
 * is VARVE_INVALID too. */
typedef enum index_structure {
    INDEX_FLAT,
    INDEX_HNSW,
    INDEX_IVF,
    INDEX_DISKANN,
    INDEX_SPANN
} index_structure;
typedef enum index_quantiser {
    QUANT_NONE,
    QUANT_SQ8,
    QUANT_PQ,
    QUANT_RABITQ,
    QUANT_POLARVEC,
    QUANT_BINARY
} index_quantiser;
typedef struct index_mode {
    index_structure structure;
    varve_metric metric;
    index_quantiser quantiser;
    unsigned parameter; /* PQ: subspaces, POLARVEC: bits; 0 default */
} index_mode;
VV_CHECKED varve_status index_mode_parse(const char *text, index_mode *ret, varve_error *err);
/* The canonical upper-case name. */
void index_mode_text(const index_mode *m, char ret[SCHEMA_INDEX_MODE_MAX + 1]);
/* A metric by canonical name or alias ("euclidean"), case-insensitive; false: unknown. */
bool metric_parse(const char *text, varve_metric *ret);
bool dtype_parse(const char *text, varve_dtype *ret);

#endif
