/* doctor.c — see doctor.h: the lines. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_say(doctor *d, const char *what, doctor_state state, const char *format, ...)
{
    va_list arguments;
    if (d->count == DOCTOR_LINES_MAX) return;
    doctor_line *line = &d->lines[d->count++];
    line->what = what;
    line->state = state;
    va_start(arguments, format);
    (void)vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
}

const char *doctor_state_word(doctor_state state)
{
    static const char *const words[] = {
        [DOCTOR_WELL] = "ok", [DOCTOR_LOOK] = "look", [DOCTOR_WRONG] = "WRONG"};
    return words[state];
}

bool doctor_is_well(const doctor *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->lines[i].state == DOCTOR_WRONG) return false;
    return true;
}
