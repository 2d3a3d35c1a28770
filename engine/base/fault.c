/* fault.c — the armed fault of the process; see fault.h. Empty without VARVE_FAULTS. */
#include "base/fault.h"

#ifdef VARVE_FAULTS

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define CRASH_EXIT_CODE 77

static _Atomic(const char *) armed_name;
static _Atomic(uint64_t) armed_nth; /* 0: nothing is armed */
static _Atomic(int) armed_kind;
static _Atomic(uint64_t) reached;
static atomic_bool hit;

fault_kind fault_point(const char *name)
{
    uint64_t nth = atomic_load(&armed_nth);
    if (nth == 0) return VV_FAULT_NONE;
    const char *wanted = atomic_load(&armed_name);
    if (wanted && strcmp(wanted, name) != 0) return VV_FAULT_NONE;
    if (atomic_fetch_add(&reached, 1) + 1 != nth) return VV_FAULT_NONE;
    atomic_store(&hit, true);
    fault_kind kind = (fault_kind)atomic_load(&armed_kind);
    if (kind == VV_FAULT_CRASH) _exit(CRASH_EXIT_CODE);
    return kind;
}

fault_kind fault_point_named(const char *name)
{
    return atomic_load(&armed_name) ? fault_point(name) : VV_FAULT_NONE;
}

void fault_arm(const char *name, uint64_t nth, fault_kind kind)
{
    atomic_store(&armed_nth, 0);
    atomic_store(&armed_name, name);
    atomic_store(&armed_kind, (int)kind);
    atomic_store(&reached, 0);
    atomic_store(&hit, false);
    atomic_store(&armed_nth, nth);
}

void fault_disarm(void) { atomic_store(&armed_nth, 0); }

bool fault_was_hit(void) { return atomic_load(&hit); }

uint64_t fault_points_reached(void) { return atomic_load(&reached); }

#endif
