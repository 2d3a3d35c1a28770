/* filter_text.c — patterns on texts: LIKE, prefix, substring, by bytes or by folded characters.
 * Bytes that are no UTF-8 count as a character each, unlike any other. */
#include "filter/filter_text.h"
#include "base/json_string.h"

#include <string.h>
#include <utf8proc.h>

#define NO_UNICODE 0x110000 /* beyond all characters: bytes that are none */

/* By way of upper case, so that all forms of a letter meet: final sigma, long s, the micro sign.
 * Only the dotless i would become another letter. */
static int32_t fold_character(int32_t c)
{
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    if (c >= NO_UNICODE || c == 0x131) return c;
    return utf8proc_tolower(utf8proc_toupper(c));
}

/* p < end */
static int32_t next_character(const char **p, const char *end, bool ignore_case)
{
    int32_t c = (unsigned char)**p;
    if (c < 0x80)
        ++*p;
    else if (json_utf8_length(*p, end) > 0)
        c = (int32_t)json_string_next(p, end);
    else
        c = NO_UNICODE + (unsigned char)*(*p)++;
    return ignore_case ? fold_character(c) : c;
}

/* ---- LIKE ---------------------------------------------------------------------------------- */

typedef enum like_kind { LIKE_CHARACTER, LIKE_ANY_ONE, LIKE_ANY_NUMBER } like_kind;

/* The pattern's next item; p < end. An escape at the end stands for itself. */
static like_kind next_item(const char **p, const char *end, char escape, bool ignore_case,
                           int32_t *ret)
{
    char c = **p;
    if (escape && c == escape && end - *p > 1) {
        ++*p;
    } else if (c == '%' || c == '_') {
        ++*p;
        return c == '%' ? LIKE_ANY_NUMBER : LIKE_ANY_ONE;
    }
    *ret = next_character(p, end, ignore_case);
    return LIKE_CHARACTER;
}

typedef struct like {
    const char *p_end, *t_end;
    char escape;
    bool ignore_case;
} like;

/* Move *t to the first place where what follows a % in the pattern, up to the next % or _, can
 * begin. false: there is none. So that a plain pattern takes time linear in the text. */
static bool seek(const like *l, const char *p, const char **t)
{
    const char *end = p;
    size_t room = (size_t)(l->t_end - *t);
    while (end < l->p_end && *end != '%' && *end != '_' && !(l->escape && *end == l->escape))
        end++;
    size_t len = (size_t)(end - p);
    if (l->ignore_case || len == 0) return true;
    if (len > room) return false;
    if (end == l->p_end)
        *t = l->t_end - len;
    else
        *t = memmem(*t, room, p, len);
    return *t != NULL;
}

/* Only the last % is ever taken back: what it may match includes all that earlier ones may. */
bool filter_like(varve_text pattern, char escape, bool ignore_case, varve_text text)
{
    const char *p = pattern.data, *t = text.data, *retry_p = NULL, *retry_t = NULL;
    like l = {p + pattern.len, t + text.len, escape, ignore_case};
    for (;;) {
        bool good = p == l.p_end && t == l.t_end;
        if (good) return true;
        if (p < l.p_end) {
            int32_t wanted = 0;
            const char *item = p;
            like_kind kind = next_item(&item, l.p_end, escape, ignore_case, &wanted);
            if (kind == LIKE_ANY_NUMBER) {
                if (item == l.p_end) return true;
                p = retry_p = item;
                retry_t = t;
                if (!seek(&l, p, &retry_t)) return false;
                t = retry_t;
                continue;
            }
            if (t < l.t_end) {
                int32_t c = next_character(&t, l.t_end, ignore_case);
                good = kind == LIKE_ANY_ONE || c == wanted;
                p = item;
            }
        }
        if (good) continue;
        if (!retry_p || retry_t == l.t_end) return false;
        (void)next_character(&retry_t, l.t_end, false);
        if (!seek(&l, retry_p, &retry_t)) return false;
        p = retry_p;
        t = retry_t;
    }
}

/* ---- prefix, substring --------------------------------------------------------------------- */

static bool begins_folded(varve_text pattern, const char *t, const char *t_end)
{
    const char *p = pattern.data, *p_end = p + pattern.len;
    while (p < p_end && t < t_end)
        if (next_character(&p, p_end, true) != next_character(&t, t_end, true)) return false;
    return p == p_end;
}

bool filter_begins(varve_text pattern, bool ignore_case, varve_text text)
{
    if (ignore_case) return begins_folded(pattern, text.data, text.data + text.len);
    return pattern.len <= text.len &&
           (pattern.len == 0 || memcmp(pattern.data, text.data, pattern.len) == 0);
}

bool filter_contains(varve_text pattern, bool ignore_case, varve_text text)
{
    if (pattern.len == 0) return true;
    if (!ignore_case)
        return text.len && memmem(text.data, text.len, pattern.data, pattern.len) != NULL;
    for (const char *t = text.data, *end = t + text.len; t < end;) {
        if (begins_folded(pattern, t, end)) return true;
        (void)next_character(&t, end, false);
    }
    return false;
}
