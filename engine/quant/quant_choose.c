/* quant_choose.c — which kernels can this CPU run, and which are used? The choice is that of
 * distance/, which also reads VARVE_ISA. */
#include "quant/quant_kernels.h"

#include "distance/distance.h"

#include <string.h>

void quant_isas(const quant_isa_kernels *ret[QUANT_ISAS_MAX])
{
    size_t count = 0;
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        ret[count++] = &quant_kernels_avx512;
    if (avx2) ret[count++] = &quant_kernels_avx2;
#endif
    ret[count++] = &quant_kernels_scalar;
    ret[count] = NULL;
}

const quant_isa_kernels *quant_isa_choose(void)
{
    const quant_isa_kernels *offered[QUANT_ISAS_MAX];
    const char *chosen = distance_isa();
    size_t i = 0;
    quant_isas(offered);
    while (offered[i + 1] && strcmp(offered[i]->name, chosen) != 0)
        i++;
    return offered[i];
}
