/* public_tables.c — the tables of varve.h as functions: names, HTTP codes, sizes, defaults. */
#include "base/status.h"

#include <string.h>

const char *varve_version(void) { return VARVE_VERSION_TEXT; }

const char *varve_status_name(varve_status status)
{
    static const char *const names[] = {
#define X(name, http, meaning) #name,
        VARVE_STATUS_TABLE(X)
#undef X
    };
    return (size_t)status < VV_COUNT(names) ? names[status] : "UNKNOWN";
}

int varve_status_http(varve_status status)
{
    static const int codes[] = {
#define X(name, http, meaning) http,
        VARVE_STATUS_TABLE(X)
#undef X
    };
    return (size_t)status < VV_COUNT(codes) ? codes[status] : 500;
}

size_t varve_dtype_row_bytes(varve_dtype type, size_t dim)
{
    static const size_t bits[] = {
#define X(NAME, name, bits_each) bits_each,
        VARVE_DTYPE_TABLE(X)
#undef X
    };
    if ((size_t)type >= VV_COUNT(bits)) return 0;
    return bits[type] >= 8 ? dim * (bits[type] / 8) : dim / 8 + (dim % 8 != 0);
}

const char *varve_dtype_name(varve_dtype type)
{
    static const char *const names[] = {
#define X(NAME, name, bits) name,
        VARVE_DTYPE_TABLE(X)
#undef X
    };
    return (size_t)type < VV_COUNT(names) ? names[type] : "unknown";
}

const char *varve_metric_name(varve_metric metric)
{
    static const char *const names[] = {
#define X(NAME, name, word, larger) name,
        VARVE_METRIC_TABLE(X)
#undef X
    };
    return (size_t)metric < VV_COUNT(names) ? names[metric] : "unknown";
}

bool varve_metric_larger_is_better(varve_metric metric)
{
    static const bool larger_is_better[] = {
#define X(NAME, name, word, larger) larger,
        VARVE_METRIC_TABLE(X)
#undef X
    };
    return (size_t)metric < VV_COUNT(larger_is_better) && larger_is_better[metric];
}

void varve_options_init(varve_options *options)
{
    memset(options, 0, sizeof *options);
#define X(name, value, meaning) options->name = value;
    VARVE_SETTING_TABLE(X)
#undef X
}
