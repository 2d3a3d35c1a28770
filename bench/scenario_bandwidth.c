/* scenario_bandwidth.c — sequential read bandwidth of one core and of all, over a buffer in huge
 * pages. Plain wide loads, eight running sums: nothing but the memory is in the way. */
#include "bandwidth.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define THREADS_MAX 256
#define ROUNDS_MIN  7

#ifdef __x86_64__
#define WIDEST __attribute__((target_clones("default", "avx2", "arch=skylake-avx512")))
#else
#define WIDEST
#endif

typedef uint64_t wide __attribute__((vector_size(64)));

typedef struct part {
    const wide *from;
    size_t count;
    uint64_t sum; /* so that the reads cannot be left out */
} part;

WIDEST static uint64_t read_all(const wide *from, size_t count)
{
    wide sums[8] = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i + 8 <= count; i += 8)
        for (size_t j = 0; j < 8; j++)
            sums[j] ^= from[i + j];
    for (size_t j = 0; j < 8; j++)
        for (size_t lane = 0; lane < 8; lane++)
            sum ^= sums[j][lane];
    return sum;
}

static void *read_part(void *context)
{
    part *p = context;
    p->sum = read_all(p->from, p->count);
    return NULL;
}

varve_status bandwidth_init(bandwidth *b, size_t size, varve_error *err)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu bytes", size);
    madvise(bytes, size, MADV_HUGEPAGE);
    memset(bytes, 1, size);
    *b = (bandwidth){bytes, size};
    return VARVE_OK;
}

void bandwidth_done(bandwidth *b)
{
    if (b->bytes) munmap(b->bytes, b->size);
    *b = (bandwidth){0};
}

varve_status bandwidth_pass(const bandwidth *b, size_t threads, double *ret, varve_error *err)
{
    pthread_t ids[THREADS_MAX];
    part parts[THREADS_MAX];
    size_t each, started = 1;
    threads = VV_MIN(VV_MAX(threads, 1), THREADS_MAX);
    each = b->size / sizeof(wide) / threads;
    double from = bench_seconds(threads);
    for (size_t i = 0; i < threads; i++)
        parts[i] = (part){(const wide *)b->bytes + i * each, each, 0};
    while (started < threads &&
           pthread_create(&ids[started], NULL, read_part, &parts[started]) == 0)
        started++;
    read_part(&parts[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(ids[i], NULL);
    double seconds = bench_seconds(threads) - from;
    if (started < threads) return vv_fail(err, VARVE_NO_MEMORY, "no thread");
    *ret = (double)(each * threads * sizeof(wide)) / seconds;
    return VARVE_OK;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(bandwidth_done) bandwidth b = {0};
    size_t rounds = VV_MAX(o->rounds, ROUNDS_MIN), all = processors();
    double one[64], many[64];
    rounds = VV_MIN(rounds, VV_COUNT(one));
    VV_TRY(bandwidth_init(&b, BANDWIDTH_BYTES, err));
    for (size_t i = 0; i < rounds; i++) {
        VV_TRY(bandwidth_pass(&b, 1, &one[i], err));
        VV_TRY(bandwidth_pass(&b, all, &many[i], err));
    }
    double single = median(one, rounds), total = median(many, rounds);
    result("bandwidth.one", single / 1e9, "GB/s", 0, NULL, "1 thread, %zu MiB, median of %zu",
           b.size >> 20, rounds);
    result("bandwidth.all", total / 1e9, "GB/s", total / single, "bandwidth.one",
           "%zu threads, %zu MiB, median of %zu", all, b.size >> 20, rounds);
    return VARVE_OK;
}

const scenario scenario_bandwidth = {"bandwidth", "how fast memory can be read, front to back",
                                     run};
