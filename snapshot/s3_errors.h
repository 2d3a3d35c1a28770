/* s3_errors.h — what an answer of S3 means for the call: which status, and whether to try again. A
 * pure decision; the table is in s3_errors.c, and tested as one.
 * Threads    stateless. */
#ifndef VARVE_SNAPSHOT_S3_ERRORS_H
#define VARVE_SNAPSHOT_S3_ERRORS_H

#include "base/status.h"

typedef enum s3_remedy {
    S3_FINAL,  /* nothing that we could do */
    S3_AGAIN,  /* it may pass */
    S3_RELOAD, /* with other credentials, if there are any */
    S3_CLOCK   /* with the store's idea of the time */
} s3_remedy;

typedef struct s3_verdict {
    varve_status status; /* VARVE_OK: it succeeded */
    s3_remedy remedy;
    bool unsure; /* the store may have done it nevertheless */
} s3_verdict;

/* http: status of the answer; code: of its <Error>, or "". An <Error> in an answer of 200
 * counts. */
s3_verdict s3_judge(int http, const char *code);

#endif
