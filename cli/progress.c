/* progress.c — see progress.h. */
#include "progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_CELLS       30
#define TERMINAL_MS     100
#define PLAIN_MS        1000
#define NS_PER_MS       1000000ull
#define NS_PER_SECOND   1e9
#define SECONDS_AN_HOUR 3600

void progress_start(progress *p)
{
    *p = (progress){.start_ns = clock_now_ns(), .terminal = isatty(STDERR_FILENO) != 0};
    p->shown_ns = p->start_ns;
}

static void eta_text(double seconds, char *ret, size_t size)
{
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= SECONDS_AN_HOUR)
        snprintf(ret, size, "%lu:%02lu:%02lu", s / SECONDS_AN_HOUR, s / 60 % 60, s % 60);
    else
        snprintf(ret, size, "%lu:%02lu", s / 60, s % 60);
}

static void draw_bar(double share)
{
    char bar[BAR_CELLS + 1];
    size_t full = (size_t)(share * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', full);
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "[%s] ", bar);
}

void progress_show(progress *p, uint64_t rows, double share)
{
    uint64_t now = clock_now_ns();
    if (now - p->shown_ns < (p->terminal ? TERMINAL_MS : PLAIN_MS) * NS_PER_MS) return;
    double seconds = (double)(now - p->start_ns) / NS_PER_SECOND;
    p->shown_ns = now;
    if (share > 1) share = 1;
    if (p->terminal) fputs("\r", stderr);
    if (p->terminal && share >= 0) draw_bar(share);
    if (share >= 0) fprintf(stderr, "%3.0f %%  ", share * 100);
    fprintf(stderr, "%llu rows, %.0f rows/s", (unsigned long long)rows, (double)rows / seconds);
    if (share > 0) {
        char eta[32];
        eta_text(seconds * (1 - share) / share, eta, sizeof eta);
        fprintf(stderr, ", %s left", eta);
    }
    fputs(p->terminal ? "\033[K" : "\n", stderr);
    p->drawn = true;
}

double progress_end(progress *p)
{
    if (p->terminal && p->drawn) fputs("\r\033[K", stderr);
    return (double)(clock_now_ns() - p->start_ns) / NS_PER_SECOND;
}
