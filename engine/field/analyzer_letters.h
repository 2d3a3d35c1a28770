/* analyzer_letters.h — inner to the analyzer: what a character is, and its lower case.
 * Threads  stateless. */
#ifndef VARVE_FIELD_ANALYZER_LETTERS_H
#define VARVE_FIELD_ANALYZER_LETTERS_H

#include "base/buffer.h"

typedef enum letter_kind {
    LETTER_NONE, /* between tokens */
    LETTER_RUN,  /* a letter or digit: part of a run */
    LETTER_MARK, /* continues what is before it, begins nothing */
    LETTER_ALONE /* an ideograph or kana: a token of its own */
} letter_kind;

/* The character at text, of len > 0 bytes: its kind, its code point by simple case folding, and how
 * many bytes it takes. Bytes that are no UTF-8 are LETTER_NONE, one at a time. */
letter_kind letter_read(const char *text, size_t len, int32_t *ret_folded, size_t *ret_bytes);

/* A code point as UTF-8, of at most 4 bytes; how many. */
size_t letter_write(int32_t c, char *ret);

/* Rewrite characters (UTF-8) in composed form (NFC), without accents where asked: the marks that
 * stand above or below a letter, and the strokes and ligatures of Latin that have no mark (ø, æ).
 * Appended to out. */
VV_CHECKED varve_status letters_compose(varve_text text, bool fold_accents, buffer *out,
                                        varve_error *err);

#endif
