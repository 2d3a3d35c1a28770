/* filter_regex.cc — RE2 behind a C face: linear in the text, memory bounded, silent. */
#include "filter/filter_regex.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <re2/re2.h>

struct filter_regex {
    RE2 expression;
    filter_regex *next;

    filter_regex(re2::StringPiece pattern, const RE2::Options &options, filter_regex *behind)
        : expression(pattern, options), next(behind)
    {
    }
};

static re2::StringPiece piece(varve_text text) { return {text.data ? text.data : "", text.len}; }

static void tell(const std::string &reason, char ret[REGEX_REASON_BYTES])
{
    size_t len = std::min<size_t>(reason.size(), REGEX_REASON_BYTES - 1);
    memcpy(ret, reason.data(), len);
    ret[len] = '\0';
}

static RE2::Options options_of_filters()
{
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(REGEX_BYTES_MAX);
    return options;
}

/* Only memory can make RE2 and the standard library throw. */
regex_outcome filter_regex_new(varve_text pattern, filter_regex *next, filter_regex **ret,
                               char ret_reason[REGEX_REASON_BYTES])
try {
    filter_regex *made = new filter_regex(piece(pattern), options_of_filters(), next);
    if (!made->expression.ok()) {
        tell(made->expression.error(), ret_reason);
        delete made;
        return REGEX_BAD;
    }
    *ret = made;
    return REGEX_OK;
} catch (...) {
    return REGEX_NO_MEMORY;
}

void filter_regex_free(filter_regex *list)
{
    while (list) {
        filter_regex *next = list->next;
        delete list;
        list = next;
    }
}

/* The automaton is made on the way; without memory for it nothing is found. */
bool filter_regex_found(const filter_regex *regex, varve_text text)
try {
    re2::StringPiece whole = piece(text);
    return regex->expression.Match(whole, 0, whole.size(), RE2::UNANCHORED, nullptr, 0);
} catch (...) {
    return false;
}
