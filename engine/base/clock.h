/* clock.h — time. Monotonic for durations, wall only for people. */
#ifndef VARVE_BASE_CLOCK_H
#define VARVE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_now_ns(void);  /* monotonic */
uint64_t clock_wall_ms(void); /* since 1970, UTC */
void clock_wall_text(uint64_t wall_ms, char *ret,
                     size_t size); /* 2026-11-21T01:02:03.004Z; size >= 25 */
void clock_sleep_ms(uint64_t ms);

#endif
