/* test_where_sqlite.c — SQLite as the judge: random tables, random conditions of the subset that
 * both speak, and for every row the truth of both, TRUE, FALSE or UNKNOWN; of the columns the rows
 * that are TRUE. Numbers lie close to where doubles stop being exact.
 *
 *     test_where_sqlite [TABLES [SEED]]
 *
 * Columns have no declared type, so that SQLite converts nothing: i holds integers, r numbers,
 * t texts, m any of them, all of them nulls (in JSON null, or no member). Order is asked of one
 * kind only, for SQLite orders texts behind numbers. No text has the form of a date-time. */
#include "where_fixture.h"

#include "base/json.h"
#include "base/random.h"
#include "filter/filter_columns.h"

#include <inttypes.h>
#include <sqlite3.h>

#define ROWS    120
#define FILTERS 60 /* of each table */
#define TABLES  20 /* 144,000 rows looked at */

static unsigned long tables = TABLES, seed = 1;

typedef struct table {
    sqlite3 *sqlite;
    buffer rows[ROWS]; /* JSON; the id is the index */
    buffer image;
    columns *columns;
} table;

static const int64_t integers[] = {0,
                                   1,
                                   -1,
                                   2,
                                   3,
                                   10,
                                   -7,
                                   INT64_C(9007199254740992), /* 2^53 */
                                   INT64_C(9007199254740993),
                                   INT64_C(9007199254740994),
                                   INT64_C(-9007199254740993),
                                   INT64_C(9223372036854774784), /* the double before 2^63 */
                                   INT64_C(9223372036854774785),
                                   INT64_MAX,
                                   INT64_MIN,
                                   INT64_MIN + 1};
static const double reals[] = {0.5,
                               1.0,
                               -1.5,
                               2.0,
                               2.5,
                               1e300,
                               -1e-5,
                               9007199254740992.0,
                               9007199254740994.0,
                               -9007199254740992.0,
                               9223372036854774784.0,
                               0x1p63,
                               -0x1p63,
                               0.1,
                               0x1.99999ap-4 /* 0.1 as float32 */};
static const char *const texts[] = {"",
                                    "a",
                                    "A",
                                    "ab",
                                    "abc",
                                    "a%",
                                    "a_b",
                                    "b",
                                    "ba",
                                    "\xc3\xbc",
                                    "\xe6\xb0\xb4",
                                    "it's",
                                    "%",
                                    "_",
                                    "zz",
                                    "1",
                                    "\xc3\xbc"
                                    "b",
                                    "a\nb",
                                    "\\"};

#define PICK(random, list) ((list)[random_below((random), VV_COUNT(list))])

static bool one_in(random_state *random, uint64_t n) { return random_below(random, n) == 0; }

#define must(call) assert_int_equal((call), VARVE_OK)

/* ---- tables ---------------------------------------------------------------------------------- */

static void sql(sqlite3 *s, const char *text)
{
    char *message = NULL;
    if (sqlite3_exec(s, text, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", text, message);
}

static void set_integer(random_state *random, sqlite3_stmt *row, int at, buffer *json)
{
    int64_t n = PICK(random, integers);
    assert_int_equal(sqlite3_bind_int64(row, at, n), SQLITE_OK);
    must(buffer_printf(json, NULL, "%" PRId64, n));
}

static void set_real(random_state *random, sqlite3_stmt *row, int at, buffer *json)
{
    double n = PICK(random, reals);
    assert_int_equal(sqlite3_bind_double(row, at, n), SQLITE_OK);
    must(json_out_double(json, n, NULL));
}

static void set_text(random_state *random, sqlite3_stmt *row, int at, buffer *json)
{
    const char *text = PICK(random, texts);
    assert_int_equal(sqlite3_bind_text(row, at, text, -1, SQLITE_STATIC), SQLITE_OK);
    must(json_out_string(json, text, strlen(text), NULL));
}

/* Column `at` of i, r, t, m; nothing at all for some of the nulls. */
static void set_column(random_state *random, sqlite3_stmt *row, int at, buffer *json)
{
    bool null = one_in(random, 6);
    uint64_t kind = at == 4 ? 1 + random_below(random, 3) : (uint64_t)at;
    if (null && one_in(random, 2)) return;
    must(buffer_printf(json, NULL, "%s\"%c\":", json->len > 1 ? "," : "", "irtm"[at - 1]));
    if (null)
        must(buffer_add_text(json, "null", NULL));
    else if (kind == 3)
        set_text(random, row, at, json);
    else if (kind == 1 || one_in(random, 3))
        set_integer(random, row, at, json);
    else
        set_real(random, row, at, json);
}

static void fill(random_state *random, table *t)
{
    sqlite3_stmt *insert = NULL;
    assert_int_equal(sqlite3_open(":memory:", &t->sqlite), SQLITE_OK);
    sql(t->sqlite, "PRAGMA case_sensitive_like = ON");
    sql(t->sqlite, "CREATE TABLE x (i, r, t, m, id INTEGER PRIMARY KEY)");
    assert_int_equal(
        sqlite3_prepare_v2(t->sqlite, "INSERT INTO x VALUES (?, ?, ?, ?, ?)", -1, &insert, NULL),
        SQLITE_OK);
    for (int i = 0; i < ROWS; i++) {
        buffer *json = &t->rows[i];
        buffer_init(json, SIZE_MAX, "row");
        must(buffer_add_text(json, "{", NULL));
        assert_int_equal(sqlite3_clear_bindings(insert), SQLITE_OK);
        for (int at = 1; at <= 4; at++)
            set_column(random, insert, at, json);
        must(buffer_add_text(json, "}", NULL));
        assert_int_equal(sqlite3_bind_int(insert, 5, i), SQLITE_OK);
        assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
        assert_int_equal(sqlite3_reset(insert), SQLITE_OK);
    }
    sqlite3_finalize(insert);
}

static varve_status image_bytes(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                                varve_error *err)
{
    const table *t = context;
    if (offset > t->image.len || len > t->image.len - offset)
        return vv_fail(err, VARVE_CORRUPT, "beyond the image");
    *ret = (const uint8_t *)t->image.data + offset;
    return VARVE_OK;
}

static void build_columns(table *t)
{
    columns_builder *b;
    buffer_init(&t->image, (size_t)1 << 24, "columns");
    must(columns_builder_new(&b, NULL));
    for (int i = 0; i < ROWS; i++)
        must(columns_builder_add(b, (varve_text){t->rows[i].data, t->rows[i].len}, NULL));
    must(columns_builder_finish(b, &t->image, NULL));
    columns_builder_free(b);
    const field_image image = {t->image.len, image_bytes, t};
    must(columns_open(&image, ROWS, &t->columns, NULL));
}

static void empty(table *t)
{
    columns_free(t->columns);
    buffer_done(&t->image);
    for (int i = 0; i < ROWS; i++)
        buffer_done(&t->rows[i]);
    sqlite3_close(t->sqlite);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static void add(buffer *out, const char *text) { must(buffer_add_text(out, text, NULL)); }

static void add_text(buffer *out, const char *text)
{
    add(out, "'");
    for (; *text; text++)
        must(buffer_add(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1, NULL));
    add(out, "'");
}

static void add_number(random_state *random, buffer *out)
{
    if (one_in(random, 2))
        must(buffer_printf(out, NULL, "%" PRId64, PICK(random, integers)));
    else
        must(buffer_printf(out, NULL, "%.17g", PICK(random, reals)));
}

/* Of a kind that has the order of the column; m: any. */
static void add_literal(random_state *random, char column, buffer *out)
{
    if (one_in(random, 15))
        add(out, "NULL");
    else if (column == 't' || (column == 'm' && one_in(random, 2)))
        add_text(out, PICK(random, texts));
    else
        add_number(random, out);
}

static void add_list(random_state *random, char column, buffer *out)
{
    add(out, one_in(random, 2) ? " IN (" : " NOT IN (");
    for (uint64_t i = random_below(random, 5); i > 0; i--) {
        add_literal(random, column, out);
        if (i > 1) add(out, ", ");
    }
    add(out, ")");
}

static void add_like(random_state *random, buffer *out)
{
    static const char *const patterns[] = {"a%", "%b",  "_",   "%",    "a_b", "",     "%\xc3\xbc%",
                                           "__", "A%",  "%_b", "a!_b", "!%",  "it'%", "%a%b%",
                                           "a%", "_%_", "%!!", "_\n_", "\\",  "%%"};
    const char *pattern = PICK(random, patterns);
    add(out, one_in(random, 2) ? "t LIKE " : "t NOT LIKE ");
    add_text(out, pattern);
    if (one_in(random, 2)) add(out, " ESCAPE '!'");
}

static void add_comparison(random_state *random, char column, buffer *out)
{
    static const char *const ops[] = {" = ", " == ", " != ", " <> ", " < ", " <= ", " > ", ">="};
    const char *op = ops[random_below(random, column == 'm' ? 4 : 8)];
    char name[] = {column, '\0'};
    bool turned = one_in(random, 4);
    if (turned)
        add_literal(random, column, out);
    else
        add(out, column == 'd' ? "id" : name);
    add(out, op);
    if (turned)
        add(out, column == 'd' ? "id" : name);
    else
        add_literal(random, column, out);
}

static void add_between(random_state *random, char column, buffer *out)
{
    add(out, one_in(random, 2) ? " BETWEEN " : " NOT BETWEEN ");
    add_literal(random, column, out);
    add(out, " AND ");
    add_literal(random, column, out);
}

/* Of literals alone, both of one kind. */
static void add_constant(random_state *random, buffer *out)
{
    static const char *const ops[] = {" = ", " != ", " < ", ">=", " IN (0, ", " NOT IN ("};
    const char *op = PICK(random, ops);
    char column = one_in(random, 2) || strchr(op, '0') ? 'i' : 't';
    add_literal(random, column, out);
    add(out, op);
    add_literal(random, column, out);
    if (strchr(op, '(')) add(out, ")");
}

static void add_predicate(random_state *random, buffer *out)
{
    static const char columns[] = "irtmd"; /* d: the id */
    static const char *const constants[] = {"TRUE", "FALSE", "NULL"};
    char column = columns[random_below(random, 5)], name[] = {column, '\0'};
    uint64_t kind = random_below(random, 13);
    if (kind == 0) {
        add(out, PICK(random, constants));
    } else if (kind == 12) {
        add_constant(random, out);
    } else if (kind <= 2) {
        add_like(random, out);
    } else if (kind <= 6) {
        add_comparison(random, column, out);
    } else {
        add(out, column == 'd' ? "id" : name);
        if (kind <= 8)
            add_list(random, column, out);
        else if (kind <= 10 && column != 'm')
            add_between(random, column, out);
        else
            add(out, one_in(random, 2) ? " IS NULL" : " IS NOT NULL");
    }
}

static void add_condition(random_state *random, int depth, buffer *out)
{
    switch (depth == 0 ? 0 : random_below(random, 6)) {
    case 0: add_predicate(random, out); break;
    case 1:
        add(out, "NOT ");
        add_condition(random, depth - 1, out);
        break;
    case 2:
        add(out, "(");
        add_condition(random, depth - 1, out);
        add(out, ")");
        break;
    default:
        add_condition(random, depth - 1, out);
        add(out, one_in(random, 2) ? " AND " : " OR ");
        add_condition(random, depth - 1, out);
    }
}

/* ---- both asked ------------------------------------------------------------------------------ */

static truth ours(const filter *f, const table *t, int row, buffer *scratch)
{
    truth result = TRUTH_UNKNOWN;
    const filter_row r = {.id = {.kind = VARVE_ID_NUM, .num = (uint64_t)row},
                          .fields = {t->rows[row].data, t->rows[row].len}};
    must(filter_row_truth(f, &r, scratch, &result, NULL));
    return result;
}

static varve_status get_row(void *context, uint32_t slot, filter_row *ret, varve_error *err)
{
    const table *t = context;
    (void)err;
    *ret = (filter_row){.id = {.kind = VARVE_ID_NUM, .num = slot},
                        .fields = {t->rows[slot].data, t->rows[slot].len}};
    return VARVE_OK;
}

static void ask_columns(const filter *f, table *t, uint64_t *ret)
{
    filter_work work = {0};
    const filter_rows rows = {.count = ROWS, .get = get_row, .context = t};
    must(filter_columns(f, t->columns, &rows, 0, ret, &work, NULL));
}

static void compare(table *t, const buffer *condition, unsigned long counts[3])
{
    uint64_t found[(ROWS + 63) / 64] = {0};
    buffer query, scratch;
    sqlite3_stmt *select = NULL;
    int rows = 0;
    filter *f = where_of((varve_text){condition->data, condition->len}, NULL, 0);
    buffer_init(&query, SIZE_MAX, "query");
    buffer_init(&scratch, SIZE_MAX, "scratch");
    must(buffer_printf(&query, NULL, "SELECT id, (%.*s) FROM x ORDER BY id", (int)condition->len,
                       condition->data));
    if (sqlite3_prepare_v2(t->sqlite, query.data, (int)query.len, &select, NULL) != SQLITE_OK)
        fail_msg("%.*s: %s", (int)query.len, query.data, sqlite3_errmsg(t->sqlite));
    ask_columns(f, t, found);
    for (; sqlite3_step(select) == SQLITE_ROW; rows++) {
        bool null = sqlite3_column_type(select, 1) == SQLITE_NULL;
        truth theirs = null                            ? TRUTH_UNKNOWN
                       : sqlite3_column_int(select, 1) ? TRUTH_TRUE
                                                       : TRUTH_FALSE;
        truth mine = ours(f, t, rows, &scratch);
        if (mine != theirs)
            fail_msg("%.*s\nof id %d, %.*s\nis %c, of SQLite %c (seed %lu)", (int)condition->len,
                     condition->data, rows, (int)t->rows[rows].len, t->rows[rows].data, "FUT"[mine],
                     "FUT"[theirs], seed);
        if ((found[rows / 64] >> rows % 64 & 1) != (theirs == TRUTH_TRUE))
            fail_msg("%.*s\nof id %d, %.*s\nis %c of SQLite, not of the columns (seed %lu)",
                     (int)condition->len, condition->data, rows, (int)t->rows[rows].len,
                     t->rows[rows].data, "FUT"[theirs], seed);
        counts[mine]++;
    }
    assert_int_equal(rows, ROWS);
    sqlite3_finalize(select);
    buffer_done(&scratch);
    buffer_done(&query);
    filter_free(f);
}

static void as_sqlite(void **state)
{
    (void)state;
    unsigned long counts[3] = {0};
    random_state random;
    random_seed(&random, seed);
    for (unsigned long i = 0; i < tables; i++) {
        table t = {0};
        fill(&random, &t);
        build_columns(&t);
        for (int j = 0; j < FILTERS; j++) {
            buffer condition;
            buffer_init(&condition, SIZE_MAX, "condition");
            add_condition(&random, (int)random_below(&random, 6), &condition);
            compare(&t, &condition, counts);
            buffer_done(&condition);
        }
        empty(&t);
    }
    print_message("%lu TRUE, %lu FALSE, %lu UNKNOWN\n", counts[TRUTH_TRUE], counts[TRUTH_FALSE],
                  counts[TRUTH_UNKNOWN]);
    for (int i = 0; i < 3; i++) /* all three are worth something */
        assert_true(counts[i] > tables * ROWS * FILTERS / 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_sqlite)};
    if (argc > 1) tables = strtoul(argv[1], NULL, 10);
    if (argc > 2) seed = strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
