/* analyzer_letters.c — see analyzer_letters.h. Categories, case and composition are utf8proc's. */
#include "field/analyzer_letters.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Marks of this canonical combining class and above stand over, under or on a letter: accents. The
 * ones below (nukta, virama, voicing marks, Hebrew and Arabic vowels) make another letter of it. */
#define ACCENT_CLASS_MIN 200

static bool between(int32_t c, int32_t first, int32_t last) { return c >= first && c <= last; }

/* Scripts written without spaces, whose characters are words or near to it. */
static bool stands_alone(int32_t c)
{
    return c >= 0x3005 && (between(c, 0x3005, 0x3007) || between(c, 0x3041, 0x30ff) ||
                           between(c, 0x31f0, 0x31ff) || between(c, 0x3400, 0x4dbf) ||
                           between(c, 0x4e00, 0x9fff) || between(c, 0xf900, 0xfaff) ||
                           between(c, 0xff66, 0xff9f) || between(c, 0x1aff0, 0x1b16f) ||
                           between(c, 0x20000, 0x3ffff));
}

static letter_kind kind_of(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return stands_alone(c) ? LETTER_ALONE : LETTER_RUN;
    case UTF8PROC_CATEGORY_ND: return LETTER_RUN;
    case UTF8PROC_CATEGORY_NL: return stands_alone(c) ? LETTER_ALONE : LETTER_NONE;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return LETTER_MARK;
    default: return LETTER_NONE;
    }
}

/* By way of upper case, so that all forms of a letter meet: final sigma, long s, the micro sign.
 * Only the dotless i would become another letter. */
static int32_t fold(int32_t c) { return c == 0x131 ? c : utf8proc_tolower(utf8proc_toupper(c)); }

letter_kind letter_read(const char *text, size_t len, int32_t *ret_folded, size_t *ret_bytes)
{
    unsigned char first = (unsigned char)text[0];
    int32_t c = first;
    if (first < 0x80) {
        bool upper = first >= 'A' && first <= 'Z';
        *ret_bytes = 1;
        *ret_folded = upper ? first + 32 : first;
        return upper || between(first, 'a', 'z') || between(first, '0', '9') ? LETTER_RUN
                                                                             : LETTER_NONE;
    }
    utf8proc_ssize_t bytes =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)VV_MIN(len, 4), &c);
    *ret_bytes = bytes > 0 ? (size_t)bytes : 1;
    if (bytes <= 0) return LETTER_NONE;
    letter_kind kind = kind_of(c);
    *ret_folded = kind == LETTER_RUN ? fold(c) : c;
    return kind;
}

size_t letter_write(int32_t c, char *ret)
{
    return (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)ret);
}

/* What stands for a lower-case letter that has no decomposition; NULL: itself. */
static const char *plain_form(int32_t c)
{
    switch (c) {
    case 0xdf: return "ss";
    case 0xe6: return "ae";
    case 0xf0: return "d";
    case 0xf8: return "o";
    case 0xfe: return "th";
    case 0x111: return "d";
    case 0x127: return "h";
    case 0x131: return "i";
    case 0x142: return "l";
    case 0x153: return "oe";
    case 0x167: return "t";
    default: return NULL;
    }
}

static varve_status add_character(int32_t c, buffer *out, varve_error *err)
{
    char bytes[4];
    size_t len = letter_write(c, bytes);
    return buffer_add(out, bytes, len, err);
}

static varve_status add_composed(utf8proc_int32_t *characters, utf8proc_ssize_t count,
                                 bool fold_accents, buffer *out, varve_error *err)
{
    utf8proc_ssize_t kept = 0;
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        int accent = utf8proc_get_property(characters[i])->combining_class;
        if (!fold_accents || accent < ACCENT_CLASS_MIN) characters[kept++] = characters[i];
    }
    kept = utf8proc_normalize_utf32(characters, kept, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    for (utf8proc_ssize_t i = 0; i < kept; i++) {
        const char *plain = fold_accents ? plain_form(characters[i]) : NULL;
        VV_TRY(plain ? buffer_add_text(out, plain, err) : add_character(characters[i], out, err));
    }
    return VARVE_OK;
}

varve_status letters_compose(varve_text text, bool fold_accents, buffer *out, varve_error *err)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text.data;
    utf8proc_ssize_t len = (utf8proc_ssize_t)text.len;
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    utf8proc_ssize_t count = utf8proc_decompose(bytes, len, NULL, 0, options);
    if (count < 0) return buffer_add(out, text.data, text.len, err); /* no UTF-8: as it is */
    VV_CLEANUP(vv_freep)
    utf8proc_int32_t *characters = calloc((size_t)count + 1, sizeof *characters);
    if (!characters) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a token's characters");
    count = utf8proc_decompose(bytes, len, characters, count, options);
    return add_composed(characters, count, fold_accents, out, err);
}
