/* backup_hook_http.c — the part of backup_hook.h about web addresses. */
#include "backup_hook.h"

#include <curl/curl.h>
#include <string.h>

static size_t drop(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

static bool set_up(CURL *curl, const char *url, const char *json, uint64_t timeout_ms,
                   struct curl_slist *headers)
{
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK;
}

/* The address may hold a token: messages name its host at the most, as curl does. */
static varve_status perform(CURL *curl, varve_error *err)
{
    long code = 0;
    CURLcode result = curl_easy_perform(curl);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return vv_fail(err, VARVE_TIMEOUT, "the address of backup_on_failure took too long");
    if (result != CURLE_OK)
        return vv_fail(err, VARVE_IO, "the address of backup_on_failure: %s",
                       curl_easy_strerror(result));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && code < 300) return VARVE_OK;
    return vv_fail(err, VARVE_IO, "the address of backup_on_failure answers %ld", code);
}

varve_status backup_hook_post(const char *url, const char *json, uint64_t timeout_ms,
                              varve_error *err)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    varve_status status = VARVE_OK;
    if (curl && headers && set_up(curl, url, json, timeout_ms, headers))
        status = perform(curl, err);
    else
        status = vv_fail(err, VARVE_NO_MEMORY, "no memory for the request of backup_on_failure");
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}
