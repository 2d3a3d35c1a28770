/* metrics_ship.h — figures of the shipping of the log; see metrics.h.
 * Threads  any number at once. */
#ifndef GATEWAY_METRICS_SHIP_H
#define GATEWAY_METRICS_SHIP_H

#include "metrics_lines.h"

struct shipper;
/* Nothing for NULL. */
void metrics_ship(metrics_lines *t, struct shipper *s);

#endif
