/* log.h — JSON lines for people and collectors: one object per line, with timestamp, level, target,
 * event and the fields of the event. Lines are at most 2 KiB; texts are cut to fit, and whatever
 * could steer a terminal or break a line is escaped. Never hand a key or a body to it.
 * Ownership  a logger is closed with log_done(), which writes what is buffered.
 * Threads    a logger is shared; a log_line belongs to its thread. */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include "base/status.h"

#include <pthread.h>

#define LOG_LINE_MAX   2048
#define LOG_BUFFER_MAX 65536

typedef enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

typedef struct logger {
    int fd;
    log_level level;
    pthread_mutex_t lock; /* guards text and len */
    char *text;           /* lines not yet written */
    size_t len;
} logger;

VV_CHECKED varve_status log_level_parse(const char *word, log_level *ret, varve_error *err);
VV_CHECKED varve_status log_init(logger *l, int fd, log_level level, varve_error *err);
void log_done(logger *l);
/* Write what is buffered; lines of level warn and error do not wait for it. */
void log_flush(logger *l);
static inline bool log_wants(const logger *l, log_level level) { return level <= l->level; }

typedef struct log_line {
    char text[LOG_LINE_MAX];
    size_t len;
    bool flush;
} log_line;

/* target: the part that speaks ("http", "audit", "server"). */
void log_begin(log_line *line, log_level level, const char *target, const char *event);
void log_text(log_line *line, const char *key, const char *value); /* NULL: null */
void log_u64(log_line *line, const char *key, uint64_t value);
void log_ms(log_line *line, const char *key, uint64_t ns); /* milliseconds with three decimals */
void log_end(logger *l, log_line *line);

/* One line with one sentence. */
void log_message(logger *l, log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
