/* credentials_parse.c — the two texts that credentials come in; see credentials.h. */
#include "credentials.h"

#include "base/json.h"

#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

void credentials_wipe(credentials *c) { OPENSSL_cleanse(c, sizeof *c); }

static varve_status set_text(char *ret, size_t size, const char *text, size_t len, varve_error *err)
{
    if (len >= size) return vv_fail(err, VARVE_LIMIT, "credentials of more than %zu bytes", size);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return vv_fail(err, VARVE_INVALID, "credentials with a character that cannot be sent");
    memcpy(ret, text, len);
    ret[len] = '\0';
    return VARVE_OK;
}

/* ---- a file -------------------------------------------------------------------------------- */

static varve_text trimmed(const char *begin, const char *end)
{
    while (begin < end && strchr(" \t\r", *begin))
        begin++;
    while (end > begin && strchr(" \t\r", end[-1]))
        end--;
    return (varve_text){begin, (size_t)(end - begin)};
}

static bool is_text(varve_text t, const char *text)
{
    return t.len == strlen(text) && memcmp(t.data, text, t.len) == 0;
}

/* "[default]", and "[profile x]" as the configuration file has it. */
static bool is_profile(varve_text line, const char *profile)
{
    static const char word[] = "profile";
    if (line.len < 2 || line.data[line.len - 1] != ']') return false;
    varve_text name = trimmed(line.data + 1, line.data + line.len - 1);
    if (is_text(name, profile)) return true;
    if (name.len <= sizeof word || memcmp(name.data, word, sizeof word - 1) != 0) return false;
    return is_text(trimmed(name.data + sizeof word - 1, name.data + name.len), profile);
}

static varve_status take_setting(varve_text line, credentials *c, varve_error *err)
{
    const char *equals = memchr(line.data, '=', line.len);
    if (!equals) return VARVE_OK;
    varve_text name = trimmed(line.data, equals);
    varve_text value = trimmed(equals + 1, line.data + line.len);
    if (is_text(name, "aws_access_key_id"))
        return set_text(c->access_key, sizeof c->access_key, value.data, value.len, err);
    if (is_text(name, "aws_secret_access_key"))
        return set_text(c->secret_key, sizeof c->secret_key, value.data, value.len, err);
    if (is_text(name, "aws_session_token"))
        return set_text(c->session_token, sizeof c->session_token, value.data, value.len, err);
    return VARVE_OK;
}

static varve_status parse_lines(const char *text, const char *end, const char *profile,
                                credentials *c, varve_error *err)
{
    bool inside = false;
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        if (!line_end) line_end = end;
        varve_text line = trimmed(text, line_end);
        text = line_end < end ? line_end + 1 : end;
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';') continue;
        if (line.data[0] == '[')
            inside = is_profile(line, profile);
        else if (inside)
            VV_TRY(take_setting(line, c, err));
    }
    if (!c->access_key[0] || !c->secret_key[0])
        return vv_fail(err, VARVE_INVALID, "profile '%s' has no key and secret", profile);
    return VARVE_OK;
}

varve_status credentials_parse_file(const char *text, size_t len, const char *profile,
                                    credentials *ret, varve_error *err)
{
    VV_CLEANUP(credentials_wipe) credentials found = {{0}, {0}, {0}, 0, 0};
    if (memchr(text, '\0', len)) return vv_fail(err, VARVE_INVALID, "the file is no text");
    VV_TRY(parse_lines(text, text + len, profile, &found, err));
    *ret = found;
    return VARVE_OK;
}

/* ---- the metadata service ------------------------------------------------------------------ */

static void drop_document(json_document *d) { json_document_done(d); }

static varve_status take_member(const json_t *root, const char *name, char *ret, size_t size,
                                varve_error *err)
{
    const char *text = json_string_value(json_object_get(root, name));
    if (!text) return vv_fail(err, VARVE_INVALID, "the metadata service gives no %s", name);
    return set_text(ret, size, text, strlen(text), err);
}

static varve_status take_expiration(const json_t *root, uint64_t *ret_ms, varve_error *err)
{
    struct tm parts = {0};
    const char *text = json_string_value(json_object_get(root, "Expiration"));
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    time_t seconds = end ? timegm(&parts) : -1;
    if (seconds < 0) return vv_fail(err, VARVE_INVALID, "the metadata service gives no Expiration");
    *ret_ms = (uint64_t)seconds * 1000;
    return VARVE_OK;
}

varve_status credentials_parse_metadata(const char *text, size_t len, credentials *ret,
                                        varve_error *err)
{
    static const char *const no_keys[] = {NULL};
    VV_CLEANUP(credentials_wipe) credentials c = {{0}, {0}, {0}, 0, 0};
    VV_CLEANUP(drop_document) json_document d = {0};
    if (json_parse(text, len, no_keys, 0, &d, NULL) != VARVE_OK) /* its words may quote the text */
        return vv_fail(err, VARVE_INVALID, "the metadata service answers with no JSON");
    VV_TRY(take_member(d.root, "AccessKeyId", c.access_key, sizeof c.access_key, err));
    VV_TRY(take_member(d.root, "SecretAccessKey", c.secret_key, sizeof c.secret_key, err));
    VV_TRY(take_member(d.root, "Token", c.session_token, sizeof c.session_token, err));
    VV_TRY(take_expiration(d.root, &c.expires_ms, err));
    *ret = c;
    return VARVE_OK;
}
