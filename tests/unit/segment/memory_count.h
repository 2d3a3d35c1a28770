/* memory_count.h — how many bytes our own code has allocated, and the most it had at a time. */
#ifndef TEST_MEMORY_COUNT_H
#define TEST_MEMORY_COUNT_H

long long memory_count_now(void);
void memory_count_begin(void); /* the most is what there is now */
unsigned long long memory_count_most(long long since);

#endif
