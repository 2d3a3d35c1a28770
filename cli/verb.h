/* verb.h — one verb of the varve command: its name, its flags, what it does. main.c holds the table
 * of all; each verb has a file of its own.
 *
 * Errors  A verb returns the exit code of the process, after a line "varve VERB: sentence" on
 * standard error when it is not VERB_OK. */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "base/status.h"

#include <getopt.h>

enum { VERB_OK = 0, VERB_FAILED = 1, VERB_USAGE = 2 }; /* exit codes */

typedef struct flag {
    const char *name;  /* without the dashes; NULL ends a table */
    int key;           /* a letter, which is then the short form, or a FLAG_ value */
    const char *value; /* what follows it, for the help; NULL: nothing does; "[=N]": may follow */
    const char *help;
} flag;

typedef struct verb verb;
struct verb {
    const char *name, *line; /* line: what it does, in one line of the table */
    const char *usage;       /* arguments: "FOLDER|URL --collection C ID…" */
    const char *more;        /* a paragraph for `varve help VERB`; NULL: none */
    const flag *flags;
    int (*run)(const verb *self, int argc, char **argv);
};

extern const verb verb_serve, verb_import, verb_search, verb_get, verb_head, verb_tail, verb_stats,
    verb_collections, verb_create, verb_drop, verb_delete, verb_restore, verb_index, verb_compact,
    verb_jobs, verb_checkpoint, verb_fsck, verb_version, verb_query, verb_count, verb_recall,
    verb_field, verb_export, verb_snapshot, verb_backup, verb_doctor, verb_promote;

/* Actions of verb_snapshot and verb_backup, verbs of two words: "snapshot create". */
extern const verb verb_snapshot_create, verb_snapshot_list, verb_snapshot_info,
    verb_snapshot_verify, verb_snapshot_restore, verb_snapshot_delete;
extern const verb verb_backup_create, verb_backup_list, verb_backup_info, verb_backup_verify,
    verb_backup_prune, verb_backup_check_repo, verb_backup_restore, verb_backup_ship,
    verb_backup_log, verb_backup_drill, verb_backup_diff, verb_backup_collection,
    verb_backup_forget;

/* Keys of flags without a letter. */
enum {
    FLAG_API_KEY = 256,
    FLAG_JSON,
    FLAG_TO,
    FLAG_FORMAT,
    FLAG_IDS_START,
    FLAG_ID_KEY,
    FLAG_VECTOR_KEY,
    FLAG_FIELDS_FROM,
    FLAG_UPSERT,
    FLAG_DTYPE,
    FLAG_INDEX_MODE,
    FLAG_BATCH_ROWS,
    FLAG_COMMIT,
    FLAG_VECTOR,
    FLAG_VECTORS,
    FLAG_VECTOR_FILE,
    FLAG_ROW,
    FLAG_LIKE_ID,
    FLAG_METRIC,
    FLAG_RANGE,
    FLAG_FIELDS,
    FLAG_DIM,
    FLAG_DESCRIPTION,
    FLAG_ACCEPT_LOSS,
    FLAG_EF,
    FLAG_NPROBE,
    FLAG_RECALL,
    FLAG_EXACT,
    FLAG_PARAM,
    FLAG_NO_WAIT,
    FLAG_KEEP_DELETED,
    FLAG_COMPACTOR,
    FLAG_CANCEL,
    FLAG_WHERE,
    FLAG_FILTER,
    FLAG_FIELD,
    FLAG_TEXT,
    FLAG_TEXT_FIELD,
    FLAG_SPARSE,
    FLAG_SPARSE_FIELD,
    FLAG_FUSION,
    FLAG_EXPLAIN,
    FLAG_ORDER_BY,
    FLAG_DESCENDING,
    FLAG_OFFSET,
    FLAG_SAMPLES,
    FLAG_KIND,
    FLAG_ROOT,
    FLAG_AS,
    FLAG_TO_DATABASE,
    FLAG_OVERWRITE,
    FLAG_UNVERIFIED,
    FLAG_LAYOUT,
    FLAG_EXPORT,
    FLAG_REPO, /* to FLAG_RATE: repository.h */
    FLAG_KEY_FILE,
    FLAG_DB,
    FLAG_ENDPOINT,
    FLAG_REGION,
    FLAG_PROFILE,
    FLAG_CREDENTIALS,
    FLAG_CA_FILE,
    FLAG_VIRTUAL_HOST,
    FLAG_METADATA,
    FLAG_PLAIN_HTTP,
    FLAG_STORAGE_CLASS,
    FLAG_ENCRYPT_BY,
    FLAG_KMS_KEY,
    FLAG_RATE,
    FLAG_THREADS,
    FLAG_CLASS,
    FLAG_PINNED,
    FLAG_NEW_TIMELINE,
    FLAG_TAKE_OVER,
    FLAG_SNAPSHOT,
    FLAG_REUSE,
    FLAG_STRUCTURE,
    FLAG_CHECKSUMS,
    FLAG_FULL,
    FLAG_SCRATCH,
    FLAG_KEEP_LAST,
    FLAG_KEEP_HOURLY,
    FLAG_KEEP_DAILY,
    FLAG_KEEP_WEEKLY,
    FLAG_KEEP_MONTHLY,
    FLAG_KEEP_YEARLY,
    FLAG_MIN_AGE,
    FLAG_GRACE,
    FLAG_WAIT,
    FLAG_ALONE,
    FLAG_YES,
    FLAG_LATEST, /* to FLAG_BEFORE_DROP: backup_target.h */
    FLAG_TO_LSN,
    FLAG_TO_TIME,
    FLAG_BEFORE_DROP,
    FLAG_ONCE,
    FLAG_INTERVAL,
    FLAG_NO_DIGESTS,
    FLAG_TIME_LIMIT,
    FLAG_REPORT,
    FLAG_FROM,
    FLAG_IDS,
    FLAG_SKIP_MISSING,
    FLAG_PORT,
    FLAG_BAD, /* an unknown flag, or one without its value: said already */
};

/* Walk the flags of a command line: while ((key = flags_next(&r)) >= 0) …; plain arguments are
 * what is left then, from flags_rest() on. */
#define FLAGS_MAX 40
typedef struct flag_reader {
    const verb *verb;
    int argc;
    char **argv;
    struct option longs[FLAGS_MAX];
    char shorts[2 * FLAGS_MAX + 2];
} flag_reader;

void flags_start(flag_reader *r, const verb *v, int argc, char **argv);
int flags_next(flag_reader *r, const char **ret_value); /* -1: no more */
int flags_rest(void);                                   /* index of the first plain argument */

/* "varve VERB: sentence" and the exit code. */
int verb_fail(const verb *v, const varve_error *err);
int verb_usage(const verb *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
void verb_help(const verb *v);
/* `run` of a verb that has nothing but actions: its action is missing or unknown. */
int verb_run_action(const verb *v, int argc, char **argv);

#endif
