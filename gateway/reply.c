/* reply.c — failures as clients see them. */
#include "reply.h"

#include <string.h>

/* One row per status of the engine: code, and the sentence in place of ours where ours may name
 * files or other inner things of the server (NULL: ours is fit for clients). */
static const struct {
    const char *code, *sentence;
} shown[VARVE_STATUS_COUNT] = {
    [VARVE_OK] = {"ok", NULL},
    [VARVE_INVALID] = {"invalid_argument", NULL},
    [VARVE_LIMIT] = {"invalid_argument", NULL},
    [VARVE_UNSUPPORTED] = {"invalid_argument", NULL},
    [VARVE_READ_ONLY] = {"read_only", "The server is open for reading only"},
    [VARVE_NOT_FOUND] = {"not_found", NULL},
    [VARVE_EXISTS] = {"already_exists", NULL},
    [VARVE_LOCKED] = {"locked", "Another process owns the data"},
    [VARVE_CONFLICT] = {"conflict", NULL},
    [VARVE_CANCELLED] = {"cancelled", NULL},
    [VARVE_INTERNAL] = {"internal_error", "Internal error"},
    [VARVE_CORRUPT] = {"internal_error", "Storage error: stored data did not pass its check"},
    [VARVE_NEWER_FORMAT] = {"internal_error", "Storage error: written by a newer version"},
    [VARVE_CLOSED] = {"unavailable", "The server is closing"},
    [VARVE_NO_MEMORY] = {"unavailable", "The server has no memory left for this request"},
    [VARVE_IO] = {"storage_unavailable", "IO error: the server could not read or write its data"},
    [VARVE_TIMEOUT] = {"timeout", NULL},
    [VARVE_NO_SPACE] = {"insufficient_storage", "The server has no disk space left"},
};

static varve_status status_of(const varve_error *err)
{
    return err->status > VARVE_OK && err->status < VARVE_STATUS_COUNT ? err->status
                                                                      : VARVE_INTERNAL;
}

int reply_error_status(const varve_error *err) { return varve_status_http(status_of(err)); }
const char *reply_error_code(const varve_error *err) { return shown[status_of(err)].code; }

const char *reply_error_sentence(const varve_error *err)
{
    const char *general = shown[status_of(err)].sentence;
    return general ? general : err->message;
}

/* A failure that finds no memory for its own text still has its status. */
static void write_json(http_reply *reply, const char *code, const char *sentence)
{
    buffer *b = &reply->body;
    reply->content_type = "application/json";
    buffer_clear(b);
    if (buffer_add_text(b, "{\"error\":", NULL) != VARVE_OK ||
        json_out_string(b, sentence, strlen(sentence), NULL) != VARVE_OK ||
        buffer_add_text(b, ",\"code\":", NULL) != VARVE_OK ||
        json_out_string(b, code, strlen(code), NULL) != VARVE_OK ||
        buffer_add_text(b, "}", NULL) != VARVE_OK)
        buffer_clear(b);
}

static void write_text(http_reply *reply, const char *sentence)
{
    reply->content_type = "text/plain; charset=utf-8";
    buffer_clear(&reply->body);
    if (buffer_add_text(&reply->body, sentence, NULL) != VARVE_OK) buffer_clear(&reply->body);
}

void reply_error(http_reply *reply, const varve_error *err)
{
    reply->cause = *err;
    reply->status = reply_error_status(err);
    write_json(reply, reply_error_code(err), reply_error_sentence(err));
}

void reply_error_text(http_reply *reply, const varve_error *err)
{
    reply->cause = *err;
    reply->status = reply_error_status(err);
    write_text(reply, reply_error_sentence(err));
}

void reply_failure(http_reply *reply, int status, const char *code, const char *format, ...)
{
    char sentence[sizeof((varve_error *)0)->message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    reply->status = status;
    write_json(reply, code, sentence);
}

void reply_compactor_error(http_reply *reply, const varve_error *err)
{
    reply_error(reply, err);
    if (err->status != VARVE_IO) return;
    write_json(
        reply, "compactor_unavailable",
        "The compactor could not be started, or could not do its work; the log of the server "
        "has the reason under the id of this request");
}

void reply_failure_text(http_reply *reply, int status, const char *format, ...)
{
    char sentence[sizeof((varve_error *)0)->message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    reply->status = status;
    write_text(reply, sentence);
}

void reply_empty(http_reply *reply, int status)
{
    reply->status = status;
    buffer_clear(&reply->body);
}

const char *reply_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < VV_COUNT(texts); i++) {
        if (texts[i].status == status) return texts[i].text;
    }
    return "Status";
}
