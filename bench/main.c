/* main.c — varve-bench: scenarios by name, results as JSON lines. See README.md. */
#include "bench.h"

#include "distance/distance.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const scenario *const scenarios[] = {
    &scenario_bandwidth,   &scenario_kernels, &scenario_scan,    &scenario_ingest,
    &scenario_single,      &scenario_http,    &scenario_memory,  &scenario_open,
    &scenario_collections, &scenario_ann,     &scenario_disk,    &scenario_stall,
    &scenario_compact,     &scenario_text,    &scenario_hybrid,  &scenario_filtered};

static int usage(void)
{
    fprintf(stderr, "usage: varve-bench list\n"
                    "       varve-bench NAME [--rows N] [--dim D] [--rounds N] [--seed N]\n"
                    "                        [--dir PATH] [--data FOLDER] [--varve PATH]\n"
                    "                        [--mode MODE] [--type TYPE] [--threads N]\n"
                    "                        [--cache FOLDER] [--limit BYTES] [--no-peer]\n");
    return 2;
}

static int list(void)
{
    for (size_t i = 0; i < VV_COUNT(scenarios); i++)
        printf("%-12s %s\n", scenarios[i]->name, scenarios[i]->line);
    return 0;
}

static bool take_number(const char *text, uint64_t *ret)
{
    char *end;
    *ret = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

static bool read_flags(int argc, char **argv, bench_options *o)
{
    static const struct option longs[] = {
        {"rows", required_argument, NULL, 'r'},    {"dim", required_argument, NULL, 'd'},
        {"rounds", required_argument, NULL, 'n'},  {"seed", required_argument, NULL, 's'},
        {"dir", required_argument, NULL, 'p'},     {"data", required_argument, NULL, 'f'},
        {"varve", required_argument, NULL, 'v'},   {"mode", required_argument, NULL, 'm'},
        {"type", required_argument, NULL, 't'},    {"cache", required_argument, NULL, 'c'},
        {"threads", required_argument, NULL, 'j'}, {"limit", required_argument, NULL, 'l'},
        {"no-peer", no_argument, NULL, 'q'},       {NULL, 0, NULL, 0}};
    uint64_t n = 0;
    int key;
    while ((key = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
        if (key == '?' || (strchr("rdnsjl", key) && !take_number(optarg, &n))) return false;
        if (key == 'r') o->rows = n;
        if (key == 'd') o->dim = (size_t)n;
        if (key == 'n') o->rounds = (size_t)VV_MAX(n, 1);
        if (key == 's') o->seed = n;
        if (key == 'j') o->threads = (size_t)VV_MAX(n, 1);
        if (key == 'l') o->limit_bytes = n;
        if (key == 'p') o->dir = optarg;
        if (key == 'f') o->data = optarg;
        if (key == 'v') o->varve = optarg;
        if (key == 'm') o->mode = optarg;
        if (key == 't') o->type = optarg;
        if (key == 'c') o->cache = optarg;
        if (key == 'q') o->no_peer = true;
    }
    return optind == argc;
}

/* The varve command lies beside or above this one: build/bench/varve-bench, build/varve. */
static const char *find_varve(const char *self)
{
    static char path[512];
    const char *slash = strrchr(self, '/');
    int n = slash ? (int)(slash - self) : 1;
    snprintf(path, sizeof path, "%.*s/../varve", n, slash ? self : ".");
    return path;
}

/* Which machine the figures are of. */
static void describe_machine(void)
{
    char model[128] = "unknown processor", line[256];
    struct utsname system = {0};
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %127[^\n]", model) == 1) break;
    if (f) fclose(f);
    uname(&system);
    result("machine", (double)processors(), "processors", 0, NULL, "%s, %s kernels, %s %s", model,
           distance_isa(), system.sysname, system.release);
}

int main(int argc, char **argv)
{
    bench_options o = {
        .rounds = 3, .seed = 1, .threads = 1, .dir = "/tmp", .varve = find_varve(argv[0])};
    varve_error err = {0};
    if (argc < 2) return usage();
    if (strcmp(argv[1], "list") == 0) return list();
    for (size_t i = 0; i < VV_COUNT(scenarios); i++) {
        if (strcmp(argv[1], scenarios[i]->name) != 0) continue;
        if (!read_flags(argc - 1, argv + 1, &o)) return usage();
        describe_machine();
        if (scenarios[i]->run(&o, &err) == VARVE_OK) return 0;
        fprintf(stderr, "varve-bench %s: %s\n", argv[1], err.message);
        return 1;
    }
    return usage();
}
