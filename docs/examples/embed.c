/* embed.c — Varve inside a program: open a folder, write rows, search, delete, restore, and bring
 * in a large set all at once. Compile:
 *
 *     cc -I engine docs/examples/embed.c -L build -lvarve -Wl,-rpath,build -o embed
 *     ./embed ./my-data
 */
#include "varve.h"

#include <stdio.h>
#include <stdlib.h>

#define DIM 4

/* Every fallible call returns a status and fills an error with one sentence. */
static void must(varve_status status, const varve_error *err)
{
    if (status == VARVE_OK) return;
    (void)fprintf(stderr, "embed: %s: %s\n", varve_status_name(status), err->message);
    exit(1);
}

static varve_text text(const char *s)
{
    varve_text t = {.data = s};
    while (s[t.len])
        t.len++;
    return t;
}

static varve_id number(uint64_t n) { return (varve_id){.kind = VARVE_ID_NUM, .num = n}; }

static varve_id name(const char *s) { return (varve_id){.kind = VARVE_ID_STR, .text = text(s)}; }

/* Three rows, written as one batch: all of them are durable and visible when the call is back. */
static void write_rows(varve_collection *c)
{
    static const float vectors[3][DIM] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0.6f, 0.8f, 0, 0}};
    const varve_id ids[3] = {number(1), number(2), name("between")};
    const varve_text fields[3] = {text("{\"colour\":\"red\"}"), text("{\"colour\":\"blue\"}"),
                                  text("{\"colour\":\"violet\",\"tags\":[\"mixed\"]}")};
    const varve_rows rows = {
        .count = 3, .dim = DIM, .ids = ids, .vectors = vectors, .fields = fields};
    varve_receipt receipt;
    varve_error err = {0};
    must(varve_upsert(c, &rows, NULL, &receipt, &err), &err);
    printf("%llu new rows, %llu replaced\n", (unsigned long long)receipt.rows_new,
           (unsigned long long)receipt.rows_changed);
}

/* Prints a hit; is it the row called `between`? */
static bool show_hit(const varve_hits *hits, size_t i)
{
    varve_id id = varve_hits_id(hits, 0, i);
    varve_text fields = varve_hits_fields(hits, 0, i);
    if (id.kind == VARVE_ID_NUM)
        printf("  %llu", (unsigned long long)id.num);
    else
        printf("  %.*s", (int)id.text.len, id.text.data);
    printf("  score %.3f  %.*s\n", (double)varve_hits_score(hits, 0, i), (int)fields.len,
           fields.data);
    return id.kind == VARVE_ID_STR;
}

/* The nearest rows to one vector; was `between` among them? The hits own copies: they may outlive
 * the collection handle. */
static bool search(varve_collection *c, const char *what)
{
    static const float query[DIM] = {0.7f, 0.7f, 0, 0};
    const varve_search_request request = {
        .vectors = query, .count = 1, .dim = DIM, .k = 3, .with = VARVE_WITH_FIELDS};
    varve_hits *hits;
    varve_error err = {0};
    bool found = false;
    must(varve_search(c, &request, &hits, &err), &err);
    printf("%s:\n", what);
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++)
        found |= show_hit(hits, i);
    varve_hits_free(hits);
    return found;
}

static bool delete_and_restore(varve_collection *c)
{
    const varve_id id = name("between");
    varve_error err = {0};
    must(varve_delete(c, &id, 1, NULL, NULL, &err), &err);
    if (search(c, "without the deleted row")) return false;
    must(varve_restore(c, &id, 1, NULL, NULL, &err), &err);
    return search(c, "restored");
}

/* A session takes any number of rows in bounded memory; all become visible at once, or none. */
static void bring_in_many(varve_collection *c)
{
    enum { BATCH = 1000, BATCHES = 20 };
    static float vectors[BATCH][DIM];
    const varve_session_options replace = {.upsert = true};
    varve_session *session;
    varve_receipt receipt;
    varve_error err = {0};
    must(varve_session_new(c, &replace, &session, &err), &err);
    for (uint64_t b = 0; b < BATCHES; b++) {
        for (size_t i = 0; i < BATCH; i++)
            vectors[i][3] = (float)(b * BATCH + i) / (BATCH * BATCHES);
        const varve_rows rows = {.count = BATCH,
                                 .dim = DIM,
                                 .ids_from_first = true,
                                 .first_id = 1000 + b * BATCH,
                                 .vectors = vectors};
        must(varve_session_add(session, &rows, &err), &err);
    }
    must(varve_session_commit(session, &receipt, &err), &err);
    printf("%llu rows in one session\n",
           (unsigned long long)(receipt.rows_new + receipt.rows_changed));
    varve_session_free(session);
}

int main(int argc, char **argv)
{
    varve_options options;
    varve *db;
    varve_collection *c;
    varve_error err = {0};
    uint64_t rows;

    varve_options_init(&options); /* the defaults; then change what you need */
    options.search_threads = 1;
    must(varve_open(argc > 1 ? argv[1] : "./my-data", &options, &db, &err), &err);
    varve_status status = varve_collection_create(
        db, "default", "colours", &(varve_collection_spec){.dim = DIM, .index_mode = "FLAT-IP"}, &c,
        &err);
    if (status == VARVE_EXISTS) status = varve_collection_open(db, "default", "colours", &c, &err);
    must(status, &err);

    write_rows(c);
    if (!search(c, "nearest") || !delete_and_restore(c)) return 1;
    bring_in_many(c);
    must(varve_count(c, &rows, &err), &err);
    printf("%llu rows in all\n", (unsigned long long)rows);

    varve_collection_release(c); /* before the folder is closed */
    must(varve_close(db, &err), &err);
    return rows == 20003 ? 0 : 1;
}
