/* Which run came when: the order of a test's records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "merge/internal.h"
#include "store/transplant.h"

/* A run of one of the databases. */
struct run {
    size_t source; /* OWN: `into` itself */
    ptd_id id;
    char *started, *commit; /* owned */
    bool baseline;
    uint64_t recorded_at;
    bool last; /* of its database */
    ptd_id to; /* its number in the end, 0: not known yet */
};
#define OWN SIZE_MAX

struct runs {
    struct run *items;
    size_t count, cap;
    size_t source;
};

static int see_run(const struct ptd_store_run *row, void *arg)
{
    struct runs *runs = arg;
    runs->items = ptd_xgrow(runs->items, &runs->cap, runs->count + 1, sizeof(*runs->items));
    runs->items[runs->count++] = (struct run){
        .source = runs->source,
        .id = row->id,
        .started = ptd_xstrdup(row->started),
        .commit = row->commit ? ptd_xstrdup(row->commit) : NULL,
        .baseline = row->baseline,
        .recorded_at = row->recorded_at,
    };
    return 0;
}

/* The last run, and what the last baseline was. */
static void summarise(struct ptd_merge_work *work, struct runs *runs, size_t first, size_t source)
{
    struct run *last = NULL, *baseline = NULL;
    for (size_t i = first; i < runs->count; i++) {
        struct run *r = &runs->items[i];
        if (!last || r->recorded_at >= last->recorded_at)
            last = r;
        if (r->baseline && (!baseline || r->recorded_at >= baseline->recorded_at))
            baseline = r;
    }
    if (last)
        last->last = true;
    if (source == OWN) {
        work->own_baseline = baseline ? baseline->recorded_at : 0;
        return;
    }
    struct ptd_merge_source *s = &work->sources[source];
    s->last_run = last ? last->recorded_at : 0;
    s->input->last_baseline = baseline ? baseline->recorded_at : 0;
    snprintf(s->input->commit, sizeof(s->input->commit), "%s",
             baseline && baseline->commit ? baseline->commit : "");
}

static int load(struct ptd_merge_work *work, struct runs *runs, struct ptd_err *err)
{
    for (size_t i = 0; i <= work->count; i++) {
        size_t first = runs->count;
        runs->source = i ? i - 1 : OWN;
        struct ptd_store *store = i ? work->sources[i - 1].map.from : work->into;
        if (ptd_store_each_run(store, see_run, runs, err) < 0)
            return -1;
        summarise(work, runs, first, runs->source);
    }
    return 0;
}

static int order_runs(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->recorded_at != y->recorded_at)
        return x->recorded_at < y->recorded_at ? -1 : 1;
    if (x->source != y->source)
        return x->source == OWN ? -1 : y->source == OWN ? 1 : x->source < y->source ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool same_commit(const struct run *a, const struct run *b)
{
    return a->commit && b->commit && strcmp(a->commit, b->commit) == 0;
}

/* The shards of one baseline: each the last run of its database, all of one commit. */
static bool shards(const struct run *a, const struct run *b)
{
    return a->last && b->last && a->baseline && b->baseline && a->source != b->source &&
           a->source != OWN && b->source != OWN && same_commit(a, b);
}

/* The clock in ns tells runs apart. */
static bool identical(const struct run *a, const struct run *b)
{
    return a->recorded_at && a->recorded_at == b->recorded_at && a->baseline == b->baseline &&
           (same_commit(a, b) || (!a->commit && !b->commit));
}

/* One run takes the place of another; the later one is kept with the time when the first began. */
static void unite(struct runs *runs, size_t kept, size_t other)
{
    struct run *a = &runs->items[kept], *b = &runs->items[other];
    if (strcmp(b->started, a->started) < 0) {
        free(a->started);
        a->started = ptd_xstrdup(b->started);
    }
    b->to = -(ptd_id)kept - 1; /* resolved when `kept` has its number */
}

static void find_equals(struct runs *runs)
{
    for (size_t i = runs->count; i-- > 0;) {
        struct run *r = &runs->items[i];
        if (r->to)
            continue;
        for (size_t k = i; k-- > 0;) {
            struct run *earlier = &runs->items[k];
            if (earlier->to)
                continue;
            if (identical(r, earlier) && earlier->source == OWN && r->source != OWN) {
                r->to = -(ptd_id)k - 1; /* what is there stays as it is */
                break;
            }
            if ((identical(r, earlier) && r->source != earlier->source) || shards(r, earlier))
                unite(runs, i, k);
        }
    }
}

static int put(struct ptd_merge_work *work, struct run *r, struct ptd_err *err)
{
    struct ptd_store_run row = {r->to, r->started, r->baseline, r->commit, r->recorded_at};
    return ptd_store_run_put(work->into, &row, err);
}

static ptd_id resolve(const struct runs *runs, const struct run *r)
{
    while (r->to < 0)
        r = &runs->items[-r->to - 1];
    return r->to;
}

/* Numbers in the order of time; those of `into`, where it has any, behind all others. */
static int number(struct ptd_merge_work *work, struct runs *runs, size_t *added,
                  struct ptd_err *err)
{
    ptd_id next = 0, own = 0;
    for (size_t i = 0; i < runs->count; i++)
        if (!runs->items[i].to && runs->items[i].source != OWN)
            runs->items[i].to = ++next;
        else
            own += runs->items[i].source == OWN;
    *added = (size_t)next;
    if (own && next && ptd_store_runs_shift(work->into, next, err) < 0)
        return -1;
    for (size_t i = 0; i < runs->count; i++) {
        struct run *r = &runs->items[i];
        if (r->source == OWN)
            r->to = r->id + next;
        else if (r->to > 0 && put(work, r, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < runs->count; i++) {
        struct run *r = &runs->items[i];
        if (r->source != OWN)
            ptd_merge_map_put(&work->sources[r->source].map.runs, r->id, resolve(runs, r));
    }
    return 0;
}

int ptd_merge_runs(struct ptd_merge_work *work, size_t *added, struct ptd_err *err)
{
    struct runs runs = {0};
    int failed = load(work, &runs, err);
    if (!failed) {
        if (runs.count)
            qsort(runs.items, runs.count, sizeof(*runs.items), order_runs);
        find_equals(&runs);
        failed = number(work, &runs, added, err);
    }
    for (size_t i = 0; i < runs.count; i++) {
        free(runs.items[i].started);
        free(runs.items[i].commit);
    }
    free(runs.items);
    return failed;
}
