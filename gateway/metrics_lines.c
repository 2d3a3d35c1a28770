/* metrics_lines.c — Prometheus text, line by line. */
#include "metrics_lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lines_put(metrics_lines *t, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    if (t->status != VARVE_OK) return;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    t->status = buffer_add_text(t->out, line, t->err);
}

void lines_family(metrics_lines *t, const char *name, const char *type, const char *help)
{
    lines_put(t, "# HELP %s%s %s\n# TYPE %s%s %s\n", t->prefix, name, help, t->prefix, name, type);
}

void lines_single(metrics_lines *t, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    lines_family(t, name, type, help);
    lines_put(t, "%s%s %" PRIu64 "\n", t->prefix, name, value);
}

void lines_single_real(metrics_lines *t, const char *name, const char *type, const char *help,
                       double value)
{
    lines_family(t, name, type, help);
    lines_put(t, "%s%s %.6f\n", t->prefix, name, value);
}

void lines_labelled(metrics_lines *t, const char *name, const char *label, const char *label_value,
                    uint64_t value)
{
    lines_put(t, "%s%s{%s=\"%s\"} %" PRIu64 "\n", t->prefix, name, label, label_value, value);
}

static bool begins_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

void lines_label(const char *value, size_t chars_max, char ret[LINES_LABEL_MAX])
{
    enum { TAIL = sizeof "..." + 8 }; /* room for one more character, escaped, and the end */
    size_t chars = 0, len = 0;
    for (; *value; value++) {
        if (begins_character(*value) && (chars++ == chars_max || len + TAIL > LINES_LABEL_MAX)) {
            memcpy(ret + len, "...", 3);
            len += 3;
            break;
        }
        if (*value == '\\' || *value == '"') ret[len++] = '\\';
        ret[len++] = *value == '\n' ? ' ' : *value;
    }
    ret[len] = '\0';
}
