/* string_sort.c — see string_sort.h. */
#include "field/string_sort.h"

#include "base/bytes.h"

#include <stdlib.h>

#define SMALL       24 /* strings that are sorted by insertion */
#define HEAD        8  /* bytes */
#define END_CLASSES (HEAD + 2)

static int compare_from(const sorted_string *a, const sorted_string *b, size_t depth)
{
    size_t common = VV_MIN(a->len, b->len) - depth;
    int order = common ? memcmp(a->data + depth, b->data + depth, common) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static void insertion_sort(sorted_string *s, size_t count, size_t depth)
{
    for (size_t i = 1; i < count; i++) {
        sorted_string x = s[i];
        size_t at = i;
        for (; at > 0 && compare_from(&s[at - 1], &x, depth) > 0; at--)
            s[at] = s[at - 1];
        s[at] = x;
    }
}

static uint64_t head_of(const sorted_string *s, size_t depth)
{
    uint8_t head[HEAD] = {0};
    if (s->len - depth >= HEAD) return get_be64(s->data + depth);
    memcpy(head, s->data + depth, s->len - depth);
    return get_be64(head);
}

static void head_pass(const sorted_string *from, sorted_string *to, size_t count, unsigned shift)
{
    size_t at[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        at[from[i].head >> shift & 0xff]++;
    for (unsigned v = 0; v < 256; v++) {
        size_t n = at[v];
        at[v] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++)
        to[at[from[i].head >> shift & 0xff]++] = from[i];
}

/* By their heads, from the lowest byte up; bytes that all agree in are left out. */
static void sort_heads(sorted_string *s, sorted_string *room, size_t count, size_t depth)
{
    sorted_string *from = s, *to = room;
    uint64_t differ = 0;
    for (size_t i = 0; i < count; i++) {
        s[i].head = head_of(&s[i], depth);
        differ |= s[i].head ^ s[0].head;
    }
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & 0xff)) continue;
        head_pass(from, to, count, shift);
        sorted_string *other = from;
        from = to;
        to = other;
    }
    if (from != s) memcpy(s, from, count * sizeof *s);
}

/* Strings with one head: those that end within it come first, the shorter before the longer (what
 * is behind them in the head are zeros); *ret: how many go on. */
static void sort_ends(sorted_string *s, sorted_string *room, size_t count, size_t depth,
                      size_t *ret)
{
    size_t at[END_CLASSES] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        at[VV_MIN(s[i].len - depth, (size_t)HEAD + 1)]++;
    *ret = at[HEAD + 1];
    if (*ret == count) return;
    for (size_t c = 0; c < END_CLASSES; c++) {
        size_t n = at[c];
        at[c] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++)
        room[at[VV_MIN(s[i].len - depth, (size_t)HEAD + 1)]++] = s[i];
    memcpy(s, room, count * sizeof *s);
}

static void sort_from(sorted_string *s, sorted_string *room, size_t count, size_t depth)
{
    if (count <= SMALL) {
        insertion_sort(s, count, depth);
        return;
    }
    sort_heads(s, room, count, depth);
    for (size_t first = 0, end; first < count; first = end) {
        size_t longer;
        for (end = first + 1; end < count && s[end].head == s[first].head;)
            end++;
        if (end - first == 1) continue;
        sort_ends(s + first, room, end - first, depth, &longer);
        if (longer > 1) sort_from(s + (end - longer), room, longer, depth + HEAD);
    }
}

varve_status string_sort(sorted_string *strings, size_t count, varve_error *err)
{
    sorted_string *room = malloc((count + 1) * sizeof *room);
    if (!room) return vv_fail(err, VARVE_NO_MEMORY, "no memory to sort %zu texts", count);
    sort_from(strings, room, count, 0);
    free(room);
    return VARVE_OK;
}
