/* damage_fields.h — the part of a scene (damage_scene.h) that is found by way of fields: named
 * vectors of each kind, filters, texts.
 * Threads    one.
 * Errors     as of damage_scene.h. */
#ifndef DAMAGE_FIELDS_H
#define DAMAGE_FIELDS_H

#include "damage_scene.h"

#define SCENE_VECTORS 900 /* every second row below has named vectors */

varve_id scene_id(size_t i, char text[32]);
/* All of those rows are live. */
void scene_put_vectors(varve_collection *c);

typedef struct scene_found { /* what a collection must answer */
    varve_collection *c;
    bool live[SCENE_VECTORS];
    uint64_t with_fields; /* live rows that have "row" */
    size_t with_text;     /* and the text SCENE_TEXT */
} scene_found;
#define SCENE_TEXT "abcdefghij"
scene_verdict scene_check_fields(const scene_found *f, char *ret_why);

#endif
