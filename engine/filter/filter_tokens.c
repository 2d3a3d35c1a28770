/* filter_tokens.c — see filter_tokens.h. */
#include "filter/filter_tokens.h"

#include <stdlib.h>
#include <string.h>

/* Patterns are bounded by the filter that holds them; their tokens take a multiple of it. */
#define TOKENS_BYTES_MAX ((size_t)1 << 30)

typedef struct term {
    varve_text text;
    uint32_t position;
    bool found; /* in the text that is looked at */
} term;

typedef struct pattern {
    const filter_node *leaf;
    term *terms; /* of a phrase in order of position, otherwise sorted, each once */
    size_t count;
} pattern;

struct filter_tokens {
    analyzer *analyzer;
    arena memory;
    pattern *patterns;
    size_t count;
};

static bool is_phrase(const filter_node *leaf)
{
    return leaf->how == TOKENS_PHRASE || leaf->how == TOKENS_PHRASE_PREFIX;
}

static int compare_terms(const void *left, const void *right)
{
    const term *a = left, *b = right;
    return value_compare_texts(a->text, b->text);
}

static void sort_terms(pattern *p)
{
    size_t kept = 0;
    if (p->count == 0) return;
    qsort(p->terms, p->count, sizeof *p->terms, compare_terms);
    for (size_t i = 1; i < p->count; i++)
        if (compare_terms(&p->terms[kept], &p->terms[i]) != 0) p->terms[++kept] = p->terms[i];
    p->count = kept + 1;
}

static varve_status add_pattern(filter_tokens *t, const filter_node *leaf, varve_error *err)
{
    const token *tokens;
    void *memory;
    pattern *p = &t->patterns[t->count];
    *p = (pattern){.leaf = leaf};
    VV_TRY(analyzer_run(t->analyzer, leaf->pattern, &tokens, &p->count, err));
    VV_TRY(arena_take(&t->memory, p->count, sizeof *p->terms, &memory, err));
    p->terms = memory;
    for (size_t i = 0; i < p->count; i++) {
        p->terms[i].position = tokens[i].position;
        VV_TRY(arena_text(&t->memory, tokens[i].text.data, tokens[i].text.len, &p->terms[i].text,
                          err));
    }
    if (!is_phrase(leaf)) sort_terms(p);
    t->count++;
    return VARVE_OK;
}

static varve_status add_patterns(filter_tokens *t, const filter_node *node, varve_error *err)
{
    if (node->op == FILTER_TOKENS) VV_TRY(add_pattern(t, node, err));
    for (size_t i = 0; i < node->child_count; i++)
        VV_TRY(add_patterns(t, node->children[i], err));
    return VARVE_OK;
}

static size_t count_patterns(const filter_node *node)
{
    size_t count = node->op == FILTER_TOKENS;
    for (size_t i = 0; i < node->child_count; i++)
        count += count_patterns(node->children[i]);
    return count;
}

varve_status filter_tokens_new(const filter *f, const text_options *options, filter_tokens **ret,
                               varve_error *err)
{
    size_t count = count_patterns(f->root);
    void *memory;
    if (count == 0) {
        *ret = NULL;
        return VARVE_OK;
    }
    VV_CLEANUP(filter_tokens_freep) filter_tokens *t = calloc(1, sizeof *t);
    if (!t) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the tokens of a filter");
    arena_init(&t->memory, TOKENS_BYTES_MAX, "tokens of a filter");
    VV_TRY(arena_take(&t->memory, count, sizeof *t->patterns, &memory, err));
    t->patterns = memory;
    VV_TRY(analyzer_new(options, &t->analyzer, err));
    VV_TRY(add_patterns(t, f->root, err));
    *ret = t;
    t = NULL;
    return VARVE_OK;
}

void filter_tokens_free(filter_tokens *t)
{
    if (!t) return;
    analyzer_free(t->analyzer);
    arena_done(&t->memory);
    free(t);
}

void filter_tokens_freep(filter_tokens **t) { filter_tokens_free(*t); }

/* ---- matching ------------------------------------------------------------------------------ */

static bool has_terms(pattern *p, const token *tokens, size_t count, bool any)
{
    size_t missing = p->count;
    for (size_t i = 0; i < p->count; i++)
        p->terms[i].found = false;
    for (size_t i = 0; i < count && missing > 0; i++) {
        term wanted = {.text = tokens[i].text};
        term *found = bsearch(&wanted, p->terms, p->count, sizeof wanted, compare_terms);
        if (!found || found->found) continue;
        if (any) return true;
        found->found = true;
        missing--;
    }
    return missing == 0;
}

static bool same_token(const term *wanted, const token *t, bool prefix)
{
    return (prefix ? t->text.len >= wanted->text.len : t->text.len == wanted->text.len) &&
           memcmp(t->text.data, wanted->text.data, wanted->text.len) == 0;
}

/* Is the phrase there from tokens[0] on? */
static bool begins_phrase(const pattern *p, const token *tokens, size_t count, bool last_prefix)
{
    size_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        uint32_t distance = p->terms[i].position - p->terms[0].position;
        while (at < count && tokens[at].position - tokens[0].position < distance)
            at++;
        if (at == count || tokens[at].position - tokens[0].position != distance ||
            !same_token(&p->terms[i], &tokens[at], last_prefix && i + 1 == p->count))
            return false;
    }
    return true;
}

static bool has_phrase(const pattern *p, const token *tokens, size_t count, bool last_prefix)
{
    for (size_t i = 0; i < count; i++)
        if (begins_phrase(p, tokens + i, count - i, last_prefix)) return true;
    return false;
}

varve_status filter_tokens_match(filter_tokens *t, const filter_node *leaf, varve_text text,
                                 bool *ret, varve_error *err)
{
    const token *tokens;
    size_t count, i = 0;
    while (i < t->count && t->patterns[i].leaf != leaf)
        i++;
    if (i == t->count) return vv_fail(err, VARVE_INTERNAL, "a filter without its tokens");
    pattern *p = &t->patterns[i];
    VV_TRY(analyzer_run(t->analyzer, text, &tokens, &count, err));
    if (p->count == 0)
        *ret = false;
    else if (is_phrase(leaf))
        *ret = has_phrase(p, tokens, count, leaf->how == TOKENS_PHRASE_PREFIX);
    else
        *ret = has_terms(p, tokens, count, leaf->how == TOKENS_ANY);
    return VARVE_OK;
}
