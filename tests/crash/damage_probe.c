/* damage_probe.c — one process of the damage test: makes the folder, or looks at a damaged one.
 *
 *   damage_probe build FOLDER clean|unclean   end with a close, or as a killed process ends
 *   damage_probe check FOLDER                 one line for each look, in this order:
 *
 *     fsck  sound | found <n>: <first finding> | refused <error>
 *     open  intact | refused <call>: <error> | WRONG <difference>
 *     again the same after that open and close, if it was intact
 *
 * Exit code: 0 whatever was found; a crash is what the caller looks for. */
#include "damage_scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void look_with_fsck(const char *path, const char *look)
{
    varve_report *r = NULL;
    varve_error err = {0};
    if (varve_fsck(path, &r, &err) != VARVE_OK) {
        printf("%s refused %s\n", look, err.message);
    } else if (varve_report_count(r) == 0) {
        printf("%s sound\n", look);
    } else {
        printf("%s found %zu: %s\n", look, varve_report_count(r), varve_report_line(r, 0));
    }
    varve_report_free(r);
    fflush(stdout);
}

static bool look_by_reading(const char *path, const char *look)
{
    static const char *const words[] = {"intact", "refused", "WRONG"};
    char why[SCENE_WHY_BYTES] = "";
    scene_verdict verdict = scene_check(path, why);
    printf("%s %s %s\n", look, words[verdict], why);
    fflush(stdout);
    return verdict == SCENE_INTACT;
}

static int check(const char *path)
{
    look_with_fsck(path, "fsck");
    if (!look_by_reading(path, "open")) return 0;
    look_with_fsck(path, "fsck-again");
    look_by_reading(path, "again");
    return 0;
}

int main(int argc, char **argv)
{
    alarm(60); /* never hang */
    if (argc == 3 && strcmp(argv[1], "check") == 0) return check(argv[2]);
    if (argc != 4 || strcmp(argv[1], "build") != 0) return 2;
    bool clean = strcmp(argv[3], "clean") == 0;
    scene_build(argv[2], clean);
    if (!clean) (void)kill(getpid(), SIGKILL);
    return 0;
}
