/* verb.c — see verb.h. */
#include "verb.h"

#include <stdio.h>
#include <string.h>

static bool may_follow(const flag *f) { return f->value && strncmp(f->value, "[=", 2) == 0; }

void flags_start(flag_reader *r, const verb *v, int argc, char **argv)
{
    size_t longs = 0, shorts = 0;
    *r = (flag_reader){.verb = v, .argc = argc, .argv = argv};
    r->shorts[shorts++] = ':'; /* a missing value is told from an unknown flag */
    for (const flag *f = v->flags; f->name && longs < FLAGS_MAX - 1; f++) {
        int takes = !f->value ? no_argument : may_follow(f) ? optional_argument : required_argument;
        r->longs[longs++] = (struct option){f->name, takes, NULL, f->key};
        if (f->key >= FLAG_API_KEY) continue;
        r->shorts[shorts++] = (char)f->key;
        if (f->value) r->shorts[shorts++] = ':';
    }
    optind = 0; /* glibc: begin anew */
    opterr = 0;
}

int flags_next(flag_reader *r, const char **ret_value)
{
    int key = getopt_long(r->argc, r->argv, r->shorts, r->longs, NULL);
    if (key == ':') {
        verb_usage(r->verb, "%s needs a value", r->argv[optind - 1]);
        return FLAG_BAD;
    }
    if (key == '?') {
        verb_usage(r->verb, "there is no flag %s", r->argv[optind - 1]);
        return FLAG_BAD;
    }
    *ret_value = optarg;
    return key;
}

int flags_rest(void) { return optind; }

int verb_fail(const verb *v, const varve_error *err)
{
    fprintf(stderr, "varve %s: %s\n", v->name, err->message);
    return VERB_FAILED;
}

int verb_usage(const verb *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "varve %s: ", v->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; see 'varve help %s'\n", v->name);
    va_end(args);
    return VERB_USAGE;
}

void verb_help(const verb *v)
{
    printf("varve %s %s\n\n%s.\n", v->name, v->usage, v->line);
    if (v->more) printf("\n%s\n", v->more);
    if (v->flags->name) printf("\n");
    for (const flag *f = v->flags; f->name; f++) {
        char left[64], letter[8] = "    ";
        if (f->key < FLAG_API_KEY) snprintf(letter, sizeof letter, "-%c, ", f->key);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, f->name,
                 f->value && !may_follow(f) ? " " : "", f->value ? f->value : "");
        printf("  %-30s %s\n", left, f->help);
    }
}

int verb_run_action(const verb *v, int argc, char **argv)
{
    if (argc < 2) return verb_usage(v, "name one of %s", v->usage);
    return verb_usage(v, "there is no '%s'", argv[1]);
}
