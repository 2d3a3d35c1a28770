/* graph_search_filter.c — a walk where rows are hidden: what is known before it begins.
 *
 * Hidden rows lead to live ones, but not to each other: a row that is met at a hidden one joins the
 * frontier only if it is live. So live rows that are two edges apart lead to each other, which few
 * live ones need to hang together, and a region without live rows is never explored, however near
 * the query is to it (Patel et al., "ACORN", SIGMOD 2024). Where live rows are so rare that two
 * edges do not lead from one to the next, hidden rows lead to all.
 *
 * How far live rows are from where the query is shows in the entry sample: when most hidden rows of
 * it are nearer than the nearest live ones, those lie all around the query, none near another, and
 * it takes a wider walk to find the best of them. Both decide how many rows a walk will go to. When
 * to read all live rows takes less, that is done instead, and also when the walk has gone to as
 * many rows as that would have paid for. */
#include "index/graph_search.h"

#include "base/bytes.h"

#define TWO_EDGES   16  /* live rows that must be that near, for those to be enough */
#define NODE_ROWS   16  /* a row gone to takes as long as so many rows fetched by themselves, */
#define FETCH_BYTES 512 /* each of which takes as long as this and its bytes in a row */
#define LIVE_SAMPLE 32  /* live rows of the sample, at least */
#define NEAREST     4   /* of them, those that hidden ones are compared with */
#define CHANCE      2   /* by how much a sample may be off */
#define WIDER       6   /* for a query that has no live row near it */

static double live_share(const graph_walk *w) { return (double)w->live / w->x->rows; }

void graph_filter_init(graph_walk *w)
{
    uint64_t rows = w->x->rows, hidden = VV_MIN(tombstones_count(w->q->hidden), rows);
    double degree = w->x->shape.degree;
    double row_bytes = (double)varve_dtype_row_bytes(w->rows->dtype, w->rows->dim);
    double fetched, read = (double)rows * row_bytes;
    w->live = rows - hidden;
    w->filtered = hidden > 0;
    w->two_edges = w->filtered && live_share(w) * degree * degree >= TWO_EDGES;
    w->nodes_max = SIZE_MAX;
    if (!w->filtered) return;
    fetched = (double)w->live * (row_bytes + FETCH_BYTES);
    w->nodes_max = (size_t)(VV_MIN(fetched, read) / (NODE_ROWS * (row_bytes + FETCH_BYTES)));
}

/* ---- the sample ---------------------------------------------------------------------------- */

typedef struct nearest { /* places in the frontier, by key, ascending */
    size_t at[GRAPH_ENTRIES_USED], count;
} nearest;

static void keep_nearest(nearest *n, const float *keys, size_t at)
{
    size_t i = n->count;
    if (!(keys[at] < INFINITY)) return;
    if (i == GRAPH_ENTRIES_USED && !(keys[at] < keys[n->at[i - 1]])) return;
    if (i < GRAPH_ENTRIES_USED)
        n->count++;
    else
        i--;
    for (; i > 0 && keys[n->at[i - 1]] > keys[at]; i--)
        n->at[i] = n->at[i - 1];
    n->at[i] = at;
}

typedef struct sample {
    nearest all, live;
    size_t live_count;
} sample;

static sample look_at(const graph_frontier *f)
{
    sample s = {0};
    for (size_t i = 0; i < f->count; i++) {
        keep_nearest(&s.all, f->waiting, i);
        keep_nearest(&s.live, f->keys, i);
        s.live_count += f->keys[i] < INFINITY;
    }
    return s;
}

/* The share of all rows that is hidden and nearer than the nearest live ones, beyond what chance
 * explains. */
static double rows_between(const graph_walk *w, const sample *s)
{
    const graph_frontier *f = &w->s->frontier;
    size_t hidden = f->count - s->live_count, nearer = 0;
    size_t compared = VV_MIN(s->live.count, (size_t)NEAREST);
    if (compared == 0 || hidden == 0) return 0;
    float key = f->keys[s->live.at[compared - 1]];
    for (size_t i = 0; i < f->count; i++)
        nearer += !(f->keys[i] < INFINITY) && f->waiting[i] < key;
    double share = (double)nearer / (double)hidden;
    double by_chance = CHANCE * (double)compared / (double)s->live_count;
    return (1 - live_share(w)) * fmax(share - by_chance, 0);
}

/* LIVE_SAMPLE live rows, at equal steps among them. */
static void pick_live(const graph_walk *w, uint8_t *ret_rows)
{
    uint64_t step = VV_MAX(w->live / LIVE_SAMPLE, UINT64_C(1)), wanted = step / 2, passed = 0;
    uint32_t rows = w->x->rows, count = 0;
    memset(ret_rows, 0xff, (size_t)LIVE_SAMPLE * sizeof(uint32_t));
    for (uint32_t first = 0; first < rows && count < LIVE_SAMPLE; first += 64) {
        uint64_t word = ~tombstones_word(w->q->hidden, first);
        if (rows - first < 64) word &= (UINT64_C(1) << (rows - first)) - 1;
        uint64_t n = (uint64_t)__builtin_popcountll(word);
        for (; word && wanted < passed + n && count < LIVE_SAMPLE; wanted += step) {
            for (; passed < wanted; passed++, n--)
                word &= word - 1;
            put_u32(ret_rows + 4 * (size_t)count++, first + (uint32_t)__builtin_ctzll(word));
        }
        passed += n;
    }
}

static varve_status add_live(graph_walk *w, varve_error *err)
{
    uint8_t rows[LIVE_SAMPLE * sizeof(uint32_t)] __attribute__((aligned(64)));
    pick_live(w, rows);
    return graph_walk_meet(w, rows, err);
}

/* ---- the beginning of a walk --------------------------------------------------------------- */

/* How many rows will be gone to. */
static double nodes_of(const graph_walk *w, double breadth, double between)
{
    double share = live_share(w);
    if (!w->two_edges) return breadth / share + between * w->x->rows;
    return breadth * (0.8 + 0.27 / share + 10 * between);
}

/* Only the best entries wait, whether hidden or not, the best live ones, and the first, which leads
 * to all rows: whatever else is near will be met. */
static void keep_chosen(graph_frontier *f, const sample *s, uint32_t first, bool first_live)
{
    float keys[2 * GRAPH_ENTRIES_USED], waiting[2 * GRAPH_ENTRIES_USED], most = 0;
    uint32_t rows[2 * GRAPH_ENTRIES_USED];
    size_t count = 0;
    for (size_t i = 0; i < s->all.count + s->live.count; i++) {
        bool from_all = i < s->all.count;
        size_t at = from_all ? s->all.at[i] : s->live.at[i - s->all.count];
        bool twice = false;
        for (size_t j = 0; !from_all && j < s->all.count; j++)
            twice |= s->all.at[j] == at;
        if (twice) continue;
        keys[count] = f->keys[at];
        waiting[count] = f->waiting[at];
        rows[count++] = f->rows[at];
    }
    for (size_t i = 0; i < f->count; i++)
        most = f->waiting[i] < INFINITY && f->waiting[i] > most ? f->waiting[i] : most;
    memcpy(f->keys, keys, count * sizeof *keys);
    memcpy(f->waiting, waiting, count * sizeof *waiting);
    memcpy(f->rows, rows, count * sizeof *rows);
    f->keys[count] = first_live ? most : INFINITY;
    f->waiting[count] = most;
    f->rows[count] = first;
    f->count = count + 1;
    graph_frontier_close(f);
}

varve_status graph_filter_begin(graph_walk *w, size_t *breadth, varve_error *err)
{
    graph_frontier *f = &w->s->frontier;
    sample s = look_at(f);
    double between;
    if (s.live_count < VV_MIN((uint64_t)LIVE_SAMPLE, w->live)) {
        VV_TRY(add_live(w, err));
        s = look_at(f);
    }
    between = rows_between(w, &s);
    if (w->q->breadth == 0) *breadth = (size_t)((double)*breadth * (1 + WIDER * sqrt(between)));
    w->gave_up = nodes_of(w, (double)*breadth, between) > (double)w->nodes_max;
    if (w->x->shape.layout == GRAPH_PACKED && f->count > 2 * GRAPH_ENTRIES_USED) {
        uint32_t first = w->x->model.entry;
        if (first != w->q->skip) keep_chosen(f, &s, first, graph_is_live(w, first));
    }
    return VARVE_OK;
}
