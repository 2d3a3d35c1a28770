/* tool_options.c — see tool_options.h. */
#include "tool_options.h"

#include <stdlib.h>
#include <string.h>

typedef struct text_option {
    const char *name;
    size_t at;
} text_option;
static const text_option texts[] = {
    {"url", offsetof(tool_options, url)},
    {"endpoint", offsetof(tool_options, s3.endpoint)},
    {"region", offsetof(tool_options, s3.region)},
    {"ca", offsetof(tool_options, s3.ca_file)},
    {"key", offsetof(tool_options, s3.access_key)},
    {"secret", offsetof(tool_options, s3.secret_key)},
    {"token", offsetof(tool_options, s3.session_token)},
    {"credentials", offsetof(tool_options, s3.credentials_file)},
    {"profile", offsetof(tool_options, s3.profile)},
    {"metadata", offsetof(tool_options, s3.metadata_endpoint)},
    {"storage-class", offsetof(tool_options, s3.storage_class)},
};
static const text_option numbers[] = {
    {"attempts", offsetof(tool_options, limits.attempts_max)},
    {"request-ms", offsetof(tool_options, limits.request_ms)},
    {"deadline-ms", offsetof(tool_options, limits.deadline_ms)},
    {"wait-ms", offsetof(tool_options, limits.wait_first_ms)},
    {"wait-max-ms", offsetof(tool_options, limits.wait_max_ms)},
    {"rate", offsetof(tool_options, limits.bytes_per_s)},
    {"part-bytes", offsetof(tool_options, limits.part_bytes)},
    {"cancel-ms", offsetof(tool_options, cancel_ms)},
};

static bool is_named(const char *argument, const char *name)
{
    size_t len = strlen(name);
    return strncmp(argument, name, len) == 0 && argument[len] == '=';
}

bool tool_take_option(tool_options *s, const char *argument)
{
    const char *equals = strchr(argument, '=');
    if (!equals) return false;
    const char *value = equals + 1;
    for (size_t i = 0; i < VV_COUNT(texts); i++)
        if (is_named(argument, texts[i].name))
            memcpy((char *)s + texts[i].at, &value, sizeof value);
    for (size_t i = 0; i < VV_COUNT(numbers); i++) {
        uint64_t number = strtoull(value, NULL, 10);
        if (is_named(argument, numbers[i].name))
            memcpy((char *)s + numbers[i].at, &number, sizeof number);
    }
    if (is_named(argument, "virtual-host")) s->s3.virtual_host = true;
    if (is_named(argument, "plain")) s->s3.plain_http_allowed = true;
    if (is_named(argument, "metadata")) s->s3.metadata_service = true;
    return true;
}
