/* input.c — named fields and the clock of a query. */
#include "query/input.h"

#include "base/clock.h"

#include <string.h>

varve_status query_field_find(const query_input *in, const char *name, const query_field **ret,
                              varve_error *err)
{
    const query_field *found = NULL;
    bool primary = !name || !*name || strcmp(name, "default") == 0;
    for (size_t i = 0; !primary && i < in->field_count; i++) {
        if (strcmp(in->fields[i].name, name) == 0) found = &in->fields[i];
    }
    if (!primary && !found)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no vector field '%.*s'", SCHEMA_NAME_MAX,
                       name);
    *ret = found;
    return VARVE_OK;
}

void query_clock_start(query_clock *c, uint64_t timeout_ms, const volatile int *cancel)
{
    uint64_t now = clock_now_ns();
    bool ends = timeout_ms > 0 && timeout_ms < (UINT64_MAX - now) / 1000000;
    *c = (query_clock){ends ? now + timeout_ms * 1000000 : 0, timeout_ms, cancel};
}

varve_status query_clock_check(const query_clock *c, varve_error *err)
{
    if (c->cancel && *c->cancel)
        return vv_fail(err, VARVE_CANCELLED, "the query was cancelled by its caller");
    if (c->deadline_ns == 0 || clock_now_ns() < c->deadline_ns) return VARVE_OK;
    return vv_fail(err, VARVE_TIMEOUT, "not done within %llu ms",
                   (unsigned long long)c->timeout_ms);
}
