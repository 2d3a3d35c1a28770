/* verb_backup_diff.c — `varve backup diff`: what became of a database between two snapshots. */
#include "backup_order.h"
#include "backup_show.h"

#include <stdio.h>
#include <string.h>

#define MIB 1048576.0

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"from", FLAG_FROM, "ID", "the earlier one (default: the one before the later)"},
    {"snapshot", FLAG_SNAPSHOT, "ID", "the later one (default: latest)"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    const char *from;
} order;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    if (key != FLAG_FROM) return VERB_OK;
    if (!names_is_id(value))
        return verb_usage(v, "--from is the id of a snapshot, not '%s'", value);
    o->from = value;
    return VERB_OK;
}

/* ---- show ---- */

static const manifest_collection *either(const diff_collection *c)
{
    return c->after ? c->after : c->before;
}

static unsigned long long rows_of(const manifest_collection *c) { return c ? c->rows : 0; }

static void show_json(const manifest *before, const manifest *after, const diff *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->collection_count; i++) {
        const diff_collection *c = &d->collections[i];
        if (c->kind == DIFF_SAME) continue;
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s,s:I,s:I}", "database", either(c)->database,
                                        "name", either(c)->name, "change", diff_kind_word(c->kind),
                                        "rows_before", (json_int_t)rows_of(c->before), "rows_after",
                                        (json_int_t)rows_of(c->after)));
    }
    backup_show_json(
        json_pack("{s:s,s:s,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I}", "from", before->snap_id, "to",
                  after->snap_id, "from_sequence", (json_int_t)before->lsn, "to_sequence",
                  (json_int_t)after->lsn, "collections", list, "rows_before",
                  (json_int_t)d->rows_before, "rows_after", (json_int_t)d->rows_after, "files_new",
                  (json_int_t)d->files_new, "bytes_new", (json_int_t)d->bytes_new, "files_gone",
                  (json_int_t)d->files_gone, "bytes_gone", (json_int_t)d->bytes_gone));
}

static void show(const manifest *before, const manifest *after, const diff *d)
{
    size_t same = 0;
    printf("from snapshot %s (sequence %llu)\nto   snapshot %s (sequence %llu)\n", before->snap_id,
           (unsigned long long)before->lsn, after->snap_id, (unsigned long long)after->lsn);
    for (size_t i = 0; i < d->collection_count; i++) {
        const diff_collection *c = &d->collections[i];
        same += c->kind == DIFF_SAME;
        if (c->kind == DIFF_SAME) continue;
        printf("%-8s %s/%s: %llu -> %llu rows\n", diff_kind_word(c->kind), either(c)->database,
               either(c)->name, rows_of(c->before), rows_of(c->after));
    }
    printf("%zu collections are the same; rows %llu -> %llu\n"
           "files %llu -> %llu: %llu new (%.1f MiB), %llu gone (%.1f MiB)\n",
           same, (unsigned long long)d->rows_before, (unsigned long long)d->rows_after,
           (unsigned long long)d->files_before, (unsigned long long)d->files_after,
           (unsigned long long)d->files_new, (double)d->bytes_new / MIB,
           (unsigned long long)d->files_gone, (double)d->bytes_gone / MIB);
}

/* ---- compare ---- */

static varve_status choose(const order *o, repo *r, object_name *ret_before, object_name *ret_after,
                           varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots all = {0};
    size_t at = 0;
    if (o->common.snapshot)
        VV_TRY(snapshots_find(r, o->common.snapshot, ret_after, err));
    else
        VV_TRY(snapshots_newest(r, UINT64_MAX, ret_after, err));
    if (o->from) return snapshots_find(r, o->from, ret_before, err);
    VV_TRY(snapshots_list(r, r->db_id, &all, err));
    while (at < all.count && strcmp(all.items[at].id, ret_after->id) != 0)
        at++;
    if (at == 0 || at == all.count)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no snapshot before %s", ret_after->id);
    *ret_before = all.items[at - 1];
    return VARVE_OK;
}

static varve_status compare(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(manifest_done) manifest before = {0};
    VV_CLEANUP(manifest_done) manifest after = {0};
    VV_CLEANUP(diff_done) diff d = {0};
    object_name earlier, later;
    VV_TRY(repository_open(&o->common.repository, &session, err));
    VV_TRY(choose(o, session.repo, &earlier, &later, err));
    VV_TRY(snapshots_load(session.repo, &earlier, &before, err));
    VV_TRY(snapshots_load(session.repo, &later, &after, err));
    VV_TRY(diff_make(&before, &after, &d, err));
    if (o->common.json)
        show_json(&before, &after, &d);
    else
        show(&before, &after, &d);
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    return compare(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_diff = {"backup diff",
                               "What became of a database between two snapshots",
                               "[FOLDER] --repo URL|PATH [--from ID] [--snapshot ID]",
                               "Collections that came, went or changed, by their digests, and how "
                               "many files and bytes differ.",
                               flags,
                               run};
