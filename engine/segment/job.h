/* job.h — what owner and compactor say to each other: the hand-off. One AF_UNIX SEQPACKET socket;
 * the owner is the server and the only one that commits. Each packet is one message.
 *
 *   compactor                                    owner
 *     HELLO {version, pid} --------------------->   epoch: a number no other open of a folder has
 *     <------------------------------ WELCOME {root, epoch}
 *     PIN ---------------------------------------->  waits until there is work
 *     <-- JOB {inputs, sets of slots to drop, output numbers, spec, limits}
 *     PROGRESS {stage, done, total} ...---------->
 *     <------------------------------ CANCEL {job}   at any time
 *     build on the desk, check, sync, rename, sync the directory
 *     PROPOSE {outputs} -------------------------->  check files, check inputs, one WriteBatch
 *     <-------------------------- ADOPTED | REFUSE {why}
 *     or FAILED {status, why} ------------------->
 *     PIN ...
 *   Either side: the connection drops, the job is given up. BYE from the owner: no more work.
 *   A compactor that has a job, or ought to ask for one, and says nothing for half an hour hangs:
 *   the owner closes the connection. So PROGRESS comes often, also while a job waits its turn.
 *
 * Files. Inputs lie under root/segments/<collection>/, as the manifest names them; the owner keeps
 * them while the job runs. The desk is root/work/job-<epoch>-<job>/: the owner puts <number>.drop
 * there for each input that has slots to leave out (segment/drop_file.h); the compactor writes
 * <number>.seg and <number>.<field>.<generation>.idx, each by temporary, sync, rename. Only the
 * owner moves files into segments/ and only the owner removes a desk. An owner that starts removes
 * all desks.
 *
 * (1) What a MERGE drops is superseded for good: nothing can bring it back, so dropping it needs no
 *     second look. What is hidden later, the owner carries over as first tombstones of the outputs.
 * (2) A proposal is judged by what it names: adopted if the job is the owner's current one and its
 *     inputs are still in the view. So a proposal of another epoch or job is refused.
 *
 * Ownership  handoff_message_done() frees what a received message owns.
 * Threads    one per direction of a socket.
 * Errors     VARVE_CORRUPT a malformed message; VARVE_CLOSED the other side is gone;
 *            VARVE_NEWER_FORMAT a message of another version; VARVE_TIMEOUT; VARVE_IO. */
#ifndef VARVE_SEGMENT_JOB_H
#define VARVE_SEGMENT_JOB_H

#include "index/index.h"
#include "segment/segment.h"

#define HANDOFF_VERSION         1
#define HANDOFF_MESSAGE_MAX     65536
#define JOB_INPUTS_MAX          64
#define JOB_OUTPUTS_MAX         64
#define JOB_PATH_MAX            3072
#define HANDOFF_SEND_TIMEOUT_MS 10000 /* a peer that reads nothing for so long is as good as gone */

typedef enum job_kind {
    JOB_INDEX = 1, /* a new index for the one input; its rows stay */
    JOB_MERGE = 2  /* inputs, adjacent in rowver order, into new segments with indexes */
} job_kind;

typedef struct job_input {
    segment_record segment;
    uint64_t drop_count; /* slots in its .drop file; 0: there is none */
    bool has_index;
    index_record index;
} job_input;

typedef struct job_limits {
    uint32_t threads;                    /* 1..1024 */
    uint32_t nice;                       /* 0..19 */
    uint32_t cpu_percent;                /* of each thread, 1..100 */
    uint64_t memory_max, io_bytes_per_s; /* 0: no limit; bytes of reading and writing together */
} job_limits;

typedef struct job_order {
    uint64_t epoch, job;
    job_kind kind;
    uint32_t collection;
    uint16_t field;
    uint32_t dim;
    varve_dtype dtype;
    index_spec spec;       /* of the index to build; FRESH too; see index_spec_has_file */
    uint32_t generation;   /* of INDEX's output; outputs of MERGE have generation 1 */
    uint64_t rows_max;     /* of one output segment; MERGE: at least 1 */
    uint64_t first_number; /* of output segments: first_number + i, i < output_max */
    uint32_t output_max;   /* MERGE: at least 1 */
    job_limits limits;
    uint32_t input_count;
    job_input inputs[JOB_INPUTS_MAX];
} job_order;

typedef struct job_output {
    segment_record segment; /* of INDEX: that of the input */
    bool has_index;
    index_record index;
} job_output;

typedef struct job_result {
    uint64_t epoch, job;
    uint64_t bytes_read, bytes_written;
    uint32_t output_count; /* 0: every row was dropped */
    job_output outputs[JOB_OUTPUTS_MAX];
} job_result;

typedef struct job_progress {
    uint64_t epoch, job;
    char stage[32];
    uint64_t done, total; /* of the whole job, in rows */
} job_progress;

typedef enum handoff_kind {
    HANDOFF_HELLO = 1,
    HANDOFF_WELCOME,
    HANDOFF_PIN,
    HANDOFF_JOB,
    HANDOFF_PROGRESS,
    HANDOFF_CANCEL,
    HANDOFF_PROPOSE,
    HANDOFF_ADOPTED,
    HANDOFF_REFUSE,
    HANDOFF_FAILED,
    HANDOFF_BYE
} handoff_kind;

typedef struct handoff_message {
    handoff_kind kind;
    uint32_t version, pid;   /* HELLO */
    uint64_t epoch, job;     /* WELCOME (epoch), CANCEL, ADOPTED, REFUSE, FAILED */
    char root[JOB_PATH_MAX]; /* WELCOME: the data folder, absolute */
    varve_error why;         /* REFUSE, FAILED */
    job_order *order;        /* JOB; owned */
    job_result *result;      /* PROPOSE; owned */
    job_progress progress;   /* PROGRESS */
} handoff_message;

void handoff_message_done(handoff_message *m);
VV_CHECKED varve_status handoff_encode(const handoff_message *m, buffer *out, varve_error *err);
VV_CHECKED varve_status handoff_decode(const void *bytes, size_t len, handoff_message *ret,
                                       varve_error *err); /* for fuzzing too */

/* Signals are passed over. Waits while the peer reads nothing: VARVE_TIMEOUT after
 * HANDOFF_SEND_TIMEOUT_MS. VARVE_INVALID, and nothing sent: decoding would refuse the message. */
VV_CHECKED varve_status handoff_send(int fd, const handoff_message *m, varve_error *err);
/* timeout_ms 0: for ever. A packet that was refused has been taken off the socket. */
VV_CHECKED varve_status handoff_receive(int fd, uint64_t timeout_ms, handoff_message *ret,
                                        varve_error *err);

/* ---- names --------------------------------------------------------------------------------- */
VV_CHECKED varve_status job_desk_path(const char *root, uint64_t epoch, uint64_t job, char *ret,
                                      size_t size, varve_error *err);
/* A file of segments/<collection>/. */
VV_CHECKED varve_status job_input_path(const char *root, uint32_t collection, const char *name,
                                       char *ret, size_t size, varve_error *err);
/* "<number>.seg", "<number>.<field>.<generation>.idx", "<number>.drop" */
#define JOB_NAME_MAX 64
void job_segment_name(uint64_t number, char ret[JOB_NAME_MAX]);
void job_index_name(uint64_t number, uint16_t field, uint32_t generation, char ret[JOB_NAME_MAX]);
void job_drop_name(uint64_t number, char ret[JOB_NAME_MAX]);

#endif
