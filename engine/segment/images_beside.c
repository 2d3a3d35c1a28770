/* images_beside.c — see images_beside.h. */
#include "segment/images_beside.h"

#include <pthread.h>
#include <stdlib.h>

#define STRETCHES     4 /* one being filled, one being read */
#define STRETCH_BYTES ((size_t)256 << 10)

/* Of rows that are not known to have been read: that they will take in builders, a guess, and take
 * here. */
#define BYTES_PER_BYTE 5

typedef struct stretch {
    buffer bytes;
    uint32_t *ends; /* of rows, in bytes */
    size_t rows, rows_room;
    uint64_t held; /* by the builders when it had been read */
} stretch;

struct images_beside {
    stretch ring[STRETCHES];
    image_builder *builders[ROW_IMAGES]; /* NULL: none. The thread's until it has read all, and
                                            then each of who finishes it */
    buffer columns;                      /* the thread finishes these, the caller the others */
    pthread_t thread;
    bool started;

    uint64_t held;   /* the adding side's: by the builders, some stretches ago */
    uint64_t behind; /* bytes of rows since then, but for the stretch being filled */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint64_t filled, read; /* stretches; [read, filled) are the thread's */
    bool ended, read_all, failed, given_up;

    varve_status status; /* the thread's, once it has ended */
    varve_error err;
};

static varve_status finish_one(images_beside *x, int image, buffer *out, varve_error *err)
{
    varve_status status = VARVE_OK;
    if (x->builders[image]) status = image_builder_finish(x->builders[image], out, err);
    image_builder_free(x->builders[image]);
    x->builders[image] = NULL;
    return status;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static varve_status add_row(images_beside *x, varve_text row, varve_error *err)
{
    for (int i = 0; i < ROW_IMAGES; i++)
        if (x->builders[i]) VV_TRY(image_builder_add(x->builders[i], row, err));
    return VARVE_OK;
}

static varve_status add_stretch(images_beside *x, const stretch *s, varve_error *err)
{
    uint32_t from = 0;
    for (size_t i = 0; i < s->rows; from = s->ends[i++])
        VV_TRY(add_row(x, (varve_text){s->bytes.data + from, s->ends[i] - from}, err));
    return VARVE_OK;
}

static uint64_t held(const images_beside *x)
{
    uint64_t bytes = 0;
    for (int i = 0; i < ROW_IMAGES; i++)
        if (x->builders[i]) bytes += image_builder_bytes(x->builders[i]);
    return bytes;
}

/* Stretches behind an error are passed over: the adding side must not wait for ever. */
static varve_status read_stretches(images_beside *x, varve_error *err)
{
    varve_status status = VARVE_OK;
    pthread_mutex_lock(&x->lock);
    for (;;) {
        while (x->read == x->filled && !x->ended && !x->given_up)
            pthread_cond_wait(&x->changed, &x->lock);
        if (x->given_up || x->read == x->filled) break;
        pthread_mutex_unlock(&x->lock);
        if (status == VARVE_OK) status = add_stretch(x, &x->ring[x->read % STRETCHES], err);
        pthread_mutex_lock(&x->lock);
        x->ring[x->read % STRETCHES].held = held(x);
        x->read++;
        pthread_cond_broadcast(&x->changed);
    }
    x->failed = status != VARVE_OK;
    x->read_all = true;
    pthread_cond_broadcast(&x->changed);
    bool go_on = status == VARVE_OK && !x->given_up;
    pthread_mutex_unlock(&x->lock);
    return go_on ? finish_one(x, IMAGE_COLUMNS, &x->columns, err) : status;
}

static void *work(void *context)
{
    images_beside *x = context;
    x->status = read_stretches(x, &x->err);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void join(images_beside *x)
{
    if (x->started) pthread_join(x->thread, NULL);
    x->started = false;
}

void images_beside_free(images_beside *x)
{
    if (!x) return;
    pthread_mutex_lock(&x->lock);
    x->given_up = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
    join(x);
    for (int i = 0; i < ROW_IMAGES; i++)
        image_builder_free(x->builders[i]);
    buffer_done(&x->columns);
    for (int i = 0; i < STRETCHES; i++) {
        buffer_done(&x->ring[i].bytes);
        free(x->ring[i].ends);
    }
    pthread_cond_destroy(&x->changed);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

static void free_at(images_beside **x) { images_beside_free(*x); }

varve_status images_beside_new(segment_content content, const text_options *text,
                               images_beside **ret, varve_error *err)
{
    VV_CLEANUP(free_at) images_beside *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for field indexes");
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->changed, NULL);
    buffer_init(&x->columns, SIZE_MAX / 2, "field indexes of a segment");
    for (int i = 0; i < STRETCHES; i++)
        buffer_init(&x->ring[i].bytes, UINT32_MAX, "fields of a segment");
    for (int i = 0; i < ROW_IMAGES; i++)
        if (image_suits(content, i)) VV_TRY(image_builder_new(i, text, &x->builders[i], err));
    if (pthread_create(&x->thread, NULL, work, x) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "no thread for field indexes");
    x->started = true;
    *ret = x;
    x = NULL;
    return VARVE_OK;
}

/* ---- rows in ------------------------------------------------------------------------------- */

static void hand_over(images_beside *x)
{
    pthread_mutex_lock(&x->lock);
    x->filled++;
    pthread_cond_broadcast(&x->changed);
    while (x->filled - x->read == STRETCHES)
        pthread_cond_wait(&x->changed, &x->lock);
    pthread_mutex_unlock(&x->lock);
    stretch *s = &x->ring[x->filled % STRETCHES];
    x->held = VV_MAX(x->held, s->held); /* it was read long ago: no race decides on what is said */
    x->behind += x->ring[(x->filled + STRETCHES - 1) % STRETCHES].bytes.len - s->bytes.len;
    buffer_clear(&s->bytes);
    s->rows = 0;
}

uint64_t images_beside_bytes(const images_beside *x)
{
    return x->held + BYTES_PER_BYTE * (x->behind + x->ring[x->filled % STRETCHES].bytes.len);
}

varve_status images_beside_add(images_beside *x, varve_text row, varve_error *err)
{
    stretch *s = &x->ring[x->filled % STRETCHES];
    if (s->rows && s->bytes.len + row.len > STRETCH_BYTES) {
        hand_over(x);
        s = &x->ring[x->filled % STRETCHES];
    }
    if (s->rows == s->rows_room) {
        size_t room = s->rows_room ? 2 * s->rows_room : 1024;
        uint32_t *ends = realloc(s->ends, room * sizeof *ends);
        if (!ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for fields of a segment");
        s->ends = ends;
        s->rows_room = room;
    }
    VV_TRY(buffer_add(&s->bytes, row.data, row.len, err));
    s->ends[s->rows++] = (uint32_t)s->bytes.len;
    return VARVE_OK;
}

void images_beside_end(images_beside *x)
{
    pthread_mutex_lock(&x->lock);
    x->filled += x->ring[x->filled % STRETCHES].rows > 0;
    x->ended = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

/* ---- the images ---------------------------------------------------------------------------- */

/* false: building failed. */
static bool wait_read(images_beside *x)
{
    pthread_mutex_lock(&x->lock);
    while (!x->read_all)
        pthread_cond_wait(&x->changed, &x->lock);
    bool fine = !x->failed;
    pthread_mutex_unlock(&x->lock);
    return fine;
}

varve_status images_beside_finish(images_beside *x, buffer out[ROW_IMAGES], varve_error *err)
{
    varve_status status = VARVE_OK;
    if (wait_read(x)) {
        for (int i = 0; i < ROW_IMAGES && status == VARVE_OK; i++)
            if (i != IMAGE_COLUMNS) status = finish_one(x, i, &out[i], err);
    }
    join(x);
    if (status == VARVE_OK && x->status != VARVE_OK)
        status = vv_fail(err, x->status, "%s", x->err.message);
    VV_TRY(status);
    out[IMAGE_COLUMNS] = x->columns;
    x->columns = (buffer){0};
    return VARVE_OK;
}
