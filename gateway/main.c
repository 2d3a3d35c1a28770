/* main.c — the process varve-gateway. */
#include "gateway.h"

int main(int argc, char **argv) { return gateway_main(argc, argv); }
