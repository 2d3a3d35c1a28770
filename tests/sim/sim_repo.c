/* sim_repo.c — many simulated worlds, one per seed; see sim.h.
 *
 *   sim_repo [--seeds N] [--first N] [--break RULE]     every seed; a violation prints its own
 *   sim_repo --seed N [--break RULE]                    that one, step by step
 *   sim_repo --find RULE [--seeds N]                    the rule is broken: a seed must find it */
#include "base/clock.h"
#include "base/file.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static const char *const breaks[] = {
#define X(name, word) [BREAK_##name] = word,
    SIM_BREAK_TABLE(X)
#undef X
};

typedef struct arguments {
    uint64_t first, seeds;
    sim_break broken;
    bool one, find;
} arguments;

static int usage(void)
{
    fprintf(stderr, "sim_repo [--seeds N] [--first N] [--seed N] [--break RULE] [--find RULE]\n");
    return 2;
}

static bool parse_break(const char *word, sim_break *ret)
{
    for (size_t i = 0; i < SIM_BREAK_COUNT; i++) {
        if (strcmp(word, breaks[i]) != 0) continue;
        *ret = (sim_break)i;
        return true;
    }
    return false;
}

static bool parse(int argc, char **argv, arguments *a)
{
    *a = (arguments){.first = 1, .seeds = 1000};
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0)
            a->seeds = number;
        else if (strcmp(argv[i], "--first") == 0)
            a->first = number;
        else if (strcmp(argv[i], "--seed") == 0)
            a->first = number, a->seeds = 1, a->one = true;
        else if (strcmp(argv[i], "--break") == 0 || strcmp(argv[i], "--find") == 0)
            a->find = strcmp(argv[i], "--find") == 0;
        else
            return false;
        bool rule = strcmp(argv[i], "--break") == 0 || strcmp(argv[i], "--find") == 0;
        if (rule && !parse_break(argv[i + 1], &a->broken)) return false;
    }
    return argc % 2 == 1;
}

/* false: something was violated. */
static bool run_seed(const arguments *a, uint64_t seed, const char *folder, sim_counts *counts)
{
    sim w;
    sim_init(&w, seed, a->broken, folder, counts);
    w.trace = a->one;
    sim_run(&w);
    bool fine = w.violation[0] == 0;
    if (!fine)
        printf("seed %llu (sim_repo --seed %llu --break %s): %s\n", (unsigned long long)seed,
               (unsigned long long)seed, breaks[a->broken], w.violation);
    sim_done(&w);
    return fine;
}

static void print_counts(const sim_counts *c, uint64_t seeds, double seconds)
{
    printf("%llu seeds, %llu steps, %.1f s: %llu backups (%llu failed), %llu collections (%llu "
           "failed), %llu restores (%llu failed)\n",
           (unsigned long long)seeds, (unsigned long long)c->steps, seconds,
           (unsigned long long)c->backups, (unsigned long long)c->backups_failed,
           (unsigned long long)c->prunes, (unsigned long long)c->prunes_failed,
           (unsigned long long)c->restores, (unsigned long long)c->restores_failed);
    printf("%llu crashes, %llu requests that outlived their caller, %llu takeovers, %llu manifests "
           "and %llu blobs deleted, %llu blobs under a new generation\n",
           (unsigned long long)c->crashes, (unsigned long long)c->ghosts,
           (unsigned long long)c->takeovers, (unsigned long long)c->manifests_deleted,
           (unsigned long long)c->blobs_deleted, (unsigned long long)c->generations);
}

static int run_all(const arguments *a, const char *folder)
{
    sim_counts counts = {0};
    uint64_t begin = clock_now_ns(), bad = 0, done = 0;
    sim_make_versions(folder);
    for (; done < a->seeds && !(a->find && bad); done++)
        bad += !run_seed(a, a->first + done, folder, &counts);
    print_counts(&counts, done, (double)(clock_now_ns() - begin) / 1e9);
    if (a->find) printf("'%s' broken: %s\n", breaks[a->broken], bad ? "found" : "NOT FOUND");
    return a->find ? bad == 0 : bad != 0;
}

int main(int argc, char **argv)
{
    arguments a;
    uint64_t room = 0;
    char folder[256];
    if (!parse(argc, argv, &a)) return usage();
    bool memory = file_free_space("/dev/shm", &room, NULL) == VARVE_OK && room > 64 << 20;
    snprintf(folder, sizeof folder, "%s/varve-sim-XXXXXX", memory ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return 1;
    int result = run_all(&a, folder);
    if (file_remove_tree(folder, NULL) != VARVE_OK) return 1;
    return result;
}
