/* log.c — lines are put together on the caller's stack, collected, and written in large pieces. */
#include "log.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_END "}\n"

static const char *const level_names[] = {"off", "error", "warn", "info", "debug"};

varve_status log_level_parse(const char *word, log_level *ret, varve_error *err)
{
    for (size_t i = 0; i < VV_COUNT(level_names); i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *ret = (log_level)i;
            return VARVE_OK;
        }
    }
    return vv_fail(err, VARVE_INVALID,
                   "log_level is '%.100s', must be off, error, warn, info or debug", word);
}

varve_status log_init(logger *l, int fd, log_level level, varve_error *err)
{
    char *text = malloc(LOG_BUFFER_MAX);
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the log");
    *l = (logger){.fd = fd, .level = level, .text = text};
    (void)pthread_mutex_init(&l->lock, NULL);
    return VARVE_OK;
}

void log_done(logger *l)
{
    if (!l->text) return;
    log_flush(l);
    (void)pthread_mutex_destroy(&l->lock);
    free(l->text);
    l->text = NULL;
}

/* A log that cannot be written is no reason to stop: what does not go out is dropped. */
static void write_out_locked(logger *l)
{
    size_t done = 0;
    while (done < l->len) {
        ssize_t n = write(l->fd, l->text + done, l->len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    l->len = 0;
}

void log_flush(logger *l)
{
    (void)pthread_mutex_lock(&l->lock);
    write_out_locked(l);
    (void)pthread_mutex_unlock(&l->lock);
}

/* Room that must stay free for the end of the line. */
static size_t room(const log_line *line) { return LOG_LINE_MAX - sizeof LINE_END - line->len; }

static bool add(log_line *line, const char *text, size_t len)
{
    if (len > room(line)) return false;
    memcpy(line->text + line->len, text, len);
    line->len += len;
    return true;
}

/* Length of the printable UTF-8 character at p, 0 if there is none: not for controls (C0, DEL, C1),
 * overlong forms, surrogates, or values above U+10FFFF. */
static size_t printable_length(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    uint32_t value = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    if (n == 4 && (p[0] & 0xf8) != 0xf0) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0; /* also ends at the NUL */
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value < least[n] || value == 0x7f || value > 0x10ffff ||
        (value >= 0xd800 && value < 0xe000))
        return 0;
    return n;
}

/* One character; false when the line is full. Keeps two bytes for the closing quote. */
static bool add_character(log_line *line, const unsigned char *p, size_t len)
{
    char escaped[8];
    const char *text = (const char *)p;
    if (len == 0) {
        len = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*p);
        text = escaped;
    } else if (*p == '"' || *p == '\\') {
        len = (size_t)snprintf(escaped, sizeof escaped, "\\%c", *p);
        text = escaped;
    }
    return len + 2 <= room(line) && add(line, text, len);
}

static void add_string(log_line *line, const char *value)
{
    const unsigned char *p = (const unsigned char *)value;
    (void)add(line, "\"", 1);
    while (*p) {
        size_t len = printable_length(p);
        if (!add_character(line, p, len)) break;
        p += len ? len : 1;
    }
    (void)add(line, "\"", 1);
}

/* Keys are ours: plain words. False: the line is full, and nothing was added. */
static bool add_key(log_line *line, const char *key)
{
    char text[64];
    int len = snprintf(text, sizeof text, ",\"%s\":", key);
    return (size_t)len + 32 <= room(line) && add(line, text, (size_t)len);
}

void log_begin(log_line *line, log_level level, const char *target, const char *event)
{
    char now[32];
    clock_wall_text(clock_wall_ms(), now, sizeof now);
    line->flush = level <= LOG_WARN;
    line->len = (size_t)snprintf(
        line->text, sizeof line->text,
        "{\"timestamp\":\"%s\",\"level\":\"%s\",\"target\":\"%s\",\"event\":\"%s\"", now,
        level_names[level], target, event);
}

void log_text(log_line *line, const char *key, const char *value)
{
    if (!add_key(line, key)) return;
    if (value)
        add_string(line, value);
    else
        (void)add(line, "null", 4);
}

void log_u64(log_line *line, const char *key, uint64_t value)
{
    char text[24];
    if (add_key(line, key))
        (void)add(line, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, value));
}

void log_ms(log_line *line, const char *key, uint64_t ns)
{
    char text[32];
    if (add_key(line, key))
        (void)add(line, text,
                  (size_t)snprintf(text, sizeof text, "%" PRIu64 ".%03u", ns / 1000000,
                                   (unsigned)(ns / 1000 % 1000)));
}

void log_end(logger *l, log_line *line)
{
    memcpy(line->text + line->len, LINE_END, sizeof LINE_END - 1);
    line->len += sizeof LINE_END - 1;
    (void)pthread_mutex_lock(&l->lock);
    if (l->len + line->len > LOG_BUFFER_MAX) write_out_locked(l);
    memcpy(l->text + l->len, line->text, line->len);
    l->len += line->len;
    if (line->flush) write_out_locked(l);
    (void)pthread_mutex_unlock(&l->lock);
}

void log_message(logger *l, log_level level, const char *event, const char *format, ...)
{
    char sentence[1024];
    log_line line;
    va_list arguments;
    if (!log_wants(l, level)) return;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    log_begin(&line, level, "server", event);
    log_text(&line, "message", sentence);
    log_end(l, &line);
}
