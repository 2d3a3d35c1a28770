/* auth.h — the one gate: does this Authorization header carry the server's key?
 * Accepted are "Bearer KEY" and "Basic base64(anybody:KEY)", the scheme words in exactly this case
 * and followed by one space. The time of a comparison depends on the length of what was sent, never
 * on how much of it is right. */
#ifndef GATEWAY_AUTH_H
#define GATEWAY_AUTH_H

#include <stdbool.h>

/* key "": there is none, and everything passes. header NULL: none was sent. */
bool auth_passes(const char *key, const char *header);

#endif
