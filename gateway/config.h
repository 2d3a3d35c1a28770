/* config.h — the settings of a gateway: flag > environment > configuration file > default.
 * Ownership  config_done() frees what config_load() filled.
 * Errors     VARVE_INVALID with a sentence that names the key, where it stood, and the value. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "base/status.h"
#include "rerank_config.h"

#include <stdio.h>

typedef struct config {
#define TEXT_SETTING(key, value, names, help)                char *key;
#define NUMBER_SETTING(key, value, least, most, names, help) uint64_t key;
#define SWITCH_SETTING(key, value, names, help)              bool key;
#define ALIAS(other, key)
#include "settings.def"
#undef TEXT_SETTING
#undef NUMBER_SETTING
#undef SWITCH_SETTING
#undef ALIAS
    varve_options engine;
    rerankers rerankers; /* sections of the file */
    bool help, version;  /* asked for on the command line */
} config;

/* *ret must be zero. argv may be changed: a key given on it is blotted out. */
VV_CHECKED varve_status config_load(int argc, char **argv, config *ret, varve_error *err);
void config_done(config *c);
void config_help(FILE *out);

/* One key of a configuration file; `where` is for the message ("varve.ini line 3"). */
VV_CHECKED varve_status config_apply(config *c, const char *key, const char *value,
                                     const char *where, varve_error *err);
VV_CHECKED varve_status config_read_file(config *c, const char *path, varve_error *err);

#endif
