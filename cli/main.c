/* main.c — the varve command: `varve VERB …`. The verbs are a table; each has its own file. */
#include "verb.h"

#include <stdio.h>
#include <string.h>

static const verb *const verbs[] = {
    &verb_serve, &verb_import,     &verb_search, &verb_query,   &verb_count,       &verb_get,
    &verb_head,  &verb_tail,       &verb_stats,  &verb_recall,  &verb_collections, &verb_create,
    &verb_field, &verb_drop,       &verb_delete, &verb_restore, &verb_index,       &verb_compact,
    &verb_jobs,  &verb_checkpoint, &verb_fsck,   &verb_version,
};

static const verb *find(const char *name)
{
    for (size_t i = 0; i < VV_COUNT(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0) return verbs[i];
    return NULL;
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
    verb_help(v);
    return VERB_OK;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0) return true;
    return false;
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
    if (v != &verb_serve && asks_help(argc - 1, argv + 1)) {
        verb_help(v);
        return VERB_OK;
    }
    return v->run(v, argc - 1, argv + 1);
}
