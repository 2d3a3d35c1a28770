/* hashmap.c — open addressing with linear probing; capacity is a power of two. */
#include "base/hashmap.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 16

void hashmap_init(hashmap *m) { *m = (hashmap){0}; }

void hashmap_done(hashmap *m)
{
    for (size_t i = 0; i < m->capacity; i++)
        free(m->slots[i].key);
    free(m->slots);
    *m = (hashmap){0};
}

static bool slot_holds(const hashmap_slot *slot, uint64_t hash, const void *key, size_t key_len)
{
    return slot->hash == hash && slot->key_len == key_len &&
           (key_len == 0 || memcmp(slot->key, key, key_len) == 0);
}

/* The slot of the key, or the free slot where it would go. There is always a free one. */
static hashmap_slot *find_slot(const hashmap *m, uint64_t hash, const void *key, size_t key_len)
{
    size_t mask = m->capacity - 1, at = hash & mask;
    while (m->slots[at].key && !slot_holds(&m->slots[at], hash, key, key_len))
        at = (at + 1) & mask;
    return &m->slots[at];
}

void *hashmap_get(const hashmap *m, const void *key, size_t key_len)
{
    if (m->count == 0) return NULL;
    return find_slot(m, hash_bytes(key, key_len), key, key_len)->value;
}

static bool grow(hashmap *m)
{
    size_t capacity = m->capacity ? m->capacity * 2 : CAPACITY_FIRST, mask = capacity - 1;
    hashmap_slot *slots = calloc(capacity, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < m->capacity; i++) {
        size_t at = m->slots[i].hash & mask;
        if (!m->slots[i].key) continue;
        while (slots[at].key)
            at = (at + 1) & mask;
        slots[at] = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->capacity = capacity;
    return true;
}

bool hashmap_put(hashmap *m, const void *key, size_t key_len, void *value)
{
    uint64_t hash = hash_bytes(key, key_len);
    hashmap_slot *slot = m->capacity ? find_slot(m, hash, key, key_len) : NULL;
    if (slot && slot->key) {
        slot->value = value;
        return true;
    }
    char *copy = malloc(key_len + 1);
    if (!copy) return false;
    if (m->count + 1 > m->capacity / 8 * 7) {
        if (!grow(m)) {
            free(copy);
            return false;
        }
        slot = find_slot(m, hash, key, key_len);
    }
    if (key_len) memcpy(copy, key, key_len);
    copy[key_len] = '\0';
    *slot = (hashmap_slot){copy, key_len, hash, value};
    m->count++;
    return true;
}

/* Move later members of the run into the hole, unless that would put them before their home. */
static void close_hole(hashmap *m, size_t hole)
{
    size_t mask = m->capacity - 1;
    for (size_t at = (hole + 1) & mask; m->slots[at].key; at = (at + 1) & mask) {
        size_t home = m->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (hashmap_slot){0};
}

void *hashmap_remove(hashmap *m, const void *key, size_t key_len)
{
    if (m->count == 0) return NULL;
    hashmap_slot *slot = find_slot(m, hash_bytes(key, key_len), key, key_len);
    void *value = slot->value;
    if (!slot->key) return NULL;
    free(slot->key);
    m->count--;
    close_hole(m, (size_t)(slot - m->slots));
    return value;
}

hashmap_slot *hashmap_next(const hashmap *m, size_t *at)
{
    while (*at < m->capacity) {
        hashmap_slot *slot = &m->slots[(*at)++];
        if (slot->key) return slot;
    }
    return NULL;
}
