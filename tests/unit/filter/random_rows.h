/* random_rows.h — random fields of rows, made to collide: few keys, few values, kinds mixed under
 * one path, numbers and date-times written in several ways, texts around the length at which
 * keywords are cut, flat members with dots beside nested ones. */
#ifndef VARVE_TEST_RANDOM_ROWS_H
#define VARVE_TEST_RANDOM_ROWS_H

#include "base/buffer.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define RANDOM_LONG_FIRST 255 /* lengths of long texts */
#define RANDOM_LONG_SPAN  4

typedef struct random_key {
    const char *plain, *raw; /* raw: between the quotes */
} random_key;

static const random_key random_keys[] = {{"a", "a"},
                                         {"b", "b"},
                                         {"c", "c"},
                                         {"a.b", "a.b"},
                                         {"a.b.c", "a.b.c"},
                                         {"b.c", "b.c"},
                                         {"\xc3\xa9", "\xc3\xa9"},
                                         {"x\"y", "x\\\"y"},
                                         {"lon", "lon"},
                                         {"lat", "lat"},
                                         {"", ""},
                                         {"a", "\\u0061"},
                                         {"b.a", "b\\u002ea"}};

static const char *const random_numbers[] = {"0",
                                             "-0",
                                             "-0.0",
                                             "1",
                                             "1.0",
                                             "1e0",
                                             "2",
                                             "3",
                                             "10",
                                             "-1",
                                             "-1.5",
                                             "1.5",
                                             "0.1",
                                             "100",
                                             "9007199254740992",
                                             "9007199254740993",
                                             "9007199254740992.0",
                                             "9007199254740994",
                                             "-9007199254740993",
                                             "9223372036854775807",
                                             "9223372036854775808",
                                             "-9223372036854775808",
                                             "18446744073709551615",
                                             "18446744073709551614",
                                             "18446744073709551616",
                                             "1e19",
                                             "1e300",
                                             "-1e300",
                                             "1e999",
                                             "5e-324",
                                             "45",
                                             "12.5",
                                             "-180",
                                             "180",
                                             "181",
                                             "90.5"};

static const char *const random_texts[] = {"",
                                           "a",
                                           "ab",
                                           "abc",
                                           "b",
                                           "B",
                                           "Ab",
                                           "\xc3\xa9",
                                           "\xc3\x89",
                                           "a%b",
                                           "a_b",
                                           "zz",
                                           "0",
                                           "1",
                                           "true",
                                           "2024",
                                           "2024-01-01",
                                           "2024-01-01T00:00:00Z",
                                           "2024-01-01 00:00",
                                           "2024-01-01T01:00+01",
                                           "2024-01-01T00:00:00.5Z",
                                           "2023-12-31T19:30:00-0500",
                                           "1969-12-31T23:59:59.999999Z",
                                           "0001-01-01",
                                           "9999-12-31T23:59:59-23:00",
                                           "2024-01-01x",
                                           "2024-13-01",
                                           "the quick fox"};

/* Mostly one of the first three, so that values meet. */
static inline size_t random_key_index(random_state *r)
{
    return random_below(r, random_below(r, 3) ? 3 : VV_COUNT(random_keys));
}

static inline void random_must(varve_status status)
{
    if (status != VARVE_OK) abort();
}

static inline void random_put(buffer *out, const char *text)
{
    random_must(buffer_add_text(out, text, NULL));
}

#define random_of(r, list) ((list)[random_below((r), VV_COUNT(list))])

/* Unescaped; of a length around that at which keywords are cut. */
static inline void random_long_text(random_state *r, buffer *out)
{
    size_t len = RANDOM_LONG_FIRST + random_below(r, RANDOM_LONG_SPAN);
    char fill = random_below(r, 4) ? 'q' : 'r';
    if (random_below(r, 3) == 0) { /* a date-time with many digits */
        random_put(out, random_below(r, 2) ? "2024-01-01T00:00:00." : "2024-01-01T00:00:01.");
        for (size_t i = 20; i < len; i++)
            random_put(out, "0");
        random_put(out, random_below(r, 3) ? "Z" : random_below(r, 2) ? "+01:00" : "x");
        return;
    }
    for (size_t i = 0; i < len; i++)
        random_must(buffer_add(out, &fill, 1, NULL));
    if (random_below(r, 4) == 0) random_put(out, random_below(r, 2) ? "s" : "ab");
}

static inline void random_plain_text(random_state *r, buffer *out)
{
    if (random_below(r, 6) == 0)
        random_long_text(r, out);
    else
        random_put(out, random_of(r, random_texts));
}

static inline void random_value(random_state *r, unsigned depth, buffer *out);
static inline void random_point(random_state *r, buffer *out);

static inline void random_rare(random_state *r, bool point, buffer *out)
{
    if (random_below(r, 6) == 0) {
        random_value(r, 1, out);
    } else if (point) {
        random_point(r, out);
    } else {
        random_put(out, "\"");
        random_long_text(r, out);
        random_put(out, "\"");
    }
}

/* Points or long texts, several in one row. */
static inline void random_rares(random_state *r, buffer *out)
{
    size_t count = random_below(r, 4);
    bool point = random_below(r, 3) == 0;
    if (count == 0) {
        random_rare(r, point, out);
        return;
    }
    random_put(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) random_put(out, ",");
        random_rare(r, point, out);
    }
    random_put(out, "]");
}

static inline void random_object(random_state *r, unsigned depth, buffer *out)
{
    size_t count = random_below(r, 5);
    uint32_t used = 0;
    bool first = true;
    random_put(out, "{");
    for (size_t i = 0; i < count; i++) {
        size_t key = random_key_index(r), same = key == 11 ? 0 : key;
        if (used >> same & 1) continue;
        used |= 1u << same;
        random_put(out, first ? "\"" : ",\"");
        random_put(out, random_keys[key].raw);
        random_put(out, "\":");
        if (key == 2 && random_below(r, 4))
            random_rares(r, out);
        else
            random_value(r, depth, out);
        first = false;
    }
    random_put(out, "}");
}

static inline void random_array(random_state *r, unsigned depth, buffer *out)
{
    size_t count = random_below(r, 4);
    random_put(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) random_put(out, ",");
        random_value(r, depth, out);
    }
    random_put(out, "]");
}

static inline void random_point(random_state *r, buffer *out)
{
    random_must(buffer_printf(out, NULL, "{\"lon\":%d,\"lat\":%d.5}",
                              (int)random_below(r, 380) - 190, (int)random_below(r, 200) - 100));
}

static inline void random_value(random_state *r, unsigned depth, buffer *out)
{
    switch (random_below(r, depth ? 12 : 8)) {
    case 0: random_put(out, "null"); break;
    case 1: random_put(out, random_below(r, 2) ? "true" : "false"); break;
    case 2:
    case 3:
    case 4: random_put(out, random_of(r, random_numbers)); break;
    case 8: random_array(r, depth - 1, out); break;
    case 9:
    case 10: random_object(r, depth - 1, out); break;
    case 11: random_point(r, out); break;
    default:
        random_put(out, "\"");
        random_plain_text(r, out);
        random_put(out, "\"");
    }
}

/* The minified fields of a row. many: also keys that come once, more of them than get columns. */
static inline void random_fields(random_state *r, bool many, buffer *out)
{
    uint64_t kind = random_below(r, 20);
    if (kind == 0) {
        random_put(out, "{}");
    } else if (many && kind < 10) {
        random_put(out, "{");
        for (unsigned i = 0; i < 40; i++)
            random_must(buffer_printf(out, NULL, "%s\"k%u-%u\":%u", i ? "," : "",
                                      (unsigned)random_below(r, 1000), i, i));
        random_put(out, "}");
    } else {
        random_object(r, 3, out);
    }
}

#endif
