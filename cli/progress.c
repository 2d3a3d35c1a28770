/* progress.c — see progress.h. */
#include "progress.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

void progress_time(uint64_t ms, char *ret, size_t size)
{
    unsigned long s = (unsigned long)((ms + 500) / 1000);
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

/* What fits beside bar and share: a line that breaks cannot be redrawn. */
static int text_columns(bool with_bar)
{
    struct winsize size = {0};
    int taken = with_bar ? BAR_CELLS + 10 : 1;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return INT_MAX;
    return size.ws_col > taken ? size.ws_col - taken : 0;
}

void progress_show_text(progress *p, double share, const char *text)
{
    uint64_t now = clock_now_ns();
    if (now - p->shown_ns < (p->terminal ? TERMINAL_MS : PLAIN_MS) * NS_PER_MS) return;
    p->shown_ns = now;
    if (share > 1) share = 1;
    if (p->terminal) fputs("\r", stderr);
    if (p->terminal && share >= 0) draw_bar(share);
    if (share >= 0) fprintf(stderr, "%3.0f %%  ", share * 100);
    if (p->terminal)
        fprintf(stderr, "%.*s\033[K", text_columns(share >= 0), text);
    else
        fprintf(stderr, "%s\n", text);
    p->drawn = true;
}

void progress_show(progress *p, uint64_t rows, double share)
{
    char text[128], left[32] = "";
    double ms = (double)(clock_now_ns() - p->start_ns) / (double)NS_PER_MS;
    if (share > 0 && share <= 1)
        progress_time((uint64_t)(ms * (1 - share) / share), left, sizeof left);
    snprintf(text, sizeof text, "%llu rows, %.0f rows/s%s%s%s", (unsigned long long)rows,
             (double)rows * 1000 / ms, *left ? ", " : "", left, *left ? " left" : "");
    progress_show_text(p, share, text);
}

double progress_end(progress *p)
{
    if (p->terminal && p->drawn) fputs("\r\033[K", stderr);
    return (double)(clock_now_ns() - p->start_ns) / NS_PER_SECOND;
}
