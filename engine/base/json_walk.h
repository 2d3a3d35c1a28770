/* json_walk.h — inner to base/json_*: one forward pass over JSON text, strictly by RFC 8259, token
 * by token. What was passed is written to `out` without white space; the caller may put other text
 * in the place of what it has just seen.
 *
 * Refused beyond the grammar: a byte order mark, halves of surrogate pairs, equal keys in one
 * object (compared with escapes decoded), and what passes the limits.
 *
 * Ownership  json_walk_done() frees; out and the text are the caller's.
 * Threads    one at a time.
 * Errors     VARVE_INVALID "at byte N: …", VARVE_LIMIT, VARVE_NO_MEMORY. After one, only done. */
#ifndef VARVE_BASE_JSON_WALK_H
#define VARVE_BASE_JSON_WALK_H

#include "base/json.h"

typedef enum json_token_kind {
    TOKEN_END, /* behind the value; only white space followed */
    TOKEN_OBJECT,
    TOKEN_OBJECT_END,
    TOKEN_ARRAY,
    TOKEN_ARRAY_END,
    TOKEN_KEY,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_WORD /* true, false, null */
} json_token_kind;

typedef struct json_token {
    json_token_kind kind;
    const char *data; /* of keys and strings: between the quotes */
    size_t len;
    unsigned flags; /* of keys and strings: JSON_STRING_… */
    bool real;      /* a number with a fraction or an exponent */
} json_token;

typedef enum json_walk_state {
    WALK_VALUE,        /* a value comes */
    WALK_OBJECT_FIRST, /* a key or the end of the object */
    WALK_ARRAY_FIRST,  /* a value or the end of the array */
    WALK_AFTER_VALUE   /* a comma or the end of what is open */
} json_walk_state;

struct json_walk_key;
struct json_walk_level;

typedef struct json_walk {
    const char *text, *end, *at;
    json_limits limits;
    json_walk_state state;
    buffer *out;
    size_t out_start;               /* length of out before */
    const char *run;                /* [run, at) is not written to out yet */
    struct json_walk_level *levels; /* what is open */
    size_t depth, levels_room;
    struct json_walk_key *keys; /* of all objects that are open */
    size_t key_count, keys_room;
} json_walk;

void json_walk_init(json_walk *w, const char *text, size_t len, const json_limits *limits,
                    buffer *out);
void json_walk_done(json_walk *w);
VV_CHECKED varve_status json_walk_next(json_walk *w, json_token *ret, varve_error *err);
/* In place of [from, to), which was just passed or is just ahead, write `instead`. */
VV_CHECKED varve_status json_walk_replace(json_walk *w, const char *from, const char *to,
                                          const char *instead, size_t len, varve_error *err);
/* After a key: its value was read by the caller and ends at `at`. */
void json_walk_value_passed(json_walk *w, const char *at);
/* Write what is left to out. */
VV_CHECKED varve_status json_walk_finish(json_walk *w, varve_error *err);
/* VARVE_INVALID "at byte N: what" */
varve_status json_walk_fail(const json_walk *w, const char *at, const char *what, varve_error *err);

#endif
