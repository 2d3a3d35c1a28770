/* json_scan.h — inner to base/json_*: one row of numbers at a time.
 * Threads  stateless.   Errors  a json_scan_stop. */
#ifndef VARVE_BASE_JSON_SCAN_H
#define VARVE_BASE_JSON_SCAN_H

#include "base/json.h"

typedef enum json_scan_stop {
    SCAN_CLOSED,       /* behind the bracket that ends the row */
    SCAN_FULL,         /* before a number for which there is no room */
    SCAN_NO_NUMBER,    /* where a number was expected */
    SCAN_OVERFLOW,     /* at a number beyond float32 */
    SCAN_NO_SEPARATOR, /* where a comma or a bracket was expected */
} json_scan_stop;

/* Read "n, n, n]" from p on: at most room values; JSON_TEXT_PADDING readable bytes are behind end.
 * Returns where and why it stopped. */
const char *json_scan_row(const char *p, const char *end, float *ret, size_t room,
                          size_t *ret_count, json_scan_stop *ret_stop);

#endif
