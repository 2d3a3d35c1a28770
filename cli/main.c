/* main.c — the varve command: `varve VERB …`. The verbs are a table; each has its own file. */
#include "verb.h"

#include <stdio.h>
#include <string.h>

static const verb *const verbs[] = {
    &verb_serve,       &verb_import,   &verb_search,  &verb_query, &verb_count,
    &verb_get,         &verb_head,     &verb_tail,    &verb_stats, &verb_recall,
    &verb_collections, &verb_create,   &verb_field,   &verb_drop,  &verb_delete,
    &verb_restore,     &verb_index,    &verb_compact, &verb_jobs,  &verb_checkpoint,
    &verb_export,      &verb_snapshot, &verb_backup,  &verb_fsck,  &verb_version,
    &verb_doctor,      &verb_promote,
};

/* Verbs of two words. */
static const verb *const actions[] = {
    &verb_snapshot_create,  &verb_snapshot_list,     &verb_snapshot_info,     &verb_snapshot_verify,
    &verb_snapshot_restore, &verb_snapshot_delete,   &verb_backup_create,     &verb_backup_list,
    &verb_backup_info,      &verb_backup_verify,     &verb_backup_prune,      &verb_backup_restore,
    &verb_backup_ship,      &verb_backup_log,        &verb_backup_check_repo, &verb_backup_drill,
    &verb_backup_diff,      &verb_backup_collection, &verb_backup_forget,
};

static const verb *find(const char *name)
{
    for (size_t i = 0; i < VV_COUNT(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0) return verbs[i];
    return NULL;
}

static bool is_action_of(const verb *action, const verb *v)
{
    size_t len = strlen(v->name);
    return strncmp(action->name, v->name, len) == 0 && action->name[len] == ' ';
}

static const verb *find_action(const verb *v, const char *word)
{
    for (size_t i = 0; i < VV_COUNT(actions); i++)
        if (is_action_of(actions[i], v) &&
            strcmp(actions[i]->name + strlen(v->name) + 1, word) == 0)
            return actions[i];
    return NULL;
}

static void explain(const verb *v)
{
    verb_help(v);
    const char *before = "\n";
    for (size_t i = 0; i < VV_COUNT(actions); i++) {
        if (!is_action_of(actions[i], v)) continue;
        printf("%s  %-22s %s\n", before, actions[i]->name, actions[i]->line);
        before = "";
    }
}

static void overview(FILE *to)
{
    fprintf(to, "varve %s, a log-structured vector database\n\n", varve_version());
    for (size_t i = 0; i < VV_COUNT(verbs); i++)
        fprintf(to, "  %-12s %s\n", verbs[i]->name, verbs[i]->line);
    fprintf(to, "  %-12s %s\n\n", "help", "Explain a verb and its flags");
    fprintf(to, "FOLDER is a data folder, URL a running server such as http://127.0.0.1:7637.\n"
                "Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

static int unknown(const char *name)
{
    fprintf(stderr, "varve: there is no verb '%s'; see 'varve help'\n", name);
    return VERB_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        overview(stdout);
        return VERB_OK;
    }
    const verb *v = find(argv[1]);
    if (!v) return unknown(argv[1]);
    const verb *action = argc > 2 ? find_action(v, argv[2]) : NULL;
    explain(action ? action : v);
    return VERB_OK;
}

/* Is this flag there, alone or with its value behind '='? */
static bool has_flag(int argc, char **argv, const char *name)
{
    size_t len = strlen(name);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], name, len) == 0 && (!argv[i][len] || argv[i][len] == '=')) return true;
    return false;
}

/* `varve restore` of a repository is `varve backup restore`; of a folder, it brings rows back. */
static const verb *choose(const verb *v, int argc, char **argv)
{
    return v == &verb_restore && has_flag(argc, argv, "--repo") ? &verb_backup_restore : v;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        overview(stderr);
        return VERB_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0) name = verb_version.name;
    const verb *v = find(name);
    if (!v) return unknown(name);
    const verb *action = argc > 2 ? find_action(v, argv[2]) : NULL;
    int words = action ? 2 : 1;
    if (action) v = action;
    v = choose(v, argc - words, argv + words);
    if (v != &verb_serve && has_flag(argc - words, argv + words, "--help")) {
        explain(v);
        return VERB_OK;
    }
    return v->run(v, argc - words, argv + words);
}
