/* analyzer.h — from text to tokens: maximal runs of Unicode letters, marks and digits (by
 * utf8proc's categories), lower case by simple folding; then, where asked, accents removed, stop
 * words dropped, stems by Snowball (libstemmer), in this order. Ideographs and kana are a token
 * each. A mark continues a run and begins none; a run with marks is composed (NFC), so that both
 * spellings of an accented letter are one token.
 *
 * Accents are the marks above, below or on a letter (combining class 200 and up) and the strokes
 * and ligatures of Latin (ø, ł, đ, ß, æ, œ); lists of stop words are folded alike.
 *
 * Ownership  an analyzer owns its stemmer; tokens live until the next call. Threads  one at a time
 * per analyzer. Errors  VARVE_INVALID for a language without stems, or without stop words where
 * they are asked for; VARVE_LIMIT for a text that is too long. */
#ifndef VARVE_FIELD_ANALYZER_H
#define VARVE_FIELD_ANALYZER_H

#include "base/buffer.h"

#define ANALYZER_TOKEN_BYTES    255 /* longer runs are cut, at a character; the rest is dropped */
#define ANALYZER_TEXT_BYTES_MAX 1073741824u

/* How a collection's texts are taken apart; kept in its schema and in every text index. All zero:
 * the default: no stems, no stop words, accents kept. */
typedef struct text_options {
    char language[16]; /* of stems and stop words: "english", …; "": neither */
    bool stem, stop_words, fold_accents;
} text_options;

typedef struct analyzer analyzer;
VV_CHECKED varve_status analyzer_new(const text_options *options, analyzer **ret, varve_error *err);
void analyzer_free(analyzer *a);
void analyzer_freep(analyzer **a);

typedef struct token {
    varve_text text;
    uint32_t position;   /* counts tokens, dropped ones too */
    uint32_t begin, end; /* bytes of the source */
} token;
/* All tokens of text, in order. */
VV_CHECKED varve_status analyzer_run(analyzer *a, varve_text text, const token **ret,
                                     size_t *ret_count, varve_error *err);

#endif
