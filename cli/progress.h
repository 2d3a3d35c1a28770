/* progress.h — how far is it, how fast, how long still? On a terminal one line that redraws itself,
 * otherwise a plain line about once a second; both on standard error. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct progress {
    uint64_t start_ns, shown_ns;
    bool terminal, drawn;
} progress;

void progress_start(progress *p);
/* share: 0 to 1; negative: unknown. */
void progress_show(progress *p, uint64_t rows, double share);
/* The same with words in place of the count of rows. */
void progress_show_text(progress *p, double share, const char *text);
/* "1:05", "2:03:04" */
void progress_time(uint64_t ms, char *ret, size_t size);
/* Wipe the line; seconds since the start. */
double progress_end(progress *p);

#endif
