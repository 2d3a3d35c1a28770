/* backup_order.h — the command line of the actions of `varve backup`: [FOLDER] --repo R, --json,
 * --snapshot, and what else the action takes.
 * Ownership  texts are borrowed from the command line.   Threads  one at a time. */
#ifndef CLI_BACKUP_ORDER_H
#define CLI_BACKUP_ORDER_H

#include "repository.h"

typedef struct backup_order {
    repository_flags repository;
    const char *snapshot; /* NULL, or an id: "latest" is NULL */
    bool json;
    bool takes_url; /* a server in place of FOLDER, which knows its repository itself */
    bool needs_folder;
} backup_order;

/* An action's own flags; VERB_OK, or VERB_USAGE when it was said what is wrong. */
typedef int backup_order_flag(void *arg, const verb *v, int key, const char *value);
/* own may be NULL. */
int backup_order_read(const verb *v, int argc, char **argv, backup_order *ret,
                      backup_order_flag *own, void *arg);

#endif
