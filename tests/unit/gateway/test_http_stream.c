/* test_http_stream.c — a writer and a reader on the ring: every byte once and in order, the pause
 * when it is full, the end, and failures that wake the reader. */
#include "http_stream.h"

#include "gateway_unit.h"

#define TOTAL (9u * STREAM_RING_BYTES + 12345)

static unsigned char byte_at(size_t i) { return (unsigned char)(i * 2654435761u >> 13); }

typedef struct feeder {
    http_stream *stream;
    pthread_mutex_t lock; /* guards resumed */
    pthread_cond_t resume;
    unsigned resumed;
    unsigned paused;
} feeder;

/* The network thread's part: offer, and wait to be resumed when something was left. */
static void offer(feeder *f, const char *bytes, size_t len)
{
    while (len > 0) {
        bool paused;
        (void)pthread_mutex_lock(&f->stream->lock);
        size_t n = stream_put_locked(f->stream, bytes, len);
        f->stream->paused = paused = n < len;
        (void)pthread_mutex_unlock(&f->stream->lock);
        bytes += n;
        len -= n;
        if (!paused) continue;
        f->paused++;
        (void)pthread_mutex_lock(&f->lock);
        while (f->resumed < f->paused)
            (void)pthread_cond_wait(&f->resume, &f->lock);
        (void)pthread_mutex_unlock(&f->lock);
    }
}

static void *feed(void *context)
{
    feeder *f = context;
    char piece[70000];
    for (size_t done = 0; done < TOTAL;) {
        size_t n = VV_MIN(1 + done * 31 % sizeof piece, TOTAL - done);
        for (size_t i = 0; i < n; i++)
            piece[i] = (char)byte_at(done + i);
        offer(f, piece, n);
        done += n;
    }
    (void)pthread_mutex_lock(&f->stream->lock);
    f->stream->ended = true;
    (void)pthread_cond_signal(&f->stream->more);
    (void)pthread_mutex_unlock(&f->stream->lock);
    return NULL;
}

static void test_every_byte_in_order(void **state)
{
    feeder f = {.lock = PTHREAD_MUTEX_INITIALIZER, .resume = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    size_t done = 0, len;
    char got[50000];
    bool resume;
    (void)state;
    assert_ok(stream_new(&f.stream, NULL));
    assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
    for (;;) {
        assert_ok(stream_read(f.stream, got, 1 + done * 17 % sizeof got, &len, &resume, NULL));
        if (resume) {
            (void)pthread_mutex_lock(&f.lock);
            f.resumed++;
            (void)pthread_cond_signal(&f.resume);
            (void)pthread_mutex_unlock(&f.lock);
        }
        if (len == 0) break;
        for (size_t i = 0; i < len; i++)
            assert_int_equal((unsigned char)got[i], byte_at(done + i));
        done += len;
    }
    assert_int_equal(done, TOTAL);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(f.stream->taken_bytes == TOTAL);
    assert_int_equal(f.paused, f.resumed);
    stream_free(f.stream);
}

static void *fail_it(void *context)
{
    stream_fail(context, VARVE_IO, "the client went away");
    stream_fail(context, VARVE_TIMEOUT, "too late");
    return NULL;
}

static void test_failure_wakes_the_reader(void **state)
{
    http_stream *s = NULL;
    pthread_t thread;
    char got[8];
    size_t len = 77;
    bool resume;
    varve_error err = {0};
    (void)state;
    assert_ok(stream_new(&s, NULL));
    assert_int_equal(pthread_create(&thread, NULL, fail_it, s), 0);
    assert_int_equal(stream_read(s, got, sizeof got, &len, &resume, &err), VARVE_IO);
    assert_string_equal(err.message, "the client went away");
    assert_int_equal(len, 77);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(stream_gone(s), VARVE_IO);
    stream_free(s);
    stream_free(NULL);
}

static void test_a_limit_can_still_be_answered(void **state)
{
    http_stream *s = NULL;
    (void)state;
    assert_ok(stream_new(&s, NULL));
    stream_fail(s, VARVE_LIMIT, "too long");
    assert_int_equal(stream_gone(s), VARVE_OK);
    stream_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_in_order),
        cmocka_unit_test(test_failure_wakes_the_reader),
        cmocka_unit_test(test_a_limit_can_still_be_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
