#include "merge/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "merge/internal.h"
#include "store/transplant.h"

/* A record of one of the sources. */
struct record {
    size_t source;
    ptd_id id, environment, run; /* of `into`, but for `id` */
};

struct records {
    struct record *items;
    size_t count, cap;
    struct ptd_merge_work *work;
    size_t source;
    ptd_id environment_here, environment;
    struct ptd_err *err;
};

/* Whose record stands for a test in the baseline. */
struct claim {
    ptd_id node, environment;
};
#define OWN_CLAIM UINT64_MAX

static int see_record(const struct ptd_record *record, void *arg)
{
    struct records *r = arg;
    struct ptd_merge_map *map = &r->work->sources[r->source].map;
    ptd_id run = ptd_merge_map_get(&map->runs, record->run);
    if (!run)
        return ptd_merge_damaged(map, "the run of a record is missing", r->err);
    r->items = ptd_xgrow(r->items, &r->cap, r->count + 1, sizeof(*r->items));
    r->items[r->count++] = (struct record){r->source, record->id, r->environment, run};
    return 0;
}

static int see_environment(ptd_id id, const char *name, void *arg)
{
    struct records *r = arg;
    struct ptd_merge_map *map = &r->work->sources[r->source].map;
    (void)name;
    r->environment = ptd_merge_map_get(&map->environments, id);
    return ptd_store_each_record(map->from, id, see_record, r, r->err);
}

static int order_records(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* One record on its way. */
struct transfer {
    struct ptd_merge_work *work;
    const struct record *record;
    struct ptd_map *claims;    /* of the baseline: struct claim → source */
    struct ptd_map *placed;    /* records of the baseline there → source */
    struct ptd_map *tests;     /* nodes that have a record */
    struct ptd_map *own_tests; /* and by source: (source, node) */
    struct ptd_err *err;
};

static uint64_t baseline_time(const struct ptd_merge_work *work, uint64_t source)
{
    return source == OWN_CLAIM ? work->own_baseline : work->sources[source].input->last_baseline;
}

/* The later baseline has it; of equal ones the first. */
static void claim(struct transfer *t, const struct claim *key, uint64_t source)
{
    bool added;
    size_t at = ptd_map_put(t->claims, key, sizeof(*key), source, &added);
    uint64_t *holder = &t->claims->entries[at].value;
    if (!added && baseline_time(t->work, source) > baseline_time(t->work, *holder))
        *holder = source;
}

static void count_test(struct transfer *t, ptd_id node)
{
    struct ptd_merge_input *input = t->work->sources[t->record->source].input;
    const ptd_id key[] = {(ptd_id)t->record->source, node};
    bool added;
    ptd_map_put(t->tests, &node, sizeof(node), 0, NULL);
    ptd_map_put(t->own_tests, key, sizeof(key), 0, &added);
    input->tests += added;
}

static int transfer_record(const struct ptd_record *here, void *arg)
{
    struct transfer *t = arg;
    const struct record *r = t->record;
    struct ptd_merge_map *map = &t->work->sources[r->source].map;
    PTD_CLEANUP_BUF struct ptd_buf depsets = PTD_BUF_INIT, labels = PTD_BUF_INIT;
    struct ptd_record record = *here;
    record.node = ptd_merge_map_get(&map->nodes, here->node);
    record.run = r->run;
    if (!record.node)
        return ptd_merge_damaged(map, "the test of a record is missing", t->err);
    if (ptd_merge_sets(map, here, &depsets, &labels, t->err) < 0)
        return -1;
    record.depsets = depsets.data;
    record.depsets_len = depsets.len;
    record.labels = labels.data;
    record.labels_len = labels.len;
    ptd_id id;
    if (ptd_store_record_offer(t->work->into, r->environment, &record, &id, t->err) < 0)
        return -1;
    if (ptd_merge_map_get(&map->tests, here->node))
        count_test(t, record.node);
    if (here->baseline) {
        struct claim key = {record.node, r->environment};
        claim(t, &key, r->source);
        const ptd_id place[] = {id, record.node, r->environment, (ptd_id)r->source};
        ptd_map_put(t->placed, place, sizeof(place), 0, NULL);
    }
    return 0;
}

/* ---- the baseline ---- */

static int see_own_record(const struct ptd_record *record, void *arg)
{
    struct records *r = arg;
    if (record->baseline) {
        r->items = ptd_xgrow(r->items, &r->cap, r->count + 1, sizeof(*r->items));
        r->items[r->count++] = (struct record){0, record->id, r->environment, record->node};
    }
    return 0;
}

static int see_own_environment(ptd_id id, const char *name, void *arg)
{
    struct records *r = arg;
    (void)name;
    r->environment = id;
    return ptd_store_each_record(r->work->into, id, see_own_record, r, r->err);
}

static int load_own_claims(struct ptd_merge_work *work, struct ptd_map *claims, struct ptd_err *err)
{
    struct records own = {.work = work, .err = err};
    int failed = ptd_store_each_environment(work->into, see_own_environment, &own, err);
    for (size_t i = 0; i < own.count; i++) {
        struct claim key = {own.items[i].run, own.items[i].environment};
        ptd_map_put(claims, &key, sizeof(key), OWN_CLAIM, NULL);
    }
    free(own.items);
    return failed;
}

static int set_baseline(struct transfer *t)
{
    for (size_t i = 0; i < t->claims->count; i++) {
        struct claim key;
        memcpy(&key, t->claims->entries[i].key, sizeof(key));
        if (t->claims->entries[i].value != OWN_CLAIM &&
            ptd_store_baseline_drop(t->work->into, key.node, key.environment, t->err) < 0)
            return -1;
    }
    for (size_t i = 0; i < t->placed->count; i++) {
        ptd_id place[4];
        memcpy(place, t->placed->entries[i].key, sizeof(place));
        struct claim key = {place[1], place[2]};
        size_t at = ptd_map_find(t->claims, &key, sizeof(key));
        if (t->claims->entries[at].value == (uint64_t)place[3] &&
            ptd_store_baseline_add(t->work->into, place[0], t->err) < 0)
            return -1;
    }
    return 0;
}

/* In the order of their runs, so that of equal ones the latest stays. */
static int merge_records(struct ptd_merge_work *work, struct ptd_merge_result *result,
                         struct ptd_err *err)
{
    PTD_CLEANUP_MAP struct ptd_map claims = PTD_MAP_INIT, placed = PTD_MAP_INIT;
    PTD_CLEANUP_MAP struct ptd_map tests = PTD_MAP_INIT, own_tests = PTD_MAP_INIT;
    struct records records = {.work = work, .err = err};
    struct transfer t = {.work = work,
                         .claims = &claims,
                         .placed = &placed,
                         .tests = &tests,
                         .own_tests = &own_tests,
                         .err = err};
    int failed = load_own_claims(work, &claims, err);
    for (; records.source < work->count && !failed; records.source++)
        failed = ptd_store_each_environment(work->sources[records.source].map.from, see_environment,
                                            &records, err);
    if (records.count)
        qsort(records.items, records.count, sizeof(*records.items), order_records);
    for (size_t i = 0; i < records.count && !failed; i++) {
        t.record = &records.items[i];
        failed = ptd_store_record_get(work->sources[t.record->source].map.from, t.record->id,
                                      transfer_record, &t, err);
    }
    if (!failed)
        failed = set_baseline(&t);
    result->records = records.count;
    result->tests = tests.count;
    free(records.items);
    return failed;
}

/* ---- all of it ---- */

static int order_sources(const void *a, const void *b)
{
    const struct ptd_merge_source *x = a, *y = b;
    if (x->last_run != y->last_run)
        return x->last_run < y->last_run ? -1 : 1;
    return x->input < y->input ? -1 : x->input > y->input;
}

static int see_last_run(const struct ptd_store_run *run, void *arg)
{
    struct ptd_merge_source *source = arg;
    if (run->recorded_at > source->last_run)
        source->last_run = run->recorded_at;
    return 0;
}

static int make_sources(struct ptd_merge_work *work, struct ptd_err *err)
{
    const struct ptd_merge_request *request = work->request;
    work->sources = ptd_xcalloc(request->count + 1, sizeof(*work->sources));
    for (; work->count < request->count; work->count++) {
        struct ptd_merge_source *s = &work->sources[work->count];
        s->input = &request->inputs[work->count];
        s->input->tests = 0;
        if (ptd_merge_map_init(&s->map, s->input->store, work->into, err) < 0 ||
            ptd_store_each_run(s->input->store, see_last_run, s, err) < 0) {
            work->count++; /* to be released */
            return -1;
        }
    }
    if (work->count)
        qsort(work->sources, work->count, sizeof(*work->sources), order_sources);
    return 0;
}

static int load_current(struct ptd_merge_work *work, struct ptd_err *err)
{
    struct ptd_store_files files;
    if (ptd_store_files(work->into, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++)
        ptd_merge_map_put(&work->current, files.items[i].id, files.items[i].version);
    ptd_store_files_release(&files);
    return ptd_merge_edges_load(work, err);
}

static int merge_all(struct ptd_merge_work *work, struct ptd_merge_result *result,
                     struct ptd_err *err)
{
    if (make_sources(work, err) < 0 || load_current(work, err) < 0 ||
        ptd_merge_runs(work, &result->runs, err) < 0)
        return -1;
    for (size_t i = 0; i < work->count; i++)
        if (ptd_merge_rows(work, &work->sources[i], err) < 0)
            return -1;
    if (ptd_merge_edges_save(work, err) < 0 || ptd_merge_habits(work, err) < 0 ||
        merge_records(work, result, err) < 0)
        return -1;
    return ptd_store_prune_all(work->into, err) < 0 ||
                   ptd_store_collect_garbage(work->into, err) < 0
               ? -1
               : 0;
}

/* Each database is read as it is at one moment. */
static int begin(const struct ptd_merge_request *request, struct ptd_err *err)
{
    for (size_t i = 0; i < request->count; i++)
        if (ptd_store_begin_read(request->inputs[i].store, err) < 0)
            return -1;
    return ptd_store_begin(request->into, err);
}

int ptd_merge(const struct ptd_merge_request *request, struct ptd_merge_result *result,
              struct ptd_err *err)
{
    struct ptd_merge_work work = {.request = request, .into = request->into};
    *result = (struct ptd_merge_result){0};
    int failed = begin(request, err) < 0 || merge_all(&work, result, err) < 0 ||
                 ptd_store_commit(request->into, err) < 0;
    if (failed)
        ptd_store_rollback(request->into);
    for (size_t i = 0; i < request->count; i++)
        ptd_store_rollback(request->inputs[i].store);
    for (size_t i = 0; i < work.count; i++)
        ptd_merge_map_release(&work.sources[i].map);
    free(work.sources);
    ptd_merge_edges_release(&work);
    ptd_map_release(&work.current);
    return failed ? -1 : 0;
}
