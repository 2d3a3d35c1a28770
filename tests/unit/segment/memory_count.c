/* memory_count.c — see memory_count.h. Linked with --wrap of these four. */
#include "memory_count.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static atomic_llong held, most;

static void note(long long change)
{
    long long now = atomic_fetch_add(&held, change) + change, before = atomic_load(&most);
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now)) {
    }
}

static long long size_of(void *p) { return p ? (long long)malloc_usable_size(p) : 0; }

void *__wrap_malloc(size_t size)
{
    void *p = __real_malloc(size);
    note(size_of(p));
    return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *p = __real_calloc(count, size);
    note(size_of(p));
    return p;
}

/* A block that grows and moves is there twice for a moment only where the system copies it; the
 * large ones are moved by their pages. */
void *__wrap_realloc(void *p, size_t size)
{
    long long before = size_of(p);
    void *moved = __real_realloc(p, size);
    if (moved || size == 0) note(size_of(moved) - before);
    return moved;
}

void __wrap_free(void *p)
{
    note(-size_of(p));
    __real_free(p);
}

void memory_count_begin(void) { atomic_store(&most, atomic_load(&held)); }

unsigned long long memory_count_most(long long since)
{
    return (unsigned long long)(atomic_load(&most) - since);
}

long long memory_count_now(void) { return atomic_load(&held); }
