/* memtable_inner.h — the parts of a memtable, for memtable.c and memtable_codes.c.
 * Threads  see memtable.h; what is marked writer belongs to the one that appends. */
#ifndef VARVE_SEGMENT_MEMTABLE_INNER_H
#define VARVE_SEGMENT_MEMTABLE_INNER_H

#include "segment/memtable.h"

#include <pthread.h>

typedef struct chunk { /* a head; the vectors before it and the arrays are in the same allocation */
    uint8_t *vectors;  /* start of the allocation */
    uint64_t *rowvers, *ordinals;
    const uint8_t **texts;
    uint8_t *codes; /* of its groups; NULL: none are kept */
    float *norms;   /* one per row */
    bool *coded;    /* one per group */
} chunk;

typedef struct directory {
    struct directory *previous; /* kept for readers that still look at it */
    size_t capacity;
    chunk chunks[];
} directory;

typedef struct text_block {
    struct text_block *previous;
    uint8_t bytes[];
} text_block;

struct memtable {
    uint64_t references; /* atomic */
    uint32_t dim;
    varve_dtype dtype;
    size_t stride;        /* bytes of a vector */
    unsigned shift_max;   /* log2 of the rows of the largest chunks */
    directory *directory; /* atomic */
    size_t chunk_count;   /* writer */
    uint64_t rowver_last; /* writer */
    text_block *texts;    /* writer: all blocks, the newest first */
    uint8_t *text_at;     /* writer: free room of the block in use */
    size_t text_left;
    uint64_t text_bytes; /* writer: of all blocks */
    uint64_t rows;       /* these four: atomic, written by the writer */
    uint64_t bytes;
    uint64_t born_ms;
    double norm_max;
    /* codes; the writer's, but readers may look once `coding` is set */
    bool has_codes; /* they are wanted */
    varve_metric metric;
    bool coding; /* atomic: the model is settled */
    index_certain model;
    quantiser *coder;
    float *points; /* writer: a group of rows as the codes see them */
    /* images of its rows (memtable_parts.c) */
    segment_content content;
    text_options text;
    pthread_mutex_t parts_lock; /* of the two below */
    struct memtable_part_images **parts;
    uint64_t part_count;
};

typedef struct place {
    size_t chunk, at; /* at: row within the chunk */
    size_t rows;      /* capacity of the chunk */
} place;

place memtable_place(const memtable *m, uint64_t slot);
const chunk *memtable_chunk(const memtable *m, size_t i);

/* memtable_codes.c. Bytes of codes that a chunk of so many rows needs, and where they go. */
size_t memtable_codes_bytes(memtable *m, size_t rows);
void memtable_codes_place(const memtable *m, chunk *c, size_t rows, uint8_t *at);
/* The row at p was written: when it fills a group, code the group. */
void memtable_codes_add(memtable *m, chunk *c, place p);
void memtable_codes_done(memtable *m);

/* memtable_parts.c */
void memtable_parts_done(memtable *m);

#endif
