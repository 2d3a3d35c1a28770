/* owner.c — see owner.h. */
#include "owner.h"

#include "index/index.h"
#include "segment/drop_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- folders ------------------------------------------------------------------------------- */

int owner_make_folder(void **state)
{
    char path[128];
    if (make_folder(state) != 0) return -1;
    snprintf(path, sizeof path, "%s/work", folder);
    OK(file_make_dir(path, err));
    OK(file_make_dir(owner_segments(), err));
    return 0;
}

int owner_remove_folder(void **state) { return remove_folder(state); }

const char *owner_root(void) { return folder; }

const char *owner_path(const char *name) { return in_folder(name); }

const char *owner_segments(void)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/segments/%d", folder, OWNER_COLLECTION);
    return path;
}

static void desk_of(const job_order *order, char ret[JOB_PATH_MAX])
{
    OK(job_desk_path(folder, order->epoch, order->job, ret, JOB_PATH_MAX, err));
}

static void on_desk(const job_order *order, const char *name, char ret[JOB_PATH_MAX])
{
    char desk[JOB_PATH_MAX];
    desk_of(order, desk);
    OK(file_join(ret, JOB_PATH_MAX, desk, name, err));
}

void owner_clear(const job_order *order)
{
    char desk[JOB_PATH_MAX];
    desk_of(order, desk);
    OK(file_remove_tree(desk, err));
}

/* ---- the program --------------------------------------------------------------------------- */

/* It does not outlive a test that fails. */
static void prepare_child(void)
{
    int log = open(in_folder("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) _exit(9);
#ifdef __SANITIZE_THREAD__ /* which waits a second before a process ends */
    const char *given = getenv("TSAN_OPTIONS");
    char options[512];
    snprintf(options, sizeof options, "%s:atexit_sleep_ms=0", given ? given : "");
    if (setenv("TSAN_OPTIONS", options, 1) != 0) _exit(9);
#endif
}

static _Noreturn void become_compactor(int fd, const char *fault)
{
    char number[16];
    prepare_child();
    if (fcntl(fd, F_SETFD, 0) != 0) _exit(9);
    if (fault && setenv("VARVE_FAULT", fault, 1) != 0) _exit(9);
    if (!fault && unsetenv("VARVE_FAULT") != 0) _exit(9);
    snprintf(number, sizeof number, "%d", fd);
    (void)execl(COMPACTOR_PATH, "varve-compactor", "--fd", number, (char *)NULL);
    _exit(9);
}

void owner_start(owner *o, const char *fault)
{
    int fds[2];
    *o = (owner){.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    o->pid = fork();
    assert_true(o->pid >= 0);
    if (o->pid == 0) become_compactor(fds[1], fault);
    assert_int_equal(close(fds[1]), 0);
    o->fd = fds[0];
}

void owner_start_socket(owner *o, const char *path)
{
    *o = (owner){.fd = -1};
    o->pid = fork();
    assert_true(o->pid >= 0);
    if (o->pid > 0) return;
    prepare_child();
    (void)execl(COMPACTOR_PATH, "varve-compactor", "--socket", path, (char *)NULL);
    _exit(9);
}

void owner_greet(owner *o)
{
    handoff_message m = owner_expect(o, HANDOFF_HELLO);
    assert_int_equal(m.version, HANDOFF_VERSION);
    if (o->pid) assert_int_equal(m.pid, o->pid);
    m = (handoff_message){.kind = HANDOFF_WELCOME, .epoch = OWNER_EPOCH};
    snprintf(m.root, sizeof m.root, "%s", folder);
    OK(handoff_send(o->fd, &m, err));
    (void)owner_expect(o, HANDOFF_PIN);
}

void owner_say(owner *o, handoff_kind kind, uint64_t job)
{
    const handoff_message m = {.kind = kind,
                               .epoch = OWNER_EPOCH,
                               .job = job,
                               .why = {VARVE_CONFLICT, "the inputs are gone"}};
    OK(handoff_send(o->fd, &m, err));
}

void owner_leave(owner *o)
{
    vv_closep(&o->fd);
    o->fd = -1;
}

int owner_wait(owner *o)
{
    int status = 0;
    assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
    o->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void owner_stop(owner *o)
{
    owner_say(o, HANDOFF_BYE, 0);
    assert_int_equal(owner_wait(o), 0);
    owner_leave(o);
}

/* ---- jobs ---------------------------------------------------------------------------------- */

job_order *owner_order(const merge_inputs *t, job_kind kind, uint64_t job)
{
    char desk[JOB_PATH_MAX], path[JOB_PATH_MAX], name[JOB_NAME_MAX];
    job_order *o = calloc(1, sizeof *o);
    assert_non_null(o);
    *o = (job_order){.epoch = OWNER_EPOCH,
                     .job = job,
                     .kind = kind,
                     .collection = OWNER_COLLECTION,
                     .dim = t->rows[0].spec.dim,
                     .dtype = t->rows[0].spec.dtype,
                     .generation = 4,
                     .rows_max = 100000,
                     .first_number = FIRST_NUMBER,
                     .output_max = 4,
                     .limits = {.threads = 1, .nice = 0, .cpu_percent = 100},
                     .input_count = kind == JOB_MERGE ? INPUTS : 1};
    o->spec = (index_spec){.kind = INDEX_KIND_FULL,
                           .mode = {.structure = INDEX_FLAT, .metric = VARVE_METRIC_L2},
                           .dim = o->dim,
                           .dtype = o->dtype};
    desk_of(o, desk);
    OK(file_make_dir(desk, err));
    for (uint32_t i = 0; i < o->input_count; i++) {
        job_input *in = &o->inputs[i];
        in->segment = *segment_get_record(t->segments[i]);
        if (kind == JOB_MERGE) in->drop_count = tombstones_count(t->in[i].drop);
        if (in->drop_count == 0) continue;
        job_drop_name(in->segment.number, name);
        on_desk(o, name, path);
        OK(drop_file_write(path, in->segment.number, in->segment.rows, t->in[i].drop, err));
    }
    return o;
}

void owner_send(owner *o, const job_order *order)
{
    const handoff_message m = {.kind = HANDOFF_JOB, .order = (job_order *)(uintptr_t)order};
    o->progress = 0;
    o->last_progress = (job_progress){0};
    OK(handoff_send(o->fd, &m, err));
}

static void note_progress(owner *o, const job_progress *p)
{
    assert_true(p->done >= o->last_progress.done && p->done <= p->total);
    assert_true(p->stage[0] != '\0');
    o->last_progress = *p;
    o->progress++;
}

varve_status owner_next(owner *o, handoff_message *ret)
{
    for (;;) {
        varve_status status = handoff_receive(o->fd, TIMEOUT_MS, ret, NULL);
        if (status != VARVE_OK || ret->kind != HANDOFF_PROGRESS) return status;
        note_progress(o, &ret->progress);
    }
}

handoff_message owner_expect(owner *o, handoff_kind kind)
{
    handoff_message m = {0};
    if (owner_next(o, &m) != VARVE_OK)
        fail_msg("message %d did not come; the compactor said: %s", (int)kind, owner_log());
    if (m.kind != kind) fail_msg("message %d, not %d: %s", (int)m.kind, (int)kind, m.why.message);
    return m;
}

void owner_expect_failure(owner *o, uint64_t job, varve_status status, const char *text)
{
    handoff_message m = owner_expect(o, HANDOFF_FAILED);
    assert_true(m.epoch == OWNER_EPOCH || status == VARVE_INVALID);
    assert_true(m.job == job);
    if (m.why.status != status || !strstr(m.why.message, text))
        fail_msg("%s: %s", varve_status_name(m.why.status), m.why.message);
    (void)owner_expect(o, HANDOFF_PIN);
}

/* ---- judging ------------------------------------------------------------------------------- */

static varve_status get_vectors(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                                varve_error *err)
{
    return segment_vectors(context, first, n, ret, err);
}

static void judge_index(const job_order *order, const job_output *out, const char *segment_file,
                        uint32_t generation)
{
    char path[JOB_PATH_MAX], name[JOB_NAME_MAX];
    vector_index *x = NULL;
    segment *s = open_segment(segment_file);
    const index_rows rows = {.count = (uint32_t)out->segment.rows,
                             .dim = order->dim,
                             .dtype = order->dtype,
                             .get = get_vectors,
                             .context = s};
    assert_true(out->has_index == index_spec_has_file(&order->spec));
    if (out->has_index) {
        assert_int_equal(out->index.generation, generation);
        assert_true(out->index.spec_hash == index_spec_hash(&order->spec));
        assert_true(out->index.rows == out->segment.rows);
        job_index_name(out->segment.number, order->field, generation, name);
        on_desk(order, name, path);
        OK(index_open(path, &out->index, &x, err));
        OK(index_check(x, &rows, err));
        index_unref(x);
    }
    segment_unref(s);
}

static void judge_merge(const merge_inputs *t, const job_order *order, const job_result *result)
{
    row_walk w = {.t = t};
    for (uint32_t i = 0; i < result->output_count; i++) {
        const job_output *out = &result->outputs[i];
        char path[JOB_PATH_MAX], name[JOB_NAME_MAX];
        assert_true(out->segment.number == order->first_number + i);
        job_segment_name(out->segment.number, name);
        on_desk(order, name, path);
        assert_output(&w, path, &out->segment);
        judge_index(order, out, path, 1);
    }
    assert_walked(&w);
}

void owner_judge(const merge_inputs *t, const job_order *order, const job_result *result)
{
    assert_true(result->epoch == order->epoch && result->job == order->job);
    assert_true(result->bytes_read > 0);
    if (order->kind == JOB_MERGE) {
        judge_merge(t, order, result);
        return;
    }
    assert_int_equal(result->output_count, 1);
    assert_true(result->outputs[0].segment.number == order->inputs[0].segment.number);
    assert_true(result->outputs[0].has_index);
    judge_index(order, &result->outputs[0], segment_path(t->segments[0]), order->generation);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static void assert_names(const char *path, bool (*allowed)(const char *name))
{
    file_names n = {0};
    OK(file_list(path, &n, err));
    for (size_t i = 0; i < n.count; i++)
        if (!allowed(n.names[i])) fail_msg("%s/%s has no business there", path, n.names[i]);
    file_names_free(&n);
}

static bool in_root(const char *name)
{
    return strcmp(name, "segments") == 0 || strcmp(name, "work") == 0 || strcmp(name, "log") == 0 ||
           strcmp(name, "socket") == 0;
}

static bool in_segments(const char *name) { return ends_with(name, ".seg"); }

static bool in_desk(const char *name)
{
    return ends_with(name, ".seg") || ends_with(name, ".idx") || ends_with(name, ".drop") ||
           ends_with(name, ".tmp");
}

void owner_assert_only_desk(const job_order *order)
{
    char desk[JOB_PATH_MAX];
    file_names n = {0};
    desk_of(order, desk);
    assert_names(folder, in_root);
    assert_names(owner_segments(), in_segments);
    assert_names(desk, in_desk);
    OK(file_list(owner_segments(), &n, err));
    assert_int_equal(n.count, INPUTS);
    file_names_free(&n);
    OK(file_list(in_folder("work"), &n, err));
    assert_int_equal(n.count, 1);
    file_names_free(&n);
}

void owner_assert_inputs(const merge_inputs *t)
{
    for (unsigned i = 0; i < INPUTS; i++) {
        segment *s = NULL;
        OK(segment_open(segment_path(t->segments[i]), &t->rows[i].spec,
                        segment_get_record(t->segments[i]), &s, err));
        OK(segment_check(s, err));
        segment_unref(s);
    }
}

char *owner_log(void)
{
    char *text;
    size_t len;
    OK(file_read(in_folder("log"), 1 << 20, &text, &len, err));
    return text;
}
