/* handoff_model.h — random work on a folder whose compactor is running, and a model of what the
 * folder must then hold. Rows are those of tests/unit/db/db_model.h; beside them go compactions,
 * changes of the index mode, searches and checkpoints. What comes next follows from the model
 * alone, so that a checker can replay it from a saved state and the number of steps that were
 * answered.
 *
 * A compaction that runs beside other steps, or that a crash cut short, may or may not have purged
 * a row that was deleted: such rows are in doubt, are not touched again in this life, and are
 * settled by looking at them once.
 *
 * Ownership  plain values.
 * Threads    none. */
#ifndef CRASH_HANDOFF_MODEL_H
#define CRASH_HANDOFF_MODEL_H

#include "base/status.h"
#include "../unit/db/db_model.h"

typedef enum handoff_op {
    HANDOFF_ROWS,           /* one of db_model.h */
    HANDOFF_COMPACT,        /* purge everything, and wait */
    HANDOFF_COMPACT_BESIDE, /* the same in another thread, until … */
    HANDOFF_COMPACT_JOIN,   /* … this step */
    HANDOFF_MERGE,          /* keep deleted rows, and wait */
    HANDOFF_NUDGE,          /* the same without waiting */
    HANDOFF_MODE,           /* choose another index mode, and wait for its indexes or not */
    HANDOFF_SEARCH,
    HANDOFF_CHECKPOINT
} handoff_op;

typedef struct handoff_step {
    handoff_op op;
    model_step rows;
    uint32_t choice;
    bool wait;
} handoff_step;

typedef struct handoff_model {
    model rows;
    bool doubtful[MODEL_IDS]; /* deleted, and perhaps purged */
    bool beside;              /* a compaction is running in another thread */
    random_state random;
} handoff_model;

void handoff_model_init(handoff_model *h);
bool handoff_model_load(handoff_model *h, const char *path);
bool handoff_model_save(const handoff_model *h, const char *path);
/* A new life: what comes next depends on the seed and on the rows. */
void handoff_model_begin(handoff_model *h, uint64_t seed);

void handoff_model_plan(handoff_model *h, handoff_step *ret);
varve_status handoff_model_expect(const handoff_model *h, const handoff_step *s);
void handoff_model_apply(handoff_model *h, const handoff_step *s);
/* What a crash leaves of a step that was not answered, if it did not come through: doubts only. */
void handoff_model_interrupt(handoff_model *h, const handoff_step *s);
/* Every row in doubt becomes what the collection says. */
bool handoff_model_settle(handoff_model *h, varve_collection *c, varve_error *err);
/* Exact searches give the nearest live rows, others live rows with their distances, as many as
 * asked. */
bool handoff_model_search(const handoff_model *h, varve_collection *c, uint32_t choice,
                          char *ret_difference, size_t size);

#endif
