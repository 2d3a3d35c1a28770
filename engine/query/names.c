/* names.c — an immutable list of names: one allocation, | varve_names | pointers | texts |. */
#include "query/query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct varve_names {
    size_t count;
    const char *names[];
};

varve_status names_new(const char *const *names, size_t count, varve_names **ret, varve_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    varve_names *n = malloc(sizeof *n + count * sizeof n->names[0] + bytes);
    if (!n) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu names", count);
    char *at = (char *)(n->names + count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]) + 1;
        n->names[i] = memcpy(at, names[i], len);
        at += len;
    }
    n->count = count;
    *ret = n;
    return VARVE_OK;
}

size_t varve_names_count(const varve_names *names) { return names->count; }

const char *varve_names_get(const varve_names *names, size_t i)
{
    assert(i < names->count);
    return names->names[i];
}

void varve_names_free(varve_names *names) { free(names); }
