/* analyzer.c — see analyzer.h. A run is gathered in lower case; what it has beyond ASCII is
 * composed; then stop words, then stems. Token texts lie in one buffer, which may move while it
 * grows: tokens point into it once all are there. */
#include "field/analyzer.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "field/analyzer_letters.h"
#include "field/analyzer_stop_words.h"
#include "record/utf8.h"

#include <libstemmer.h>
#include <stdlib.h>

#define RUN_BYTES_MAX     1024 /* of a run; what is behind cannot reach the token */
#define STOP_SLOTS        1024 /* a power of two, more than twice the longest list */
#define RUN_COMPOSED_MAX  (16 * RUN_BYTES_MAX)
#define STOP_BYTES_MAX    16384
#define TOKENS_FIRST_ROOM 64

struct analyzer {
    text_options options;
    struct sb_stemmer *stemmer; /* NULL: none */
    varve_text *stop_words;     /* STOP_SLOTS, open addressing; NULL: none */
    buffer stop_texts;          /* what they point into */
    token *tokens;              /* of the last call */
    size_t token_count, token_room;
    buffer texts; /* of the tokens */
    buffer run;   /* the one being read, in lower case */
    buffer composed;
};

/* ---- making one ----------------------------------------------------------------------------- */

static varve_text *stop_slot(const analyzer *a, varve_text word)
{
    size_t at = hash_bytes(word.data, word.len) % STOP_SLOTS;
    while (a->stop_words[at].data && (a->stop_words[at].len != word.len ||
                                      memcmp(a->stop_words[at].data, word.data, word.len) != 0))
        at = (at + 1) % STOP_SLOTS;
    return &a->stop_words[at];
}

static varve_status add_stop_words(analyzer *a, varve_error *err)
{
    const char *words = analyzer_stop_words(a->options.language);
    if (!words)
        return vv_fail(err, VARVE_INVALID, "no stop words are known for the language '%s'",
                       a->options.language);
    a->stop_words = calloc(STOP_SLOTS, sizeof *a->stop_words);
    if (!a->stop_words) return vv_fail(err, VARVE_NO_MEMORY, "no memory for stop words");
    varve_text all = {words, strlen(words)};
    if (a->options.fold_accents)
        VV_TRY(letters_compose(all, true, &a->stop_texts, err));
    else
        VV_TRY(buffer_add(&a->stop_texts, all.data, all.len, err));
    const char *at = a->stop_texts.data, *end = at + a->stop_texts.len;
    while (at < end) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        varve_text word = {at, (size_t)((space ? space : end) - at)};
        *stop_slot(a, word) = word;
        at += word.len + 1;
    }
    return VARVE_OK;
}

static bool language_known(const char *language)
{
    for (const char **name = sb_stemmer_list(); *name; name++)
        if (strcmp(*name, language) == 0) return true;
    return false;
}

static varve_status add_language(analyzer *a, varve_error *err)
{
    const text_options *o = &a->options;
    if (!memchr(o->language, 0, sizeof o->language))
        return vv_fail(err, VARVE_INVALID, "the language has a name of more than %zu bytes",
                       sizeof o->language - 1);
    if (!*o->language && (o->stem || o->stop_words))
        return vv_fail(err, VARVE_INVALID, "stems and stop words need a language");
    if (*o->language && !language_known(o->language))
        return vv_fail(err, VARVE_INVALID, "the language '%s' is not known", o->language);
    if (o->stem) {
        a->stemmer = sb_stemmer_new(o->language, "UTF_8");
        if (!a->stemmer) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a stemmer");
    }
    return o->stop_words ? add_stop_words(a, err) : VARVE_OK;
}

varve_status analyzer_new(const text_options *options, analyzer **ret, varve_error *err)
{
    VV_CLEANUP(analyzer_freep) analyzer *a = calloc(1, sizeof *a);
    if (!a) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an analyzer");
    a->options = *options;
    buffer_init(&a->stop_texts, STOP_BYTES_MAX, "stop words");
    buffer_init(&a->texts, 2 * (size_t)ANALYZER_TEXT_BYTES_MAX, "tokens of a text");
    buffer_init(&a->run, RUN_BYTES_MAX, "token");
    buffer_init(&a->composed, RUN_COMPOSED_MAX, "token");
    VV_TRY(buffer_reserve(&a->run, RUN_BYTES_MAX, err));
    VV_TRY(add_language(a, err));
    *ret = a;
    a = NULL;
    return VARVE_OK;
}

void analyzer_free(analyzer *a)
{
    if (!a) return;
    sb_stemmer_delete(a->stemmer);
    free(a->stop_words);
    free(a->tokens);
    buffer_done(&a->stop_texts);
    buffer_done(&a->texts);
    buffer_done(&a->run);
    buffer_done(&a->composed);
    free(a);
}

void analyzer_freep(analyzer **a) { analyzer_free(*a); }

/* ---- one token ------------------------------------------------------------------------------ */

typedef struct run {
    bool plain;  /* ASCII alone */
    bool marked; /* has marks */
    size_t begin, end;
} run;

static varve_status add_token(analyzer *a, varve_text text, token t, varve_error *err)
{
    if (a->token_count == a->token_room) {
        size_t room = a->token_room ? 2 * a->token_room : TOKENS_FIRST_ROOM;
        token *grown = realloc(a->tokens, room * sizeof *grown);
        if (!grown) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu tokens", room);
        a->tokens = grown;
        a->token_room = room;
    }
    t.text.len = text.len;
    VV_TRY(buffer_add(&a->texts, text.data, text.len, err));
    a->tokens[a->token_count++] = t;
    return VARVE_OK;
}

/* The run that was read: composed, cut, and, unless dropped, stemmed. */
static varve_status end_run(analyzer *a, const run *r, uint32_t *position, varve_error *err)
{
    varve_text text = {a->run.data, a->run.len};
    if (!r->plain && (r->marked || a->options.fold_accents)) {
        buffer_clear(&a->composed);
        VV_TRY(letters_compose(text, a->options.fold_accents, &a->composed, err));
        text = (varve_text){a->composed.data, a->composed.len};
    }
    if (text.len > ANALYZER_TOKEN_BYTES)
        text.len = utf8_cut(text.data, text.len, ANALYZER_TOKEN_BYTES);
    token t = {.position = (*position)++, .begin = (uint32_t)r->begin, .end = (uint32_t)r->end};
    if (a->stop_words && stop_slot(a, text)->data) return VARVE_OK;
    if (a->stemmer) {
        const sb_symbol *stem =
            sb_stemmer_stem(a->stemmer, (const sb_symbol *)text.data, (int)text.len);
        if (!stem) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a stem");
        size_t len = (size_t)sb_stemmer_length(a->stemmer);
        text = (varve_text){(const char *)stem, VV_MIN(len, (size_t)ANALYZER_TOKEN_BYTES)};
    }
    return text.len ? add_token(a, text, t, err) : VARVE_OK;
}

/* Read the run or lone character that begins at *at, into a->run. */
static void read_run(analyzer *a, varve_text text, size_t *at, run *ret)
{
    bool alone = false;
    *ret = (run){.plain = true, .begin = *at};
    for (a->run.len = 0; *at < text.len;) {
        int32_t c;
        size_t bytes;
        letter_kind kind = letter_read(text.data + *at, text.len - *at, &c, &bytes);
        bool first = *at == ret->begin;
        if (kind == LETTER_NONE ||
            (!first && kind != LETTER_MARK && (alone || kind == LETTER_ALONE)))
            break;
        *at += bytes;
        if (kind == LETTER_ALONE) alone = true;
        if (kind == LETTER_MARK) ret->marked = true;
        if (c < 0x80) {
            if (a->run.len < RUN_BYTES_MAX) a->run.data[a->run.len++] = (char)c;
            continue;
        }
        ret->plain = false;
        if (a->run.len + 4 <= RUN_BYTES_MAX)
            a->run.len += letter_write(c, a->run.data + a->run.len);
    }
    ret->end = *at;
}

/* ---- ASCII, without asking what each character is -------------------------------------------- */

/* The lower case of a letter, a digit, or 0. */
static inline char plain_letter(char c)
{
    unsigned char folded = (unsigned char)c | 0x20;
    if (folded >= 'a' && folded <= 'z') return (char)folded;
    return c >= '0' && c <= '9' ? c : 0;
}

/* The run that begins at *at, if it is ASCII alone and no longer than a token; else nothing moves.
 */
static bool read_plain_run(analyzer *a, varve_text text, size_t *at, run *ret)
{
    size_t i = *at, n = 0, end = VV_MIN(text.len, *at + ANALYZER_TOKEN_BYTES);
    char c;
    while (i < end && (c = plain_letter(text.data[i])) != 0) {
        a->run.data[n++] = c;
        i++;
    }
    if (i < text.len && (i == end || (unsigned char)text.data[i] >= 0x80)) return false;
    *ret = (run){.plain = true, .begin = *at, .end = i};
    a->run.len = n;
    *at = i;
    return true;
}

/* ---- all ------------------------------------------------------------------------------------ */

/* The run or lone character at *at, or behind what is none; false: *at moved, nothing was read. */
static bool next_run(analyzer *a, varve_text text, size_t *at, run *ret)
{
    int32_t c;
    size_t bytes;
    while (*at < text.len && (unsigned char)text.data[*at] < 0x80 && !plain_letter(text.data[*at]))
        ++*at;
    if (*at == text.len) return false;
    if (read_plain_run(a, text, at, ret)) return true;
    letter_kind kind = letter_read(text.data + *at, text.len - *at, &c, &bytes);
    if (kind == LETTER_NONE || kind == LETTER_MARK) {
        *at += bytes;
        return false;
    }
    read_run(a, text, at, ret);
    return true;
}

varve_status analyzer_run(analyzer *a, varve_text text, const token **ret, size_t *ret_count,
                          varve_error *err)
{
    uint32_t position = 0;
    if (text.len > ANALYZER_TEXT_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "a text has %zu bytes; the limit is %u", text.len,
                       ANALYZER_TEXT_BYTES_MAX);
    a->token_count = 0;
    buffer_clear(&a->texts);
    for (size_t at = 0; at < text.len;) {
        run r;
        if (!next_run(a, text, &at, &r)) continue;
        VV_TRY(end_run(a, &r, &position, err));
    }
    const char *data = a->texts.data;
    for (size_t i = 0; i < a->token_count; data += a->tokens[i++].text.len)
        a->tokens[i].text.data = data;
    *ret = a->tokens;
    *ret_count = a->token_count;
    return VARVE_OK;
}
