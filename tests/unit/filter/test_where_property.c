/* test_where_property.c — for random texts: the tree of what is printed is the tree that was
 * printed, and is printed so again. Damaged texts are refused or accepted, and end nothing. */
#include "where_fixture.h"
#include "where_generator.h"

#define TEXTS   6000
#define DAMAGED 20000

static bool same_text(varve_text a, varve_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool same_value(const filter_value *a, const filter_value *b)
{
    return (a->v.kind == b->v.kind || value_is_number(&a->v)) && value_equal(&a->v, &b->v) &&
           a->datetime == b->datetime && a->instant == b->instant;
}

static bool same_bound(bool has, const filter_value *a, const filter_value *b)
{
    return !has || same_value(a, b);
}

static bool same_range(const filter_range *a, const filter_range *b)
{
    return a->kind == b->kind && a->has_low == b->has_low && a->has_high == b->has_high &&
           a->low_open == b->low_open && a->high_open == b->high_open &&
           same_bound(a->has_low, &a->low, &b->low) && same_bound(a->has_high, &a->high, &b->high);
}

static bool same_id(varve_id a, varve_id b)
{
    return a.kind == b.kind && a.num == b.num && same_text(a.text, b.text);
}

static bool same_leaf(const filter_node *a, const filter_node *b)
{
    if (!same_text(a->pattern, b->pattern) || !a->path != !b->path || !a->regex != !b->regex ||
        a->value_count != b->value_count || a->id_count != b->id_count)
        return false;
    if (a->path && !same_text(a->path->text, b->path->text)) return false;
    for (size_t i = 0; i < a->value_count; i++)
        if (!same_value(&a->values[i], &b->values[i])) return false;
    for (size_t i = 0; i < a->id_count; i++)
        if (!same_id(a->ids[i], b->ids[i])) return false;
    return true;
}

static bool same_tree(const filter_node *a, const filter_node *b)
{
    if (a->op != b->op || a->two_valued != b->two_valued || a->expand != b->expand ||
        a->array_only != b->array_only || a->ignore_case != b->ignore_case ||
        a->missing_counts != b->missing_counts || a->escape != b->escape || a->how != b->how ||
        a->child_count != b->child_count)
        return false;
    if (!same_leaf(a, b) || (a->op == FILTER_RANGE && !same_range(&a->range, &b->range)))
        return false;
    for (size_t i = 0; i < a->child_count; i++)
        if (!same_tree(a->children[i], b->children[i])) return false;
    return true;
}

static void what_is_printed_is_what_was_meant(void **state)
{
    (void)state;
    random_state random;
    buffer text;
    random_seed(&random, 20261121);
    buffer_init(&text, SIZE_MAX, "test");
    for (int i = 0; i < TEXTS; i++) {
        buffer_clear(&text);
        generate_where(&random, 6, &text);
        filter *f = where_of((varve_text){text.data, text.len}, NULL, 0);
        char *print = print_of(f);
        filter *again = where_of(text_of(print), NULL, 0);
        if (!same_tree(f->root, again->root))
            fail_msg("%.*s\nis printed as\n%s", (int)text.len, text.data, print);
        assert_print(again, print);
        filter_free(again);
        free(print);
        filter_free(f);
    }
    buffer_done(&text);
}

/* Of an exact size, so that a sanitizer sees a read behind the text. */
static void try_text(const char *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);
    filter *f = NULL;
    varve_error err = {0};
    assert_non_null(copy);
    if (len) memcpy(copy, bytes, len);
    if (filter_parse_where((varve_text){copy, len}, NULL, 0, &f, &err) == VARVE_OK) {
        char *print = print_of(f);
        filter *again = where_of(text_of(print), NULL, 0);
        if (!same_tree(f->root, again->root))
            fail_msg("%.*s\nis printed as\n%s", (int)len, copy, print);
        filter_free(again);
        free(print);
    } else {
        assert_null(f);
        assert_true(strncmp(err.message, "where", 5) == 0 && strlen(err.message) > 10);
    }
    filter_free(f);
    free(copy);
}

static void damage(random_state *random, buffer *text)
{
    static const char marks[] = "()'\"`=<>!,.[]-/*?: \n%0e\x7f";
    size_t at = random_below(random, text->len);
    switch (random_below(random, 3)) {
    case 0: text->data[at] = marks[random_below(random, sizeof marks - 1)]; break;
    case 1: text->len = at; break;
    default: memmove(text->data + at, text->data + at + 1, text->len - at - 1); text->len--;
    }
}

static void damaged_texts(void **state)
{
    (void)state;
    random_state random;
    buffer text;
    random_seed(&random, 7);
    buffer_init(&text, SIZE_MAX, "test");
    for (int i = 0; i < DAMAGED; i++) {
        buffer_clear(&text);
        generate_where(&random, 2, &text);
        damage(&random, &text);
        if (!memchr(text.data, 0, text.len)) try_text(text.data, text.len);
    }
    buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_what_was_meant),
        cmocka_unit_test(damaged_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
