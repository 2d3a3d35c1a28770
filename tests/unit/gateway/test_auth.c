/* test_auth.c — which headers carry the key. */
#include "auth.h"

#include "gateway_unit.h"

static void test_table(void **state)
{
    static const struct {
        const char *key, *header;
        bool passes;
    } cases[] = {
        {"", NULL, true},
        {"", "Bearer anything", true},
        {"secret", NULL, false},
        {"secret", "", false},
        {"secret", "Bearer secret", true},
        {"secret", "Bearer secre", false},
        {"secret", "Bearer secretx", false},
        {"secret", "Bearer  secret", false},
        {"secret", "Bearer secret ", false},
        {"secret", "bearer secret", false},
        {"secret", "Bearer", false},
        {"secret", "Bearer ", false},
        {"secret", "secret", false},
        {"secret", "Basic dXNlcjpzZWNyZXQ=", true},      /* user:secret */
        {"secret", "Basic dXNlcjpzZWNyZXQ", true},       /* no padding */
        {"secret", "Basic OnNlY3JldA==", true},          /* :secret */
        {"secret", "Basic c2VjcmV0", false},             /* secret, no colon */
        {"secret", "Basic dXNlcjpzZWNyZXR4", false},     /* user:secretx */
        {"secret", "Basic dXNlcjp4OnNlY3JldA==", false}, /* user:x:secret */
        {"x:secret", "Basic dXNlcjp4OnNlY3JldA==", true},
        {"secret", "Basic dXNlcjpzZWNyZXQ===", false},
        {"secret", "Basic dXNlcjpzZWNyZXQ=a", false},
        {"secret", "Basic dXNl cjpzZWNyZXQ=", false},
        {"secret", "Basic ", false},
        {"secret", "Basic", false},
        {"secret", "Digest dXNlcjpzZWNyZXQ=", false},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        if (auth_passes(cases[i].key, cases[i].header) != cases[i].passes)
            fail_msg("key '%s', header '%s'", cases[i].key, cases[i].header);
    }
}

static void test_too_long_a_pair_is_refused(void **state)
{
    char header[8192] = "Basic ";
    (void)state;
    memset(header + 6, 'A', sizeof header - 7);
    header[sizeof header - 1] = '\0';
    assert_false(auth_passes("secret", header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_too_long_a_pair_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
