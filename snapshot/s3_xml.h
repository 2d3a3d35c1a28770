/* s3_xml.h — the few XML answers of S3 that a backup needs, read strictly with libexpat: no
 * document type (so no entities of a stranger's making), at most S3_XML_DEPTH_MAX levels, the
 * root element that was asked for, numbers that are numbers. Elements that we do not know are
 * passed over.
 *
 * Ownership  texts handed to callbacks are borrowed for the call.
 * Threads    stateless.
 * Errors     VARVE_CORRUPT: not XML, or not what was asked for; VARVE_LIMIT: an element too
 *            long. */
#ifndef VARVE_SNAPSHOT_S3_XML_H
#define VARVE_SNAPSHOT_S3_XML_H

#include "base/status.h"

#define S3_XML_DEPTH_MAX 8
#define S3_XML_TEXT_MAX  8192 /* of one element */
#define S3_UPLOAD_ID_MAX 1024
#define S3_TOKEN_MAX     4096 /* of a list to be continued */
#define S3_ETAG_MAX      80

typedef struct s3_xml_failure { /* <Error>; empty when it has no such element */
    char code[64];
    char message[200]; /* printable characters alone */
} s3_xml_failure;

/* Is it an <Error>? Anything else, also what is no XML, is none. */
bool s3_xml_read_failure(const char *bytes, size_t len, s3_xml_failure *ret);

typedef struct s3_xml_page {
    bool truncated;
    char next_token[S3_TOKEN_MAX];
} s3_xml_page;
/* <ListBucketResult> of version 2. Keys come decoded when the store says that it encoded them. */
typedef varve_status (*s3_xml_each_key)(void *arg, const char *key, uint64_t size,
                                        varve_error *err);
VV_CHECKED varve_status s3_xml_read_list(const char *bytes, size_t len, s3_xml_each_key each,
                                         void *arg, s3_xml_page *ret, varve_error *err);

/* <InitiateMultipartUploadResult> */
VV_CHECKED varve_status s3_xml_read_upload_id(const char *bytes, size_t len,
                                              char ret[S3_UPLOAD_ID_MAX], varve_error *err);
/* <CompleteMultipartUploadResult>; the ETag, or "" when it has none. */
VV_CHECKED varve_status s3_xml_read_complete(const char *bytes, size_t len, char ret[S3_ETAG_MAX],
                                             varve_error *err);

typedef struct s3_xml_part {
    uint64_t number, size;
    char etag[S3_ETAG_MAX];
} s3_xml_part;
typedef struct s3_xml_parts_page {
    bool truncated;
    uint64_t next_marker;
} s3_xml_parts_page;
/* <ListPartsResult> */
typedef varve_status (*s3_xml_each_part)(void *arg, const s3_xml_part *part, varve_error *err);
VV_CHECKED varve_status s3_xml_read_parts(const char *bytes, size_t len, s3_xml_each_part each,
                                          void *arg, s3_xml_parts_page *ret, varve_error *err);

#endif
