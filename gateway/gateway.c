/* gateway.c — the life of the process: configuration, folder, server, signals, and the way back in
 * the reverse order. */
#include "gateway.h"

#include "backup/backup_service.h"
#include "base/clock.h"
#include "compactor_watch.h"
#include "follow/follower.h"
#include "gateway_inner.h"
#include "http_server.h"
#include "openapi.h"
#include "process.h"
#include "ship/shipper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPENAPI_BYTES_MAX (1u << 20)
#define STEP_NS           20000000

static varve_status open_rerankers(gateway *g, varve_error *err)
{
    for (size_t i = 0; i < g->config.rerankers.count; i++) {
        const reranker *r = &g->config.rerankers.all[i];
        if (reranker_is_plain(r))
            log_message(&g->log, LOG_WARN, "key_in_the_clear",
                        "the key of reranker '%s' goes over the network unencrypted", r->name);
    }
    return rerank_clients_init(&g->rerankers, &g->config.rerankers,
                               process_workers(g->config.workers), err);
}

static varve_status open_books(gateway *g, varve_error *err)
{
    log_level level;
    VV_TRY(log_level_parse(g->config.log_level, &level, err));
    VV_TRY(log_init(&g->log, STDERR_FILENO, level, err));
    VV_TRY(metrics_init(&g->metrics, err));
    VV_TRY(router_init(&g->router, err));
    VV_TRY(open_rerankers(g, err));
    buffer_init(&g->openapi, OPENAPI_BYTES_MAX, "openapi.json");
    return openapi_write(&g->openapi, err);
}

static void close_books(gateway *g)
{
    buffer_done(&g->openapi);
    rerank_clients_done(&g->rerankers);
    router_done(&g->router);
    metrics_done(&g->metrics);
    log_done(&g->log);
    config_done(&g->config);
}

static void say_listening(gateway *g, int port)
{
    bool v6 = strchr(g->config.host, ':') != NULL;
    uint64_t connections = g->config.max_connections;
    (void)printf("varve-gateway listening on http://%s%s%s:%d\n", v6 ? "[" : "", g->config.host,
                 v6 ? "]" : "", port);
    (void)fflush(stdout);
    log_message(&g->log, LOG_INFO, "listening",
                "version %s, %s port %d, data in %s, key %s, at most %" PRIu64 " connections",
                varve_version(), g->config.host, port, g->root_path,
                *g->config.api_key ? "required" : "not required", connections);
    log_flush(&g->log);
}

/* A relative folder is named in full, so that it means the same to whoever reads it. */
static varve_status open_folder(gateway *g, varve_error *err)
{
    char *full;
    varve *db = NULL;
    shipper_keep_log(&g->config);
    if (g->follower) return VARVE_OK; /* it opens what there is, when there is something */
    VV_TRY(varve_open(g->config.data_dir, &g->config.engine, &db, err));
    g->db = db;
    full = realpath(g->config.data_dir, NULL);
    (void)snprintf(g->root_path, sizeof g->root_path, "%s", full ? full : g->config.data_dir);
    free(full);
    return VARVE_OK;
}

/* True: a further signal came meanwhile. */
static bool wait_a_little(const sigset_t *ending)
{
    struct timespec step = {0, STEP_NS};
    return sigtimedwait(ending, NULL, &step) > 0;
}

/* Let running requests end; those that wait for the compactor get half of the time for it. A second
 * signal ends the patience. False: handlers still run. */
static bool drain(gateway *g, http_server *server, const sigset_t *ending)
{
    uint64_t now = clock_now_ns(), patience = g->config.drain_timeout_secs * 1000000000u;
    uint64_t until = now + patience;
    log_message(&g->log, LOG_INFO, "draining", "waiting up to %" PRIu64 " s for running requests",
                g->config.drain_timeout_secs);
    atomic_store(&g->draining, true);
    follower_end_waits(g->follower);
    http_server_quiesce(server);
    while (!http_server_is_empty(server)) {
        now = clock_now_ns();
        if (now >= until || wait_a_little(ending)) return http_server_cut(server);
        if (now >= until - patience / 2) compactor_cancel_jobs(g);
    }
    return true;
}

/* Handlers that will not end hold the folder. Everything acknowledged is in the log, so leaving at
 * once loses nothing but the checkpoint. */
static void give_up(gateway *g, const char *what)
{
    varve_error err = {0};
    log_message(&g->log, LOG_ERROR, "drain_timeout", "%s still runs; ending without it", what);
    if (g->db && varve_flush(g->db, &err) != VARVE_OK)
        log_message(&g->log, LOG_ERROR, "flush_failed", "%s", err.message);
    log_flush(&g->log);
    _exit(1);
}

static varve_status serve(gateway *g, const sigset_t *ending, varve_error *err)
{
    http_server *server;
    int port, got;
    uint64_t most = process_connections_max(g->config.max_connections);
    if (most < g->config.max_connections)
        log_message(&g->log, LOG_WARN, "fewer_connections",
                    "the limit on open files leaves room for %" PRIu64 " connections", most);
    g->config.max_connections = most;
    VV_TRY(http_server_start(g, &server, &port, err));
    say_listening(g, port);
    (void)sigwait(ending, &got);
    if (!drain(g, server, ending)) give_up(g, "a request");
    http_server_stop(server);
    return VARVE_OK;
}

/* All that can be started: a promotion does not wait for a repository. */
varve_status gateway_start_services(gateway *g, varve_error *err)
{
    varve_error why[4] = {0};
    varve_status status[4];
    status[0] = compactor_watch_start(g, &g->compactor_watch, &why[0]);
    status[1] = backup_home_open(g, &g->backup_home, &why[1]);
    status[2] = backup_service_start(g, g->backup_home, &g->backup_service, &why[2]);
    status[3] = shipper_start(g, &g->shipper, &why[3]); /* asks the service for snapshots */
    for (size_t i = 0; i < VV_COUNT(why); i++)
        if (status[i] != VARVE_OK) return vv_fail(err, status[i], "%s", why[i].message);
    return VARVE_OK;
}

/* Twice the time of the last backup, once for it, once for a request that does not come back; and
 * that of the hook, if it failed. */
static void stop_backups(gateway *g, const sigset_t *ending)
{
    backup_service *s = g->backup_service;
    const config *c = &g->config;
    uint64_t most_s = 2 * c->backup_stop_timeout_s + c->backup_on_failure_timeout_s + 60;
    uint64_t until = clock_now_ns() + most_s * 1000000000u;
    if (!s) return;
    backup_service_ask_to_end(s);
    while (!backup_service_has_ended(s)) {
        if (wait_a_little(ending)) backup_service_hurry(s);
        if (clock_now_ns() > until) give_up(g, "a request to the backup repository");
    }
    backup_service_free(s);
}

/* The compactor first: what it does is written, so that the log is shipped to the end, and the last
 * backup is of the end. */
static void stop_services(gateway *g, const sigset_t *ending)
{
    compactor_watch_stop(g->compactor_watch);
    shipper_stop(g->shipper);
    stop_backups(g, ending);
    backup_home_close(g->backup_home);
}

static varve_status run(gateway *g, varve_error *err)
{
    sigset_t ending;
    varve_status status, closed;
    varve_error close_err = {0};
    process_prepare(&ending);
    VV_TRY(process_check(&g->config, err));
    VV_TRY(backup_service_check(g, err));
    VV_TRY(follower_start(g, &g->follower, err));
    status = shipper_check(g, err);
    if (status == VARVE_OK) status = open_folder(g, err);
    if (status == VARVE_OK && !g->follower) status = gateway_start_services(g, err);
    if (status == VARVE_OK) status = serve(g, &ending, err);
    follower_stop(g->follower);
    stop_services(g, &ending);
    closed = varve_close(g->db, &close_err);
    if (status == VARVE_OK && closed != VARVE_OK) {
        if (err) *err = close_err;
        status = closed;
    }
    if (status == VARVE_OK) log_message(&g->log, LOG_INFO, "stopped", "closed in order");
    return status;
}

/* What the one who typed the command must change is said in plain words. */
static int complain(const varve_error *err, int code)
{
    (void)fprintf(stderr, "varve-gateway: %s\n", err->message);
    return code;
}

static int run_and_report(gateway *g)
{
    varve_error err = {0};
    if (open_books(g, &err) != VARVE_OK) return complain(&err, 2);
    if (run(g, &err) == VARVE_OK) return 0;
    if (err.status == VARVE_INVALID) return complain(&err, 2);
    log_message(&g->log, LOG_ERROR, "failed", "%s", err.message);
    return 1;
}

int gateway_main(int argc, char **argv)
{
    gateway *g = calloc(1, sizeof *g);
    varve_error err = {0};
    int code;
    if (!g) return 1;
    if (config_load(argc, argv, &g->config, &err) != VARVE_OK) {
        code = complain(&err, 2);
    } else if (g->config.help) {
        config_help(stdout);
        code = 0;
    } else if (g->config.version) {
        (void)printf("varve-gateway %s\n", varve_version());
        code = 0;
    } else {
        code = run_and_report(g);
    }
    close_books(g);
    free(g);
    return code;
}
