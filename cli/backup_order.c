/* backup_order.c — see backup_order.h. */
#include "backup_order.h"

#include "place.h"

#include <string.h>

static int take_flag(const verb *v, backup_order *o, int key, const char *value)
{
    if (key == FLAG_JSON) {
        o->json = true;
        return VERB_OK;
    }
    o->snapshot = strcmp(value, "latest") == 0 ? NULL : value;
    if (!o->snapshot || names_is_id(value)) return VERB_OK;
    return verb_usage(v, "--snapshot is the id of one or 'latest', not '%s'", value);
}

int backup_order_read(const verb *v, int argc, char **argv, backup_order *ret,
                      backup_order_flag *own, void *arg)
{
    flag_reader flags;
    const char *value;
    int key, code = VERB_OK;
    flags_start(&flags, v, argc, argv);
    while ((key = flags_next(&flags, &value)) >= 0) {
        if (key == FLAG_BAD) return VERB_USAGE;
        if (repository_flag(&ret->repository, v, key, value, &code))
            ; /* taken */
        else if (key == FLAG_JSON || key == FLAG_SNAPSHOT)
            code = take_flag(v, ret, key, value);
        else if (own)
            code = own(arg, v, key, value);
        if (code != VERB_OK) return code;
    }
    ret->repository.folder = argv[flags_rest()];
    if (ret->needs_folder && !ret->repository.folder) return verb_usage(v, "name a folder");
    const place at = {.where = ret->repository.folder};
    bool of_server = ret->takes_url && at.where && place_is_url(&at);
    if (!of_server) code = repository_check(v, &ret->repository);
    return code == VERB_OK ? place_refuse_more(v, argc, argv, 1) : code;
}
