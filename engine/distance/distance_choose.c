/* distance_choose.c — which instruction set does this CPU, under this operating system, offer?
 * Asked once per process; VARVE_ISA=scalar|avx2|avx512|neon overrides, and a name that is unknown
 * or not offered here leaves the best. */
#include "distance/distance_kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

static bool has_f16c(void) /* a name that not every compiler's builtin knows */
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

/* __builtin_cpu_supports also asks the operating system whether it saves the wide registers. */
void distance_isas(const distance_isa_kernels *ret[DISTANCE_ISAS_MAX])
{
    size_t count = 0;
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() &&
                __builtin_cpu_supports("popcnt");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq")) {
        ret[count++] = &distance_kernels_avx512;
    }
    if (avx2) ret[count++] = &distance_kernels_avx2;
#elif defined(__aarch64__)
    ret[count++] = &distance_kernels_neon; /* part of every aarch64 */
#endif
    ret[count++] = &distance_kernels_scalar;
    ret[count] = NULL;
}

static const distance_isa_kernels *choose(void)
{
    const distance_isa_kernels *offered[DISTANCE_ISAS_MAX];
    const char *wanted = getenv("VARVE_ISA");
    distance_isas(offered);
    for (size_t i = 0; wanted && offered[i]; i++) {
        if (strcmp(offered[i]->name, wanted) == 0) return offered[i];
    }
    return offered[0];
}

const distance_isa_kernels *distance_isa_choose(void)
{
    /* Threads that race here all find the same answer. */
    static _Atomic(const distance_isa_kernels *) chosen;
    const distance_isa_kernels *isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (VV_UNLIKELY(!isa)) {
        isa = choose();
        atomic_store_explicit(&chosen, isa, memory_order_relaxed);
    }
    return isa;
}

const char *distance_isa(void) { return distance_isa_choose()->name; }
