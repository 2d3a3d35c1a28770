/* verb_serve.c — `varve serve`: the HTTP server. Its flags are its own. */
#include "verb.h"

#include "gateway.h"

static const flag flags[] = {{NULL, 0, NULL, NULL}};

static int run(const verb *self, int argc, char **argv)
{
    (void)self;
    return gateway_main(argc, argv);
}

const verb verb_serve = {
    "serve", "Run the HTTP server", "[FLAGS]", "'varve serve --help' lists its flags.", flags, run};
