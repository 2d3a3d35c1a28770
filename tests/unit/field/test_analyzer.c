/* test_analyzer.c — what texts are taken apart into. */
#include "field/analyzer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The tokens of text, joined with '|'. */
static void expect(const text_options *options, const char *text, const char *expected)
{
    VV_CLEANUP(analyzer_freep) analyzer *a = NULL;
    char joined[4096] = "";
    size_t len = 0, count;
    const token *tokens;
    assert_int_equal(analyzer_new(options, &a, NULL), VARVE_OK);
    assert_int_equal(analyzer_run(a, (varve_text){text, strlen(text)}, &tokens, &count, NULL),
                     VARVE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true(len + tokens[i].text.len + 2 < sizeof joined);
        if (i) joined[len++] = '|';
        memcpy(joined + len, tokens[i].text.data, tokens[i].text.len);
        len += tokens[i].text.len;
    }
    joined[len] = 0;
    assert_string_equal(joined, expected);
}

static void runs_of_letters_and_digits(void **state)
{
    (void)state;
    const text_options o = {0};
    expect(&o, "", "");
    expect(&o, " .,;-\n", "");
    expect(&o, "Hello, World!", "hello|world");
    expect(&o, "don't x86_64 C++ 3.14", "don|t|x86|64|c|3|14");
    expect(&o, "ÄÖÜ Straße ΣΊΣΥΦΟΣ Ёлка", "äöü|straße|σίσυφοσ|ёлка");
    expect(&o, "ſun µm ﬁ \u0130stanbul \u0131", "sun|μm|ﬁ|istanbul|\u0131");
    expect(&o, "हिन्दी नमस्ते", "हिन्दी|नमस्ते");
    expect(&o, "٣٤ ½ ²", "٣٤");
    expect(&o, "\u2764\ufe0f a\u200bb", "a|b");
}

static void ideographs_stand_alone(void **state)
{
    (void)state;
    const text_options o = {0};
    expect(&o, "東京tower2", "東|京|tower2");
    expect(&o, "カメラと", "カ|メ|ラ|と");
    expect(&o, "か\u3099", "が");
    expect(&o, "한국어 x", "한국어|x");
    expect(&o, "𠀀𠀁", "𠀀|𠀁");
}

static void both_spellings_of_an_accent_meet(void **state)
{
    (void)state;
    const text_options kept = {0}, folded = {.fold_accents = true};
    expect(&kept, "caf\u00e9 cafe\u0301", "caf\u00e9|caf\u00e9");
    expect(&folded, "caf\u00e9 cafe\u0301 CAFÉ", "cafe|cafe|cafe");
    expect(&folded, "Øre Łódź Straße Æther œuvre ñ", "ore|lodz|strasse|aether|oeuvre|n");
    expect(&folded, "हिन्दी が 한국", "हिन्दी|が|한국");
    expect(&folded, "x\u0301 \u0301", "x");
}

static void stems_and_stop_words(void **state)
{
    (void)state;
    const text_options stems = {.language = "english", .stem = true};
    const text_options stops = {.language = "english", .stop_words = true};
    const text_options both = {.language = "english", .stop_words = true, .stem = true};
    const text_options french = {.language = "french", .stop_words = true};
    const text_options folded = {.language = "french", .stop_words = true, .fold_accents = true};
    const text_options german = {.language = "german", .stop_words = true, .stem = true};
    expect(&stems, "the Running dogs ran", "the|run|dog|ran");
    expect(&stops, "The cat AND the dogs", "cat|dogs");
    expect(&both, "The cat AND the dogs", "cat|dog");
    expect(&french, "l'été est là même eux", "là");
    expect(&folded, "meme même MÊME chat", "chat");
    expect(&german, "Die Häuser über den Bäumen", "haus|baum");
}

static void positions_and_places(void **state)
{
    (void)state;
    const text_options o = {.language = "english", .stop_words = true};
    static const char text[] = "the Cat é is  here";
    VV_CLEANUP(analyzer_freep) analyzer *a = NULL;
    const token *t;
    size_t count;
    assert_int_equal(analyzer_new(&o, &a, NULL), VARVE_OK);
    assert_int_equal(analyzer_run(a, (varve_text){text, strlen(text)}, &t, &count, NULL), VARVE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(t[0].position, 1);
    assert_int_equal(t[0].begin, 4);
    assert_int_equal(t[0].end, 7);
    assert_int_equal(t[1].position, 2);
    assert_int_equal(t[1].begin, 8);
    assert_int_equal(t[1].end, 10);
}

static void long_runs_are_cut(void **state)
{
    (void)state;
    const text_options o = {0};
    static char text[8003];
    VV_CLEANUP(analyzer_freep) analyzer *a = NULL;
    const token *t;
    size_t count;
    for (size_t i = 0; i < 8000; i += 2)
        memcpy(text + i, "é", 2);
    memcpy(text + 8000, " b", 2);
    assert_int_equal(analyzer_new(&o, &a, NULL), VARVE_OK);
    assert_int_equal(analyzer_run(a, (varve_text){text, 8002}, &t, &count, NULL), VARVE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(t[0].text.len, ANALYZER_TOKEN_BYTES - 1);
    assert_memory_equal(t[0].text.data, text, ANALYZER_TOKEN_BYTES - 1);
    assert_int_equal(t[0].end, 8000);
    assert_memory_equal(t[1].text.data, "b", 1);
    assert_int_equal(analyzer_run(a, (varve_text){text + 1, 8001}, &t, &count, NULL), VARVE_OK);
    assert_int_equal(count, 2); /* a byte that is no UTF-8 is passed over */
}

static void options_are_checked(void **state)
{
    (void)state;
    analyzer *a = NULL;
    varve_error err;
    const text_options bad[] = {{.language = "klingon", .stem = true},
                                {.language = "klingon"},
                                {.stem = true},
                                {.stop_words = true},
                                {.language = "porter", .stop_words = true}};
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        assert_int_equal(analyzer_new(&bad[i], &a, &err), VARVE_INVALID);
    assert_null(a);
    text_options long_name = {{0}, 0, 0, 0};
    memset(long_name.language, 'x', sizeof long_name.language);
    assert_int_equal(analyzer_new(&long_name, &a, &err), VARVE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_letters_and_digits),
        cmocka_unit_test(ideographs_stand_alone),
        cmocka_unit_test(both_spellings_of_an_accent_meet),
        cmocka_unit_test(stems_and_stop_words),
        cmocka_unit_test(positions_and_places),
        cmocka_unit_test(long_runs_are_cut),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
