/* rerank_config.h — the rerankers that requests may name: services on the network that score texts
 * against a query. Each is a section of the configuration file, and nothing else makes one:
 *
 *     [reranker cross]                          {"rerankers": {"cross": {
 *     url = https://rerank.example/v1/rerank       "url": "https://rerank.example/v1/rerank",
 *     key_env = RERANK_KEY                         "key_env": "RERANK_KEY"}}}
 *
 * Ownership  rerankers_done() frees; rerankers_add's result lives until the next one is added.
 * Threads    one at a time; does not change while the server runs.
 * Errors     VARVE_INVALID with a sentence that names section, key and value; never a secret. */
#ifndef GATEWAY_RERANK_CONFIG_H
#define GATEWAY_RERANK_CONFIG_H

#include "base/status.h"

#define RERANKERS_MAX     32
#define RERANKER_NAME_MAX 64 /* A-Z a-z 0-9 _ - . */

/*   key, help */
#define RERANKER_TEXT_TABLE(X)                                                                     \
    X(url, "http:// or https://, where documents are sent")                                        \
    X(model, "sent along, if the service asks for one")                                            \
    X(key_env, "environment variable with the key of the service")                                 \
    X(key_file, "file whose first line is the key")                                                \
    X(ca_file, "certificates to trust instead of the system's")
/*   key, default, least, most, help */
#define RERANKER_NUMBER_TABLE(X)                                                                   \
    X(timeout_ms, 5000, 1, 60000, "time for an answer")                                            \
    X(documents_max, 100, 1, 10000, "documents of one call")                                       \
    X(document_bytes_max, 8192, 16, 1048576, "a longer document is cut")                           \
    X(request_bytes_max, 4194304, 1024, 268435456, "of one call; documents beyond stay behind")    \
    X(reply_bytes_max, 4194304, 1024, 268435456, "of the answer")                                  \
    X(calls_max, 0, 0, 1024, "calls at a time; 0: one less than workers, at least 1")

typedef struct reranker {
    char name[RERANKER_NAME_MAX + 1];
#define X(key, help) char *key;
    RERANKER_TEXT_TABLE(X)
#undef X
#define X(key, value, least, most, help) uint64_t key;
    RERANKER_NUMBER_TABLE(X)
#undef X
    char *key; /* read from key_env or key_file; "": none */
} reranker;

typedef struct rerankers {
    reranker *all;
    size_t count;
} rerankers;

/* A new one, with defaults; `where` is for messages ("varve.ini line 3"). */
VV_CHECKED varve_status rerankers_add(rerankers *r, const char *name, const char *where,
                                      varve_error *err);
/* One key of the last added. */
VV_CHECKED varve_status rerankers_apply(rerankers *r, const char *key, const char *value,
                                        const char *where, varve_error *err);
/* Once all is read: is it complete; keys. */
VV_CHECKED varve_status rerankers_finish(rerankers *r, varve_error *err);
void rerankers_done(rerankers *r);
/* Would its key cross a network in the clear? */
bool reranker_is_plain(const reranker *r);

#endif
