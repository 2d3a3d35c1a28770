/* backup_home.h — what a server has of its backup repository: the repository itself, once it could
 * be opened; the ids under which the folder is backed up; and ONE lease, which backups and the
 * shipping of the log share. A thread renews it, and looks now and then whether the store answers.
 *
 *           connected, lease taken              taken by somebody else
 *   AWAY -----------------------------> HELD -------------------------> LOST
 *     ^  (again and again until it works)  backup_home_take, on demand    |
 *     |                                 ^---------------------------------+
 *
 * (1) A server starts whether or not the store answers. Until it does, the home is AWAY: work that
 *     needs it fails with the reason, and tries first.
 * (2) Whoever writes asks for the seat before each piece of work: it connects and renews. A lease
 *     that was taken meanwhile by the same holder (the command beside the server) is taken back;
 *     one that somebody else has is LOST, for good, until an operator takes it over. From then on
 *     nothing that this server writes belongs to the line that others restore.
 * (3) The lease stays as it is while the store does not answer. `until_ms` says how long nobody
 *     else can have it: later, a primary has to suppose that somebody does.
 *
 * Ownership  backup_home_close() drops the lease and ends everything; a seat's pointers live until
 *            then. The gateway, its folder and its settings are borrowed.
 * Threads    any number; the lease has a lock of its own, see lease.h. No lock of the home is held
 *            by a call that returned.
 * Errors     VARVE_CONFLICT the lease is lost · VARVE_LOCKED another writer has it · those of
 *            repo.h. No message holds a secret. */
#ifndef GATEWAY_BACKUP_HOME_H
#define GATEWAY_BACKUP_HOME_H

#include "handler.h"
#include "snapshot.h"

typedef struct backup_home backup_home;

/* *ret is NULL when no repository is configured, or the folder is open for reading only. */
VV_CHECKED varve_status backup_home_open(gateway *g, backup_home **ret, varve_error *err);
void backup_home_close(backup_home *h); /* NULL-safe */

/* How the repository at `url` is reached, by the settings and the environment. Texts are borrowed
 * from both. */
struct config;
void backup_home_access(const struct config *c, const char *url, repo_access *ret);

typedef struct backup_seat {
    repo *repo;   /* of the folder's database */
    repo *prompt; /* the same, for what somebody waits for: few attempts, no limit of bandwidth */
    lease *lease; /* held, shared, with its lock */
    const char *folder; /* of the data */
    const char *state;  /* FOLDER/backup/state-<repo_id>: caches, journals; made by its users */
} backup_seat;

/* To write: connected, the lease fresh. Puts and gets of seat.repo keep the settings' bandwidth. */
VV_CHECKED varve_status backup_home_seat(backup_home *h, backup_seat *ret, varve_error *err);
/* To read: connected, whoever has the lease. */
VV_CHECKED varve_status backup_home_repo(backup_home *h, repo **ret, varve_error *err);
/* Take the lease although somebody else has it (force), or begin a new timeline at the sequence of
 * now (branch): after a restore in place. */
VV_CHECKED varve_status backup_home_take(backup_home *h, bool force, bool branch, varve_error *err);

typedef enum backup_home_stage {
    BACKUP_HOME_AWAY,
    BACKUP_HOME_HELD,
    BACKUP_HOME_LOST
} backup_home_stage;
const char *backup_home_stage_word(backup_home_stage stage);

typedef struct backup_home_view {
    backup_home_stage stage;
    bool reachable;  /* did the store answer when it was last asked? */
    char where[512]; /* for people; never a secret */
    char repo_id[NAMES_ID_SIZE], db_id[NAMES_ID_SIZE], holder[NAMES_ID_SIZE]; /* "": not known */
    uint32_t timeline;                                                        /* 0: no lease yet */
    uint64_t epoch, until_ms;
    uint64_t asked_ms; /* when the store was last asked; since 1970 */
    varve_error why;   /* of AWAY, LOST, or not reachable; status VARVE_OK: none */
} backup_home_view;
void backup_home_look(backup_home *h, backup_home_view *ret);
bool backup_home_is_lost(backup_home *h);
/* What came of work with a seat: VARVE_CONFLICT lets the next seat renew at once, and whether the
 * store answered is in the view. */
void backup_home_tell(backup_home *h, varve_status status, const varve_error *why);

#endif
