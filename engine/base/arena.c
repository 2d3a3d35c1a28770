/* arena.c — memory freed all at once: blocks that double in size, filled from the front. */
#include "base/arena.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST ((size_t)1024)
#define BLOCK_LAST  ((size_t)1 << 20)
#define ALIGNMENT   _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t used, room;
    _Alignas(max_align_t) char bytes[];
};

void arena_init(arena *a, size_t max_bytes, const char *what)
{
    *a = (arena){.max_bytes = max_bytes, .what = what};
}

void arena_done(arena *a)
{
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->blocks = NULL;
    a->used = 0;
}

static varve_status add_block(arena *a, size_t bytes, varve_error *err)
{
    size_t room = a->blocks ? VV_MIN(a->blocks->room * 2, BLOCK_LAST) : BLOCK_FIRST;
    room = VV_MAX(room, bytes);
    struct arena_block *b = malloc(sizeof *b + room);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a %s", a->what);
    *b = (struct arena_block){.next = a->blocks, .room = room};
    a->blocks = b;
    return VARVE_OK;
}

varve_status arena_take(arena *a, size_t count, size_t size, void **ret, varve_error *err)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes) || bytes > a->max_bytes - a->used)
        return vv_fail(err, VARVE_LIMIT, "the %s takes more than %zu bytes of memory", a->what,
                       a->max_bytes);
    bytes = VV_MAX((bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, ALIGNMENT);
    if (!a->blocks || a->blocks->room - a->blocks->used < bytes) VV_TRY(add_block(a, bytes, err));
    *ret = memset(a->blocks->bytes + a->blocks->used, 0, bytes);
    a->blocks->used += bytes;
    a->used = VV_MIN(a->used + bytes, a->max_bytes);
    return VARVE_OK;
}

varve_status arena_text(arena *a, const char *data, size_t len, varve_text *ret, varve_error *err)
{
    void *copy;
    if (len == SIZE_MAX)
        return vv_fail(err, VARVE_LIMIT, "the %s takes more than %zu bytes of memory", a->what,
                       a->max_bytes);
    VV_TRY(arena_take(a, len + 1, 1, &copy, err));
    if (len) memcpy(copy, data, len);
    *ret = (varve_text){copy, len};
    return VARVE_OK;
}
