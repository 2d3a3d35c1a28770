/* lynse_dtype.c — names of vector types as clients write them. */
#include "lynse_dtype.h"

#include <strings.h>

static const struct {
    const char *name;
    varve_dtype type;
} names[] = {
    {"float32", VARVE_FLOAT32}, {"f32", VARVE_FLOAT32}, {"float", VARVE_FLOAT32},
    {"float16", VARVE_FLOAT16}, {"f16", VARVE_FLOAT16}, {"half", VARVE_FLOAT16},
    {"fp16", VARVE_FLOAT16},    {"uint8", VARVE_UINT8}, {"u8", VARVE_UINT8},
    {"int8", VARVE_INT8},       {"i8", VARVE_INT8},     {"binary", VARVE_BINARY},
    {"bit", VARVE_BINARY},
};

bool lynse_dtype_read(const char *text, varve_dtype *ret)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(text, names[i].name) != 0) continue;
        *ret = names[i].type;
        return true;
    }
    return false;
}
