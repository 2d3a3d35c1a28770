/* images_beside.h — the images of a segment, built on a thread of their own while its rows are
 * still coming in: what is left to do when the last row is there is little.
 *
 * Rows are copied into stretches; full ones go to the thread. It never is more than a few stretches
 * behind: the adding side waits then.
 *
 * Ownership  images_beside_free() ends the thread.
 * Threads    belongs to one; the other is inside.
 * Errors     of building: reported by finish. */
#ifndef VARVE_SEGMENT_IMAGES_BESIDE_H
#define VARVE_SEGMENT_IMAGES_BESIDE_H

#include "segment/row_images.h"

typedef struct images_beside images_beside;
VV_CHECKED varve_status images_beside_new(segment_content content, const text_options *text,
                                          images_beside **ret, varve_error *err);
void images_beside_free(images_beside *x); /* NULL-safe */
VV_CHECKED varve_status images_beside_add(images_beside *x, varve_text row, varve_error *err);
/* Memory held, about: it says the same at the same row each time. */
uint64_t images_beside_bytes(const images_beside *x);
/* That was the last row: what is still to be done is being done while the caller goes on. */
void images_beside_end(images_beside *x);
/* After images_beside_end, into empty buffers. Only images_beside_free is of use then. */
VV_CHECKED varve_status images_beside_finish(images_beside *x, buffer out[ROW_IMAGES],
                                             varve_error *err);

#endif
