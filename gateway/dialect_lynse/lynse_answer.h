/* lynse_answer.h — the answers of the dialect: the envelope, rows and ids in JSON, and errors.
 *
 * Threads  one at a time.
 * Errors   VARVE_LIMIT when an answer passes the server's bound; the runner then replaces it. */
#ifndef LYNSE_ANSWER_H
#define LYNSE_ANSWER_H

#include "lynse_request.h"

/* {"status":"success","params":{ <names the call has> … }}. What an action adds in between starts
 * with a comma, but in a call without names. */
VV_CHECKED varve_status lynse_reply_begin(lynse_call *c, varve_error *err);
VV_CHECKED varve_status lynse_reply_end(lynse_call *c, varve_error *err);
/* The names alone are the answer. */
VV_CHECKED varve_status lynse_reply_echo(lynse_call *c, varve_error *err);
/* The echo and one more member, given as printf text: ,"k":10 */
VV_CHECKED varve_status lynse_reply_with(lynse_call *c, varve_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "database_name":"…","collection_name":"…", as far as the call has them. */
VV_CHECKED varve_status lynse_out_names(lynse_call *c, varve_error *err);

VV_CHECKED varve_status lynse_out_text(buffer *out, const char *text, varve_error *err);
/* ["a","b"] */
VV_CHECKED varve_status lynse_out_text_list(buffer *out, const varve_names *names,
                                            varve_error *err);
/* Stored fields, {} when there are none. */
VV_CHECKED varve_status lynse_out_fields(buffer *out, varve_text fields, varve_error *err);

/* Frees, for VV_CLEANUP. */
void lynse_names_freep(varve_names **names);
void lynse_hits_freep(varve_hits **hits);
void lynse_collection_releasep(varve_collection **collection);

#endif
