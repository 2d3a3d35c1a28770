/* analyzer_stop_words.h — inner to the analyzer: lists of stop words, compiled in.
 * Ownership  constants. Threads  any. */
#ifndef VARVE_FIELD_ANALYZER_STOP_WORDS_H
#define VARVE_FIELD_ANALYZER_STOP_WORDS_H

#include "base/status.h"

/* The words of a language in lower case, one space between them; NULL: no list for it. */
const char *analyzer_stop_words(const char *language);

#endif
