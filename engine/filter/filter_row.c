/* filter_row.c — the tree walked for one row. */
#include "filter/filter_row.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "record/id.h"

/* Of a whole row. */
typedef struct session {
    const filter *filter;
    const filter_row *row;
    buffer *scratch;
    filter_tokens *own_tokens; /* if the row brings none */
    varve_status status;       /* what went wrong in TOKENS */
    varve_error *err;
} session;

typedef struct evaluation {
    session *session;
    varve_text fields; /* of the row, or of the object that NESTED looks at */
} evaluation;

static truth evaluate(const evaluation *e, const filter_node *node);

static truth truth_of(bool b) { return b ? TRUTH_TRUE : TRUTH_FALSE; }

/* ---- leaves -------------------------------------------------------------------------------- */

static varve_status match_tokens(session *s, const filter_node *leaf, varve_text text, bool *ret)
{
    static const text_options plain;
    filter_tokens *tokens = s->row->tokens ? s->row->tokens : s->own_tokens;
    if (!tokens) {
        VV_TRY(filter_tokens_new(s->filter, &plain, &s->own_tokens, s->err));
        tokens = s->own_tokens;
    }
    return filter_tokens_match(tokens, leaf, text, ret, s->err);
}

static truth value_truth(session *s, const filter_node *leaf, const value *v)
{
    bool match = false;
    if (leaf->op != FILTER_TOKENS) return filter_leaf_value(leaf, v);
    if (v->kind != VALUE_TEXT || s->status != VARVE_OK) return TRUTH_UNKNOWN;
    s->status = match_tokens(s, leaf, v->text, &match);
    return truth_of(match);
}

/* What the values of a path said so far. */
typedef struct leaf_state {
    session *session;
    const filter_node *leaf;
    bool any, unknown, stopped; /* stopped: at what `found` says */
    truth found;
} leaf_state;

/* false: nothing further can change it. */
static bool add_truth(leaf_state *s, truth t)
{
    /* One value that is not empty decides; of other leaves, one that is true. */
    truth last = s->leaf->op == FILTER_IS_EMPTY ? TRUTH_FALSE : TRUTH_TRUE;
    s->any = true;
    s->unknown |= t == TRUTH_UNKNOWN;
    s->stopped = t == last;
    s->found = t;
    return !s->stopped;
}

static bool looks_into_arrays(const filter_node *leaf)
{
    switch (leaf->op) {
    case FILTER_EQUAL:
    case FILTER_EXCEPT:
    case FILTER_RANGE:
    case FILTER_LIKE:
    case FILTER_PREFIX:
    case FILTER_SUBSTRING:
    case FILTER_REGEX:
    case FILTER_TOKENS: return leaf->expand;
    case FILTER_GEO_BOX:
    case FILTER_GEO_RADIUS:
    case FILTER_GEO_POLYGON: return true;
    default: return false;
    }
}

static bool read_raw(const leaf_state *s, varve_text raw, value *ret)
{
    const char *at = raw.data;
    return value_read(&at, raw.data + raw.len, s->session->scratch, ret);
}

static bool add_elements(leaf_state *s, varve_text array)
{
    const char *at = array.data + 1, *end = array.data + array.len;
    varve_text raw;
    value v;
    if (s->leaf->array_only && array.len == 2) return add_truth(s, TRUTH_FALSE);
    while (value_next_element(&at, end, &raw))
        if (read_raw(s, raw, &v) && !add_truth(s, value_truth(s->session, s->leaf, &v)))
            return false;
    return true;
}

static bool visit_value(void *context, varve_text raw)
{
    leaf_state *s = context;
    const filter_node *leaf = s->leaf;
    value v;
    if (!read_raw(s, raw, &v)) return true;
    if (v.kind == VALUE_ARRAY && looks_into_arrays(leaf)) return add_elements(s, v.text);
    if (leaf->array_only && v.kind != VALUE_NULL && v.kind != VALUE_ARRAY)
        return add_truth(s, TRUTH_FALSE);
    return add_truth(s, value_truth(s->session, leaf, &v));
}

static truth finish_leaf(const leaf_state *s)
{
    if (!s->any) return filter_leaf_absent(s->leaf);
    if (s->stopped) return s->found;
    if (s->leaf->op == FILTER_IS_EMPTY) return TRUTH_TRUE;
    return s->unknown ? TRUTH_UNKNOWN : TRUTH_FALSE;
}

static truth path_truth(const evaluation *e, const filter_node *leaf)
{
    leaf_state s = {.session = e->session, .leaf = leaf};
    (void)path_walk(leaf->path, e->fields, visit_value, &s);
    return finish_leaf(&s);
}

/* ---- the id -------------------------------------------------------------------------------- */

static truth id_truth(const evaluation *e, const filter_node *leaf)
{
    varve_id id = e->session->row->id;
    value v = {.kind = VALUE_TEXT, .text = id.text};
    if (id.kind == VARVE_ID_NUM && id.num <= INT64_MAX)
        v = (value){.kind = VALUE_INT, .integer = (int64_t)id.num};
    else if (id.kind == VARVE_ID_NUM)
        v = (value){.kind = VALUE_UINT, .big = id.num};
    truth t = value_truth(e->session, leaf, &v);
    return leaf->two_valued && t == TRUTH_UNKNOWN ? TRUTH_FALSE : t;
}

static bool has_id(const filter_node *node, varve_id id)
{
    size_t low = 0, high = node->id_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = id_compare(id, node->ids[middle]);
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool in_slice(const filter_node *node, varve_id id)
{
    uint8_t number[8];
    put_u64(number, id.num);
    uint64_t hash = id.kind == VARVE_ID_NUM ? hash_bytes(number, sizeof number)
                                            : hash_bytes(id.text.data, id.text.len);
    return node->slice_total && hash % node->slice_total == node->slice_index;
}

/* ---- nested -------------------------------------------------------------------------------- */

typedef struct nested_state {
    const evaluation *e;
    const filter_node *child;
    bool found;
} nested_state;

static bool try_object(nested_state *s, varve_text raw)
{
    evaluation inner = *s->e;
    inner.fields = raw;
    s->found = *raw.data == '{' && evaluate(&inner, s->child) == TRUTH_TRUE;
    return !s->found;
}

static bool visit_nested(void *context, varve_text raw)
{
    nested_state *s = context;
    if (*raw.data != '[') return try_object(s, raw);
    const char *at = raw.data + 1, *end = raw.data + raw.len;
    varve_text element;
    while (value_next_element(&at, end, &element))
        if (!try_object(s, element)) return false;
    return true;
}

static truth nested_truth(const evaluation *e, const filter_node *node)
{
    nested_state s = {e, node->children[0], false};
    (void)path_walk(node->path, e->fields, visit_nested, &s);
    return truth_of(s.found);
}

/* ---- the tree ------------------------------------------------------------------------------ */

/* AND stops at what is FALSE, OR at what is TRUE. */
static truth combine(const evaluation *e, const filter_node *node, truth last)
{
    truth result = last == TRUTH_FALSE ? TRUTH_TRUE : TRUTH_FALSE;
    for (size_t i = 0; i < node->child_count; i++) {
        truth t = evaluate(e, node->children[i]);
        if (t == last) return last;
        if (t == TRUTH_UNKNOWN) result = t;
    }
    return result;
}

static truth at_least(const evaluation *e, const filter_node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < node->child_count && count < node->at_least; i++)
        count += evaluate(e, node->children[i]) == TRUTH_TRUE;
    return truth_of(count >= node->at_least);
}

static truth negate(truth t) { return t == TRUTH_UNKNOWN ? t : truth_of(t == TRUTH_FALSE); }

static bool has_vector(const filter_row *row, varve_text name)
{
    return row->has_vector ? row->has_vector(row->context, name) : name.len == 0;
}

static truth node_truth(const evaluation *e, const filter_node *node)
{
    switch (node->op) {
    case FILTER_TRUE: return TRUTH_TRUE;
    case FILTER_FALSE: return TRUTH_FALSE;
    case FILTER_UNKNOWN: return TRUTH_UNKNOWN;
    case FILTER_AND: return combine(e, node, TRUTH_FALSE);
    case FILTER_OR: return combine(e, node, TRUTH_TRUE);
    case FILTER_NOT: return negate(evaluate(e, node->children[0]));
    case FILTER_AT_LEAST: return at_least(e, node);
    case FILTER_NESTED: return nested_truth(e, node);
    case FILTER_HAS_ID: return truth_of(has_id(node, e->session->row->id));
    case FILTER_ID: return id_truth(e, node->children[0]);
    case FILTER_HAS_VECTOR: return truth_of(has_vector(e->session->row, node->pattern));
    case FILTER_SLICE: return truth_of(in_slice(node, e->session->row->id));
    default: return path_truth(e, node);
    }
}

static truth evaluate(const evaluation *e, const filter_node *node)
{
    truth t = node_truth(e, node);
    return t == TRUTH_UNKNOWN && node->two_valued ? TRUTH_FALSE : t;
}

varve_status filter_row_truth(const filter *f, const filter_row *row, buffer *scratch, truth *ret,
                              varve_error *err)
{
    session s = {.filter = f, .row = row, .scratch = scratch, .err = err};
    evaluation e = {&s, row->fields};
    buffer_clear(scratch);
    VV_TRY(buffer_reserve(scratch, row->fields.len, err)); /* nothing in it is longer */
    truth t = evaluate(&e, f->root);
    filter_tokens_free(s.own_tokens);
    if (s.status == VARVE_OK) *ret = t;
    return s.status;
}
