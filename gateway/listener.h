/* listener.h — the listening socket. */
#ifndef GATEWAY_LISTENER_H
#define GATEWAY_LISTENER_H

#include "base/status.h"

/* Does every address of this name stay on this machine? VARVE_INVALID: no such name. */
VV_CHECKED varve_status listener_is_loopback(const char *host, bool *ret, varve_error *err);
/* port 0: any free one; *ret_port is the one taken. */
VV_CHECKED varve_status listener_open(const char *host, uint64_t port, int *ret_fd, int *ret_port,
                                      varve_error *err);

#endif
