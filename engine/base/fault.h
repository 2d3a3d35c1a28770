/* fault.h — places where a test may make the world fail. In release builds VV_FAULT() is the
 * constant VV_FAULT_NONE. A test arms the n-th point reached (of a name, or of any) to fail with
 * EIO, to fail with ENOSPC, to write short, or to end the process at once (_exit(77)); it raises n
 * until nothing is hit any more, and has then seen every failure of the path. The armed state is
 * process-wide and atomic. */
#ifndef VARVE_BASE_FAULT_H
#define VARVE_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum fault_kind {
    VV_FAULT_NONE = 0,
    VV_FAULT_EIO,
    VV_FAULT_ENOSPC,
    VV_FAULT_SHORT,
    VV_FAULT_CRASH
} fault_kind;

#ifdef VARVE_FAULTS
fault_kind fault_point(const char *name); /* ends the process itself for VV_FAULT_CRASH */
#define VV_FAULT(name) fault_point(name)
/* A point that stands for no failure of the system: hit only when armed by its name. */
fault_kind fault_point_named(const char *name);
#define VV_FAULT_NAMED(name) fault_point_named(name)
/* name NULL: any point but those of VV_FAULT_NAMED. nth counts from 1. The fault hits once. */
void fault_arm(const char *name, uint64_t nth, fault_kind kind);
void fault_disarm(void);
bool fault_was_hit(void);
uint64_t fault_points_reached(void); /* since fault_arm */
#else
#define VV_FAULT(name)       VV_FAULT_NONE
#define VV_FAULT_NAMED(name) VV_FAULT_NONE
#endif

#endif
