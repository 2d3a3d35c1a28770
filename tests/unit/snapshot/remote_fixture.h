/* remote_fixture.h — a remote in memory, new for each test of a file. */
#ifndef TEST_REMOTE_FIXTURE_H
#define TEST_REMOTE_FIXTURE_H

#include "unit.h"

#include "remote_memory.h"

static remote_memory *store;
static remote *r;

static int set_up(void **state)
{
    (void)state;
    store = remote_memory_new();
    r = remote_open_memory(store, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remote_close(r);
    remote_memory_free(store);
    return 0;
}

#endif
