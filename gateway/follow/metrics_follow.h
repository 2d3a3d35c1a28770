/* metrics_follow.h — the part of /metrics about a follower.
 * Threads  any number.   Errors  stick to the text. */
#ifndef GATEWAY_METRICS_FOLLOW_H
#define GATEWAY_METRICS_FOLLOW_H

struct follower;
struct metrics_lines;
void metrics_follow(struct metrics_lines *t, struct follower *f); /* NULL: nothing */

#endif
