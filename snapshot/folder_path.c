/* folder_path.c — see folder_path.h. */
#include "folder_path.h"

#include <string.h>

static const char *const words[] = {
#define X(name, word) [ROLE_##name] = word,
    FILE_ROLE_TABLE(X)
#undef X
};

const char *folder_path_role_word(file_role role) { return words[role]; }

static bool take(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0) return false;
    *at += len;
    return true;
}

/* Digits alone: at least `min`, no more than 19. */
static bool take_digits(const char **at, size_t min, uint64_t *ret)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; n < 19 && (*at)[n] >= '0' && (*at)[n] <= '9'; n++)
        value = value * 10 + (uint64_t)((*at)[n] - '0');
    if (n < min || ((*at)[n] >= '0' && (*at)[n] <= '9')) return false;
    *at += n;
    *ret = value;
    return true;
}

/* As written by us: no leading zeros. */
static bool take_number(const char **at, uint64_t max, uint64_t *ret)
{
    const char *from = *at;
    if (!take_digits(at, 1, ret) || *ret > max) return false;
    return from[0] != '0' || *at == from + 1;
}

static bool parse_rocks(const char *at, file_role *ret)
{
    uint64_t number;
    *ret = ROLE_CURRENT;
    if (strcmp(at, "CURRENT") == 0) return true;
    *ret = ROLE_CONFIG;
    if (strcmp(at, "IDENTITY") == 0 || strcmp(at, "GUARD") == 0) return true;
    *ret = ROLE_MANIFEST;
    if (take(&at, "MANIFEST-")) return take_digits(&at, 6, &number) && !*at;
    *ret = ROLE_OPTIONS;
    if (take(&at, "OPTIONS-")) return take_digits(&at, 6, &number) && !*at;
    if (!take_digits(&at, 6, &number)) return false;
    *ret = strcmp(at, ".log") == 0 ? ROLE_WAL : ROLE_SST;
    return *ret == ROLE_WAL || strcmp(at, ".sst") == 0;
}

static bool parse_segment(const char *at, file_role *ret, uint32_t *ret_collection)
{
    uint64_t collection, number;
    if (!take_number(&at, UINT32_MAX, &collection) || !take(&at, "/") ||
        !take_number(&at, INT64_MAX, &number) || !take(&at, "."))
        return false;
    *ret_collection = (uint32_t)collection;
    *ret = ROLE_SEGMENT;
    if (strcmp(at, "seg") == 0) return true;
    *ret = ROLE_INDEX;
    return take_number(&at, UINT32_MAX, &number) && take(&at, ".") &&
           take_number(&at, UINT32_MAX, &number) && strcmp(at, ".idx") == 0;
}

static bool parse(const char *path, file_role *role, uint32_t *collection)
{
    const char *at = path;
    *role = ROLE_CONFIG;
    if (strlen(path) >= FOLDER_PATH_MAX) return false;
    if (strcmp(path, "FORMAT") == 0 || strcmp(path, "ACKED") == 0) return true;
    if (take(&at, "rocks/")) return parse_rocks(at, role);
    return take(&at, "segments/") && parse_segment(at, role, collection);
}

bool folder_path_parse(const char *path, file_role *ret_role, uint32_t *ret_collection)
{
    file_role role;
    uint32_t collection = 0;
    if (!parse(path, &role, &collection)) return false;
    *ret_role = role;
    *ret_collection = collection;
    return true;
}

bool folder_path_passed_over(const char *path)
{
    static const char *const whole[] = {"LOCK", "work", "compactor.sock", "rocks/LOCK",
                                        "rocks/LOG"};
    for (size_t i = 0; i < VV_COUNT(whole); i++)
        if (strcmp(path, whole[i]) == 0) return true;
    return strncmp(path, "rocks/LOG.old.", strlen("rocks/LOG.old.")) == 0;
}
