/* place.h — where a verb works: a data folder, opened through varve.h, or the URL of a server; and
 * which collection of it.
 *
 * Ownership  texts are borrowed from the command line. A folder_session owns its handles;
 *            folder_close() says whether closing went well, folder_done() ends it in any case.
 * Threads    one at a time. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "verb.h"

typedef struct place {
    const char *where; /* NULL until named */
    const char *database, *collection, *api_key;
    const char *compactor_path; /* of a folder that is opened for writing; NULL: looked for */
} place;

#define PLACE_START ((place){.database = "default"})

/* Flags of verbs that work on a collection. */
#define PLACE_DATABASE_FLAG                                                                        \
    {                                                                                              \
        "database", 'd', "NAME", "database (default: default)"                                     \
    }
#define PLACE_KEY_FLAG                                                                             \
    {                                                                                              \
        "api-key", FLAG_API_KEY, "KEY", "key of the server (default: $VARVE_API_KEY)"              \
    }
#define PLACE_FLAGS PLACE_DATABASE_FLAG, {"collection", 'c', "NAME", "collection"}, PLACE_KEY_FLAG

/* Take a flag of the above; false when it is another. */
bool place_flag(place *p, int key, const char *value);
/* Read a command line that has no other flags: the folder or URL is its first plain argument. */
int place_read(const verb *v, int argc, char **argv, place *p);
/* VERB_USAGE, said, when more than `wanted` plain arguments are there. */
int place_refuse_more(const verb *v, int argc, char **argv, int wanted);
bool place_is_url(const place *p);
/* Is everything named? VERB_OK, or VERB_USAGE after saying what is not. */
int place_check(const verb *v, place *p, bool needs_collection);

typedef enum folder_use { FOLDER_READ, FOLDER_WRITE, FOLDER_CREATE } folder_use;

typedef struct folder_session {
    varve *db;
    varve_collection *collection;
} folder_session;

/* Open the folder; FOLDER_READ works beside a server that owns it. */
VV_CHECKED varve_status folder_open(const place *p, folder_use use, folder_session *ret,
                                    varve_error *err);
/* And the collection of `p`. */
VV_CHECKED varve_status folder_open_collection(const place *p, folder_use use, folder_session *ret,
                                               varve_error *err);
VV_CHECKED varve_status folder_close(folder_session *s, varve_error *err);
void folder_done(folder_session *s);

#endif
