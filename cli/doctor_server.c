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
}
