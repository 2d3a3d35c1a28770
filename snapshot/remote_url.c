/* remote_url.c — a remote by its URL; see remote.h. */
#include "remote.h"

#include <stdlib.h>
#include <string.h>

static const char file_scheme[] = "file://", s3_scheme[] = "s3://";

/* "bucket" or "bucket/prefix". */
static varve_status open_s3(const char *place, const remote_s3_options *given,
                            const remote_limits *limits, remote **ret, varve_error *err)
{
    remote_s3_options options = given ? *given : (remote_s3_options){0};
    VV_CLEANUP(vv_freep) char *bucket = strdup(place);
    if (!bucket) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a remote");
    char *slash = strchr(bucket, '/');
    options.bucket = bucket;
    options.prefix = slash ? slash + 1 : NULL;
    if (slash) *slash = '\0';
    return remote_open_s3(&options, limits, ret, err);
}

varve_status remote_open(const char *url, const remote_s3_options *options, bool create,
                         const remote_limits *limits, remote **ret, varve_error *err)
{
    if (strncmp(url, s3_scheme, sizeof s3_scheme - 1) == 0)
        return open_s3(url + sizeof s3_scheme - 1, options, limits, ret, err);
    if (strncmp(url, file_scheme, sizeof file_scheme - 1) == 0) {
        const char *path = url + sizeof file_scheme - 1;
        if (*path != '/')
            return vv_fail(err, VARVE_INVALID, "a file:// URL needs an absolute path");
        return remote_open_folder(path, create, limits, ret, err);
    }
    if (strstr(url, "://"))
        return vv_fail(err, VARVE_INVALID, "neither s3:// nor file:// nor a path");
    return remote_open_folder(url, create, limits, ret, err);
}
