/* hashmap.h — byte-string keys to pointers: open addressing, linear probing, at most 7/8 full,
 * backward-shift deletion.
 *
 * Ownership  keys are copied, values are not touched.
 * Threads    one writer, or many readers.
 * Errors     hashmap_put returns false when there is no memory, and nothing changed. */
#ifndef VARVE_BASE_HASHMAP_H
#define VARVE_BASE_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hashmap_slot {
    char *key;
    size_t key_len;
    uint64_t hash;
    void *value;
} hashmap_slot;
typedef struct hashmap {
    hashmap_slot *slots;
    size_t capacity, count;
} hashmap;

void hashmap_init(hashmap *m);
void hashmap_done(hashmap *m);
void *hashmap_get(const hashmap *m, const void *key, size_t key_len); /* NULL: absent */
bool hashmap_put(hashmap *m, const void *key, size_t key_len,
                 void *value); /* replaces; value not NULL */
void *hashmap_remove(hashmap *m, const void *key,
                     size_t key_len); /* the value that was there, or NULL */
/* Walk: size_t at = 0; while ((slot = hashmap_next(m, &at))) ...; no change meanwhile. */
hashmap_slot *hashmap_next(const hashmap *m, size_t *at);

#endif
