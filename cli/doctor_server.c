/* doctor_server.c — the part of doctor.h about a server that is asked over HTTP. */
#include "doctor.h"

#include "http_client.h"

#include <stdio.h>

/* false: it did not answer as it should. */
static bool ask(doctor *d, http_client *http, const char *what, const char *path, const char *well)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    varve_error err = {0};
    bool fine = http_call(http, path, NULL, &params, &err) == VARVE_OK;
    doctor_say(d, what, fine ? DOCTOR_WELL : DOCTOR_WRONG, "%s", fine ? well : err.message);
    return fine;
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void look_at_repository(doctor *d, const json_t *status)
{
    const json_t *r = json_object_get(status, "repository");
    const json_t *last = json_object_get(status, "last_ok");
    bool reachable = json_is_true(json_object_get(r, "reachable"));
    json_int_t failures = json_integer_value(json_object_get(status, "consecutive_failures"));
    doctor_say(d, "repository", reachable ? DOCTOR_WELL : DOCTOR_WRONG, "%s %s; lease %s %s",
               text_of(r, "where"), reachable ? "answers" : "does not answer", text_of(r, "lease"),
               text_of(r, "error"));
    if (failures)
        doctor_say(d, "last backup", DOCTOR_WRONG, "%lld in a row failed: %s", (long long)failures,
                   text_of(json_object_get(status, "last_failure"), "message"));
    else if (json_is_object(last))
        doctor_say(d, "last backup", DOCTOR_WELL, "%s; %lld sequence numbers behind",
                   text_of(last, "snapshot"),
                   (long long)json_integer_value(json_object_get(status, "lag")));
    else
        doctor_say(d, "last backup", DOCTOR_LOOK, "none yet");
}

static void look_at_drill(doctor *d, const json_t *drills)
{
    const json_t *sound = json_object_get(drills, "last_sound");
    double seconds = json_number_value(json_object_get(drills, "last_seconds"));
    if (json_is_true(sound))
        doctor_say(d, "drill", DOCTOR_WELL, "the last one passed in %.1f s", seconds);
    else if (json_is_false(sound))
        doctor_say(d, "drill", DOCTOR_WRONG, "the last one FAILED");
    else
        doctor_say(d, "drill", DOCTOR_LOOK, "none: nobody knows whether a restore would work");
}

static void look_at_backups(doctor *d, http_client *http)
{
    VV_CLEANUP(http_answer_freep) json_t *status = NULL;
    varve_error err = {0};
    if (http_call(http, "/admin/backup/status", NULL, &status, &err) != VARVE_OK) {
        doctor_say(d, "backups", DOCTOR_WRONG, "%s", err.message);
        return;
    }
    bool configured = json_is_true(json_object_get(status, "configured"));
    doctor_say(d, "backups", configured ? DOCTOR_WELL : DOCTOR_LOOK, "%s",
               configured ? "configured" : "no repository is configured");
    if (!configured) return;
    look_at_repository(d, status);
    look_at_drill(d, json_object_get(status, "drills"));
}

void doctor_look_at_server(doctor *d, const char *url, const char *api_key)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    varve_error err = {0};
    if (http_open(url, api_key, &http, &err) != VARVE_OK) {
        doctor_say(d, "port", DOCTOR_WRONG, "%s", err.message);
        return;
    }
    if (!ask(d, http, "port", "/healthz", "the server answers")) return;
    (void)ask(d, http, "ready", "/readyz", "it takes reads and writes");
    (void)ask(d, http, "data", "/list_databases", "databases can be listed");
    look_at_backups(d, http);
}
