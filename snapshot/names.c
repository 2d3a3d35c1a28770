/* names.c — see names.h. A key is taken apart from left to right, and counts only if building it
 * anew gives the same text. */
#include "names.h"

#include "sums.h"

#include <stdio.h>
#include <string.h>

#define LSN_DIGITS 20

/* ---- build ---- */

static void build_snap(const object_name *n, const char *folder, char ret[NAMES_KEY_MAX])
{
    snprintf(ret, NAMES_KEY_MAX, "%.100s%020llu-%s.json", folder, (unsigned long long)n->lsn,
             n->id);
}

static void build_blob(const object_name *n, char ret[NAMES_KEY_MAX])
{
    char hex[SUMS_HEX_SIZE];
    sums_hex(n->blob, hex);
    int len = snprintf(ret, NAMES_KEY_MAX, "blobs/%.2s/%s", hex, hex);
    if (n->generation) snprintf(ret + len, (size_t)(NAMES_KEY_MAX - len), ".g%u", n->generation);
}

void names_prefix(name_kind kind, const char *db_id, uint32_t timeline, char ret[NAMES_KEY_MAX])
{
    switch (kind) {
    case NAME_KEY: snprintf(ret, NAMES_KEY_MAX, "keys/"); break;
    case NAME_BLOB: snprintf(ret, NAMES_KEY_MAX, "blobs/"); break;
    case NAME_HISTORY:
        if (timeline)
            snprintf(ret, NAMES_KEY_MAX, "db/%s/tl/%08u/HISTORY.json", db_id, timeline);
        else
            snprintf(ret, NAMES_KEY_MAX, "db/%s/tl/", db_id);
        break;
    case NAME_SNAP: snprintf(ret, NAMES_KEY_MAX, "db/%s/tl/%08u/snap/", db_id, timeline); break;
    case NAME_WAL: snprintf(ret, NAMES_KEY_MAX, "db/%s/tl/%08u/wal/", db_id, timeline); break;
    case NAME_PIN: snprintf(ret, NAMES_KEY_MAX, "db/%s/pins/", db_id); break;
    case NAME_GC: snprintf(ret, NAMES_KEY_MAX, "db/%s/gc/", db_id); break;
    case NAME_VERIFIED: snprintf(ret, NAMES_KEY_MAX, "db/%s/verified/", db_id); break;
    case NAME_WRITER: snprintf(ret, NAMES_KEY_MAX, "db/%s/", db_id); break;
    case NAME_REPO: ret[0] = 0; break;
    }
}

void names_build(const object_name *n, char ret[NAMES_KEY_MAX])
{
    char folder[NAMES_KEY_MAX];
    names_prefix(n->kind, n->db_id, n->timeline, folder);
    switch (n->kind) {
    case NAME_REPO: snprintf(ret, NAMES_KEY_MAX, "repo.json"); break;
    case NAME_BLOB: build_blob(n, ret); break;
    case NAME_WRITER: snprintf(ret, NAMES_KEY_MAX, "db/%s/WRITER.json", n->db_id); break;
    case NAME_HISTORY: memcpy(ret, folder, sizeof folder); break;
    case NAME_WAL:
        snprintf(ret, NAMES_KEY_MAX, "%.100s%020llu-%020llu.wlb", folder,
                 (unsigned long long)n->lsn, (unsigned long long)n->last);
        break;
    case NAME_SNAP:
    case NAME_VERIFIED: build_snap(n, folder, ret); break;
    case NAME_KEY:
    case NAME_PIN:
    case NAME_GC: snprintf(ret, NAMES_KEY_MAX, "%.100s%s.json", folder, n->id); break;
    }
}

void names_make_id(const uint8_t random[16], char ret[NAMES_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t b[16];
    memcpy(b, random, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char *out = ret;
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = 0;
}

/* ---- parse: each takes its part from *at, or says no ---- */

static bool take_text(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0) return false;
    *at += len;
    return true;
}

static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

static bool take_id(const char **at, char ret[NAMES_ID_SIZE])
{
    for (size_t i = 0; i < NAMES_ID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = (*at)[i];
        if (dash ? c != '-' : !is_hex(c)) return false;
        ret[i] = c;
    }
    ret[NAMES_ID_SIZE - 1] = 0;
    *at += NAMES_ID_SIZE - 1;
    return true;
}

bool names_is_id(const char *text)
{
    char id[NAMES_ID_SIZE];
    return take_id(&text, id) && !*text;
}

static bool take_number(const char **at, size_t digits_min, size_t digits_max, uint64_t *ret)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; n < digits_max && (*at)[n] >= '0' && (*at)[n] <= '9'; n++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)((*at)[n] - '0'), &value))
            return false;
    if (n < digits_min) return false;
    *at += n;
    *ret = value;
    return true;
}

static bool take_lsn_and_id(const char **at, object_name *n)
{
    return take_number(at, LSN_DIGITS, LSN_DIGITS, &n->lsn) && take_text(at, "-") &&
           take_id(at, n->id) && take_text(at, ".json");
}

static bool take_blob(const char **at, object_name *n)
{
    char h2[3] = {0}, hex[SUMS_HEX_SIZE] = {0};
    if (strlen(*at) < 3 + SUMS_HEX_SIZE - 1) return false;
    memcpy(h2, *at, 2);
    memcpy(hex, *at + 3, SUMS_HEX_SIZE - 1);
    if (!sums_parse_hex(hex, n->blob) || strncmp(h2, hex, 2) != 0) return false;
    *at += 3 + SUMS_HEX_SIZE - 1;
    n->kind = NAME_BLOB;
    if (!take_text(at, ".g")) return true;
    uint64_t generation;
    if (!take_number(at, 1, 4, &generation) || generation == 0) return false;
    n->generation = (uint32_t)generation;
    return true;
}

static bool take_in_timeline(const char **at, object_name *n)
{
    uint64_t timeline;
    if (!take_number(at, 8, 8, &timeline) || timeline == 0 || !take_text(at, "/")) return false;
    n->timeline = (uint32_t)timeline;
    if (take_text(at, "HISTORY.json")) {
        n->kind = NAME_HISTORY;
        return true;
    }
    if (take_text(at, "snap/")) {
        n->kind = NAME_SNAP;
        return take_lsn_and_id(at, n);
    }
    n->kind = NAME_WAL;
    return take_text(at, "wal/") && take_number(at, LSN_DIGITS, LSN_DIGITS, &n->lsn) &&
           take_text(at, "-") && take_number(at, LSN_DIGITS, LSN_DIGITS, &n->last) &&
           take_text(at, ".wlb") && n->lsn <= n->last;
}

static bool take_in_db(const char **at, object_name *n)
{
    if (!take_id(at, n->db_id) || !take_text(at, "/")) return false;
    if (take_text(at, "tl/")) return take_in_timeline(at, n);
    if (take_text(at, "verified/")) {
        n->kind = NAME_VERIFIED;
        return take_lsn_and_id(at, n);
    }
    if (take_text(at, "WRITER.json")) {
        n->kind = NAME_WRITER;
        return true;
    }
    n->kind = take_text(at, "pins/") ? NAME_PIN : NAME_GC;
    if (n->kind == NAME_GC && !take_text(at, "gc/")) return false;
    return take_id(at, n->id) && take_text(at, ".json");
}

static bool take_any(const char **at, object_name *n)
{
    if (take_text(at, "blobs/")) return take_blob(at, n);
    if (take_text(at, "db/")) return take_in_db(at, n);
    n->kind = NAME_REPO;
    if (take_text(at, "repo.json")) return true;
    n->kind = NAME_KEY;
    return take_text(at, "keys/") && take_id(at, n->id) && take_text(at, ".json");
}

bool names_parse(const char *key, object_name *ret)
{
    object_name n = {0};
    const char *at = key;
    char again[NAMES_KEY_MAX];
    if (!take_any(&at, &n) || *at) return false;
    names_build(&n, again);
    if (strcmp(again, key) != 0) return false;
    *ret = n;
    return true;
}
