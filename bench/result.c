/* result.c — results as JSON lines on standard output. See bench.h. */
#include "bench.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double rounded(double value) /* to five digits: more would only look exact */
{
    char text[64];
    snprintf(text, sizeof text, "%.5g", value);
    return strtod(text, NULL);
}

void result(const char *name, double value, const char *unit, double ratio, const char *ratio_to,
            const char *conditions, ...)
{
    char text[512];
    va_list args;
    va_start(args, conditions);
    vsnprintf(text, sizeof text, conditions, args);
    va_end(args);
    json_t *line = json_object();
    json_object_set_new(line, "name", json_string(name));
    json_object_set_new(line, "value", isfinite(value) ? json_real(rounded(value)) : json_null());
    json_object_set_new(line, "unit", json_string(unit));
    bool has_ratio = ratio_to && isfinite(ratio);
    json_object_set_new(line, "ratio", has_ratio ? json_real(rounded(ratio)) : json_null());
    json_object_set_new(line, "ratio_to", has_ratio ? json_string(ratio_to) : json_null());
    json_object_set_new(line, "conditions", json_string(text));
    json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    if (count == 0) return NAN;
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
