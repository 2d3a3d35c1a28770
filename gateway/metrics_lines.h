/* metrics_lines.h — Prometheus text, line by line, under one prefix.
 * Threads  one at a time.
 * Errors   the first one sticks, and ends the text. */
#ifndef GATEWAY_METRICS_LINES_H
#define GATEWAY_METRICS_LINES_H

#include "base/buffer.h"

typedef struct metrics_lines {
    buffer *out;
    const char *prefix;
    varve_status status;
    varve_error *err;
} metrics_lines;

/* At most 1023 bytes. */
void lines_put(metrics_lines *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The two comments before the samples of a metric. */
void lines_family(metrics_lines *t, const char *name, const char *type, const char *help);
/* A metric that has one sample. */
void lines_single(metrics_lines *t, const char *name, const char *type, const char *help,
                  uint64_t value);
void lines_single_real(metrics_lines *t, const char *name, const char *type, const char *help,
                       double value);
void lines_labelled(metrics_lines *t, const char *name, const char *label, const char *label_value,
                    uint64_t value);

/* A label's value of at most chars_max characters, escaped; longer ones end with "...". */
#define LINES_LABEL_MAX 256
void lines_label(const char *value, size_t chars_max, char ret[LINES_LABEL_MAX]);

#endif
