/* standalone_fuzz_main.c — runs a fuzz target without libFuzzer, so that every compiler's build
 * exercises it: first each file of the corpus folders given, then inputs of a pseudo-random
 * sequence for some seconds.
 *
 *     fuzz_x [-seconds=N] [-seed=N] [FILE | FOLDER]...
 *
 * The sequence depends on the seed alone. An input that ends the process is left in crash-<pid>. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES_MAX 65536
#define POOL_INPUTS_MAX 256
#define MUTATIONS_MAX   6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
    __attribute__((weak));
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

typedef struct input {
    uint8_t *bytes;
    size_t size;
} input;

static input pool[POOL_INPUTS_MAX]; /* the corpus, then a ring of inputs that were made here */
static size_t pool_count, corpus_count, made_count;
static uint8_t current[INPUT_BYTES_MAX];
static size_t current_size;
static uint64_t random_state;
static char crash_name[64];

/* ---- random numbers ------------------------------------------------------------------------ */

static uint64_t next_random(void) /* splitmix64 */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(size_t n) { return n ? (size_t)(next_random() % n) : 0; }

/* ---- mutations: each changes data in place and returns its new size ------------------------- */

static size_t insert_bytes(uint8_t *data, size_t size, size_t max_size)
{
    size_t at = below(size + 1), len = 1 + below(8);
    uint8_t same = (uint8_t)next_random();
    bool repeated = below(2);
    if (size + len > max_size) return size;
    memmove(data + at + len, data + at, size - at);
    for (size_t i = 0; i < len; i++)
        data[at + i] = repeated ? same : (uint8_t)next_random();
    return size + len;
}

static size_t erase_bytes(uint8_t *data, size_t size)
{
    size_t at = below(size), len = 1 + below(size - at < 16 ? size - at : 16);
    memmove(data + at, data + at + len, size - at - len);
    return size - len;
}

static void copy_within(uint8_t *data, size_t size)
{
    size_t from = below(size), to = below(size);
    size_t room = size - (from > to ? from : to);
    memmove(data + to, data + from, 1 + below(room));
}

/* Numbers at the edges of their types, where lengths and counts go wrong. */
static void set_number(uint8_t *data, size_t size)
{
    static const uint64_t edges[] = {0,      1,          0x7f,       0x80,         0xff,
                                     0xffff, 0x7fffffff, 0xffffffff, (uint64_t)-1, 1ull << 63};
    static const size_t widths[] = {1, 2, 4, 8};
    size_t width = widths[below(4)];
    uint64_t number = edges[below(sizeof edges / sizeof *edges)] + below(3) - 1;
    if (width <= size) memcpy(data + below(size - width + 1), &number, width);
}

/* Characters that mean something to parsers of text. */
static void set_mark(uint8_t *data, size_t size)
{
    static const char marks[] = "{}[]\"\\,:%&=+-.0123456789eEnulltrue \r\n\t/;";
    data[below(size)] = (uint8_t)marks[below(sizeof marks - 1)];
}

static size_t take_over(uint8_t *data, size_t size, size_t max_size)
{
    const input *other = pool_count ? &pool[below(pool_count)] : NULL;
    size_t at = below(size + 1), from, len;
    if (!other || other->size == 0) return size;
    from = below(other->size);
    len = other->size - from;
    if (len > max_size - at) len = max_size - at;
    memcpy(data + at, other->bytes + from, len);
    return at + len > size ? at + len : size;
}

static size_t mutate_once(uint8_t *data, size_t size, size_t max_size)
{
    if (size == 0) return insert_bytes(data, size, max_size);
    switch (below(8)) {
    case 0: data[below(size)] ^= (uint8_t)(1u << below(8)); return size;
    case 1: data[below(size)] = (uint8_t)next_random(); return size;
    case 2: return insert_bytes(data, size, max_size);
    case 3: return erase_bytes(data, size);
    case 4: copy_within(data, size); return size;
    case 5: set_number(data, size); return size;
    case 6: set_mark(data, size); return size;
    default: return take_over(data, size, max_size);
    }
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    for (size_t n = 1 + below(MUTATIONS_MAX); n > 0; n--)
        size = mutate_once(data, size, max_size);
    return size;
}

/* ---- running ------------------------------------------------------------------------------- */

static void save_current(void)
{
    static const char text[] = "the input that ended the process is in crash-<pid>\n";
    int fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return;
    if (write(fd, current, current_size) == (ssize_t)current_size &&
        write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
    (void)close(fd);
}

static void on_signal(int number)
{
    save_current();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* A sanitizer has its own handlers, and ends the process without a signal. */
static void watch_for_crashes(void)
{
    static const int fatal[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    (void)snprintf(crash_name, sizeof crash_name, "crash-%d", (int)getpid());
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(save_current);
        return;
    }
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        (void)signal(fatal[i], on_signal);
}

/* The target gets a copy of exactly its size, so that a sanitizer sees a read past the end. */
static void run_current(void)
{
    uint8_t *copy = malloc(current_size ? current_size : 1);
    if (!copy) abort();
    memcpy(copy, current, current_size);
    (void)LLVMFuzzerTestOneInput(copy, current_size);
    free(copy);
}

static void keep_current(size_t place)
{
    uint8_t *bytes = malloc(current_size ? current_size : 1);
    if (!bytes) abort();
    memcpy(bytes, current, current_size);
    free(pool[place].bytes);
    pool[place] = (input){bytes, current_size};
    if (place == pool_count) pool_count++;
}

static void keep_made(void)
{
    keep_current(corpus_count + made_count++ % (POOL_INPUTS_MAX - corpus_count));
}

static size_t run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    current_size = fread(current, 1, sizeof current, f);
    (void)fclose(f);
    run_current();
    if (corpus_count < POOL_INPUTS_MAX / 2) keep_current(corpus_count++);
    return 1;
}

/* A file, or the files of a folder; the number of them. */
static size_t run_path(const char *path)
{
    char file[4096];
    struct stat st;
    size_t count = 0;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return run_file(path);
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' &&
            snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name) < (int)sizeof file)
            count += run_file(file);
        free(names[i]);
    }
    if (n >= 0) free(names);
    return count;
}

static void next_input(void)
{
    const input *start = below(8) && pool_count ? &pool[below(pool_count)] : NULL;
    current_size = start ? start->size : 0;
    if (start) memcpy(current, start->bytes, start->size);
    current_size = LLVMFuzzerCustomMutator
                       ? LLVMFuzzerCustomMutator(current, current_size, sizeof current,
                                                 (unsigned)next_random())
                       : LLVMFuzzerMutate(current, current_size, sizeof current);
}

static uint64_t run_for(double seconds)
{
    struct timespec from, now;
    uint64_t runs = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        next_input();
        run_current();
        if (below(16) == 0) keep_made();
        runs++;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9 <
             seconds);
    return runs;
}

int main(int argc, char **argv)
{
    double seconds = 2;
    unsigned long long seed = 1;
    size_t files = 0;
    watch_for_crashes();
    if (LLVMFuzzerInitialize) LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-seconds=", 9) == 0)
            seconds = strtod(argv[i] + 9, NULL);
        else if (strncmp(argv[i], "-seed=", 6) == 0)
            seed = strtoull(argv[i] + 6, NULL, 10);
        else
            files += run_path(argv[i]);
    }
    random_state = seed;
    uint64_t runs = seconds > 0 ? run_for(seconds) : 0;
    printf("%zu files of the corpus, %llu inputs of seed %llu\n", files, (unsigned long long)runs,
           seed);
    for (size_t i = 0; i < pool_count; i++)
        free(pool[i].bytes);
    return 0;
}
