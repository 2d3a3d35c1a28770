/* gateway.h — the gateway as a program: opens a folder and serves it over HTTP until SIGTERM or
 * SIGINT. Returns the exit code: 0 after an orderly end, 1 when it could not run or end, 2 for a
 * wrong configuration. Prints one line on standard output once it listens; logs on standard error.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

int gateway_main(int argc, char **argv);

#endif
