/* repository.c — see repository.h. */
#include "repository.h"

#include <string.h>

/* In place of a database until it is known which one it is. */
#define NO_DATABASE "00000000-0000-4000-8000-000000000000"

typedef struct choice {
    char id[NAMES_ID_SIZE];
    size_t count;
} choice;

static varve_status see_database(void *arg, const char *db_id, varve_error *err)
{
    choice *c = arg;
    (void)err;
    memcpy(c->id, db_id, sizeof c->id);
    c->count++;
    return VARVE_OK;
}

static varve_status choose_only(repo *r, varve_error *err)
{
    choice c = {0};
    VV_TRY(repo_list_dbs(r, see_database, &c, err));
    if (c.count == 0)
        return vv_fail(err, VARVE_NOT_FOUND, "the repository %s holds no backup",
                       remote_name(r->remote));
    if (c.count > 1)
        return vv_fail(err, VARVE_INVALID,
                       "the repository holds %zu databases: say --db ID, or FOLDER", c.count);
    memcpy(r->db_id, c.id, sizeof r->db_id);
    return VARVE_OK;
}

varve_status repository_open(const repository_flags *f, repository_session *ret, varve_error *err)
{
    backup_identity who = {0};
    if (f->db_id) return repo_access_open(&f->at, f->db_id, false, ret, err);
    if (!f->folder) {
        VV_TRY(repo_access_open(&f->at, NO_DATABASE, false, ret, err));
        return choose_only(ret->repo, err);
    }
    VV_TRY(backup_identity_read(f->folder, &who, err));
    return repo_access_open(&f->at, who.db_id, false, ret, err);
}

varve_status repository_open_or_create(const repository_flags *f, const char *db_id,
                                       repository_session *ret, varve_error *err)
{
    return repo_access_open(&f->at, f->db_id ? f->db_id : db_id, true, ret, err);
}
