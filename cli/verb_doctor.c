/* verb_doctor.c — `varve doctor`: what is the matter with a folder, a server, and their backups? */
#include "backup_show.h"
#include "doctor.h"
#include "place.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"port", FLAG_PORT, "N", "of the folder's server (default: 7637)"},
    {"api-key", FLAG_API_KEY, "KEY", "key of the server (default: $VARVE_API_KEY)"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    repository_flags repository;
    const char *api_key;
    uint64_t port;
    bool json;
} order;

static void show(const doctor *d, bool json)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->count; i++) {
        const doctor_line *l = &d->lines[i];
        if (!json) printf("%-6s %-12s %s\n", doctor_state_word(l->state), l->what, l->text);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "what", l->what, "state",
                                              doctor_state_word(l->state), "text", l->text));
    }
    if (json) backup_show_json(json_pack("{s:b,s:O}", "well", doctor_is_well(d), "checks", list));
    json_decref(list);
}

static int take_flag(const verb *self, order *o, int key, const char *value)
{
    switch (key) {
    case FLAG_API_KEY: o->api_key = value; return VERB_OK;
    case FLAG_JSON: o->json = true; return VERB_OK;
    case FLAG_PORT:
        if (text_to_u64(value, strlen(value), &o->port) && o->port >= 1 && o->port <= 65535)
            return VERB_OK;
        return verb_usage(self, "--port is 1 to 65535, not '%s'", value);
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key, code = VERB_OK;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (!repository_flag(&o->repository, self, key, value, &code))
            code = take_flag(self, o, key, value);
        if (code != VERB_OK) return code;
    }
    o->repository.folder = argv[flags_rest()];
    if (!o->repository.folder) return verb_usage(self, "name a folder or a URL");
    if (o->repository.at.url) code = repository_check(self, &o->repository);
    return code == VERB_OK ? place_refuse_more(self, argc, argv, 1) : code;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.port = DOCTOR_PORT, .api_key = getenv("VARVE_API_KEY")};
    doctor d = {0};
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    const place at = {.where = o.repository.folder};
    if (place_is_url(&at))
        doctor_look_at_server(&d, at.where, o.api_key);
    else if (doctor_look_at_folder(&d, at.where, o.port))
        doctor_look_at_backups(&d, &o.repository);
    show(&d, o.json);
    return doctor_is_well(&d) ? VERB_OK : VERB_FAILED;
}

const verb verb_doctor = {
    "doctor",
    "What is the matter with a folder, a server, and their backups?",
    "FOLDER|URL [--repo URL|PATH]",
    "A line each: is it there, may it be read and written, which format, who owns it, is the port\n"
    "free or answering, does it open, what was acknowledged last, is there room; with --repo: is\n"
    "the repository reachable, what is the last backup; and the last drill. Nothing is changed.\n"
    "Exit code 1 when something is wrong.",
    flags,
    run};
