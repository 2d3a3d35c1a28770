/* status.h — the one way a call fails.
 * Every fallible function returns a varve_status and takes, last, a varve_error that it may fill
 * with a sentence for people. The caller owns it (usually on its stack); NULL discards the
 * sentence. Nothing is allocated or logged here. */
#ifndef VARVE_BASE_STATUS_H
#define VARVE_BASE_STATUS_H

#include "varve.h"

#include <stdarg.h>

/* Write status and sentence; cut at a whole UTF-8 character. err may be NULL. */
void vv_error_set(varve_error *err, varve_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Put "prefix: " before the sentence that is there. */
void vv_error_prefix(varve_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A macro, so that analysers see which status comes back. */
#define vv_fail(err, status, ...) (vv_error_set((err), (status), __VA_ARGS__), (status))

/* The one macro that hides a return: hand a failure up. */
#define VV_TRY(call)                                                                               \
    do {                                                                                           \
        varve_status vv_try_status = (call);                                                       \
        if (vv_try_status != VARVE_OK) return vv_try_status;                                       \
    } while (0)

/* Locals that own something: VV_CLEANUP(free_ptr) char *p = ...; the function gets a pointer to the
 * variable. */
#define VV_CLEANUP(function) __attribute__((cleanup(function)))
void vv_freep(void *pointer_to_pointer);
void vv_closep(int *fd); /* closes when >= 0 */

#define VV_CHECKED      __attribute__((warn_unused_result))
#define VV_LIKELY(x)    __builtin_expect(!!(x), 1)
#define VV_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define VV_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VV_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define VV_MAX(a, b)    ((a) > (b) ? (a) : (b))

#endif
