/* job_name.c — where the files of a job are. */
#include "segment/job.h"

#include "base/file.h"

#include <stdio.h>

varve_status job_desk_path(const char *root, uint64_t epoch, uint64_t job, char *ret, size_t size,
                           varve_error *err)
{
    char name[JOB_NAME_MAX];
    (void)snprintf(name, sizeof name, "work/job-%llu-%llu", (unsigned long long)epoch,
                   (unsigned long long)job);
    return file_join(ret, size, root, name, err);
}

varve_status job_input_path(const char *root, uint32_t collection, const char *name, char *ret,
                            size_t size, varve_error *err)
{
    char directory[JOB_PATH_MAX], part[JOB_NAME_MAX];
    (void)snprintf(part, sizeof part, "segments/%u", collection);
    VV_TRY(file_join(directory, sizeof directory, root, part, err));
    return file_join(ret, size, directory, name, err);
}

void job_segment_name(uint64_t number, char ret[JOB_NAME_MAX])
{
    (void)snprintf(ret, JOB_NAME_MAX, "%llu.seg", (unsigned long long)number);
}

void job_index_name(uint64_t number, uint16_t field, uint32_t generation, char ret[JOB_NAME_MAX])
{
    (void)snprintf(ret, JOB_NAME_MAX, "%llu.%u.%u.idx", (unsigned long long)number, field,
                   generation);
}

void job_drop_name(uint64_t number, char ret[JOB_NAME_MAX])
{
    (void)snprintf(ret, JOB_NAME_MAX, "%llu.drop", (unsigned long long)number);
}
