/* tool_options.h — what remote_tool and repo_tool share: "name=value" arguments for a remote. */
#ifndef TEST_S3_TOOL_OPTIONS_H
#define TEST_S3_TOOL_OPTIONS_H

#include "../../snapshot/remote.h" /* cli/ has one of that name */

typedef struct tool_options {
    const char *url;
    remote_s3_options s3;
    remote_limits limits;
    uint64_t cancel_ms; /* 0: never */
} tool_options;

/* False: it is no option. Values are borrowed. */
bool tool_take_option(tool_options *s, const char *argument);

#endif
