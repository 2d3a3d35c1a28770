/* verb_version.c — `varve version`. */
#include "verb.h"

#include <stdio.h>

static const flag flags[] = {{NULL, 0, NULL, NULL}};

static int run(const verb *self, int argc, char **argv)
{
    if (argc > 1) return verb_usage(self, "'%s' is one too many", argv[1]);
    printf("varve %s\n", varve_version());
    return VERB_OK;
}

const verb verb_version = {"version", "Say which version this is", "", NULL, flags, run};
