/* doctor.h — what `varve doctor` looks at, one line each: is it well, does it need a look, is it
 * wrong? Looking changes nothing.
 * Ownership  none; texts are copied.   Threads  one.   Errors  none: what fails is a line. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "repository.h"

#define DOCTOR_LINES_MAX 64
#define DOCTOR_PORT      7637 /* of a server, unless it is told otherwise */

typedef enum doctor_state { DOCTOR_WELL, DOCTOR_LOOK, DOCTOR_WRONG } doctor_state;

typedef struct doctor_line {
    const char *what; /* "permissions" */
    doctor_state state;
    char text[600];
} doctor_line;

typedef struct doctor {
    doctor_line lines[DOCTOR_LINES_MAX];
    size_t count;
    uint64_t sequence; /* of the folder; 0: not known */
} doctor;

void doctor_say(doctor *d, const char *what, doctor_state state, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *doctor_state_word(doctor_state state);
bool doctor_is_well(const doctor *d); /* nothing is wrong */

/* Is it there, whose is it, does it open, what is in it, is there room? false: there is no such
 * folder. */
bool doctor_look_at_folder(doctor *d, const char *folder, uint64_t port);
/* Its backups: identity, last drill; and the repository, if one was named. */
void doctor_look_at_backups(doctor *d, const repository_flags *f);
void doctor_look_at_server(doctor *d, const char *url, const char *api_key);

#endif
