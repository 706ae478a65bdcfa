#include "record/uses.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/order.h"

/* Ids to positions + 1; 0: none. */
struct table {
    uint32_t *items; /* owned */
    size_t size;
};

/* A dependency set as a range of `lists`. */
struct range {
    size_t first, count;
};

struct loader {
    struct ptd_uses *out;
    struct table files, fingerprints, nodes; /* nodes: to `tests`, with or without a record */
    struct table depsets;                    /* to `ranges` */
    struct range *ranges;
    size_t range_count, range_cap;
    uint32_t *lists;
    size_t list_count, list_cap;
    uint32_t *stamps; /* per used file: the last test or set that has it */
    uint32_t stamp;
    ptd_id *environments;
    size_t environment_count, environment_cap;
    uint32_t *seen_in; /* per test: the last environment + 1 that it was seen in */
};

static void set(struct table *t, ptd_id id, size_t value)
{
    size_t at = (size_t)id;
    if (at >= t->size) {
        size_t size = at * 2 + 64;
        t->items = ptd_xrealloc(t->items, size * sizeof(uint32_t));
        memset(t->items + t->size, 0, (size - t->size) * sizeof(uint32_t));
        t->size = size;
    }
    t->items[at] = (uint32_t)value;
}

static uint32_t get(const struct table *t, uint64_t id)
{
    return id < t->size ? t->items[id] : 0;
}

static int compare_used(const void *a, const void *b)
{
    return strcmp(((const struct ptd_used_file *)a)->path, ((const struct ptd_used_file *)b)->path);
}

static int load_files(struct loader *l, struct ptd_store *store, struct ptd_err *err)
{
    struct ptd_uses *out = l->out;
    if (ptd_store_files(store, &out->files, err) < 0)
        return -1;
    out->used = ptd_xcalloc(out->files.count + 1, sizeof(*out->used));
    for (size_t i = 0; i < out->files.count; i++) {
        const struct ptd_store_file *f = &out->files.items[i];
        if (f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE)
            out->used[out->used_count++] = (struct ptd_used_file){f->path, f->kind};
    }
    if (out->used_count)
        qsort(out->used, out->used_count, sizeof(*out->used), compare_used);
    for (size_t i = 0; i < out->files.count; i++) {
        const struct ptd_store_file *f = &out->files.items[i];
        if (f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE)
            set(&l->files, f->id, ptd_uses_file(out, f->path) + 1);
    }
    l->stamps = ptd_xcalloc(out->used_count + 1, sizeof(uint32_t));
    return 0;
}

static int visit_fingerprint(const struct ptd_fingerprint *fp, void *arg)
{
    struct loader *l = arg;
    uint32_t file = get(&l->files, (uint64_t)fp->file);
    if (file && fp->id > 0)
        set(&l->fingerprints, fp->id, file);
    return 0;
}

/* Adds a file to a list, once per stamp. */
static void add_file(struct loader *l, uint32_t file, uint32_t **list, size_t *count, size_t *cap)
{
    if (l->stamps[file] == l->stamp)
        return;
    l->stamps[file] = l->stamp;
    *list = ptd_xgrow(*list, cap, *count + 1, sizeof(uint32_t));
    (*list)[(*count)++] = file;
}

static int visit_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    struct loader *l = arg;
    struct ptd_reader r = ptd_reader_init(data, len);
    uint64_t fingerprint = 0;
    size_t first = l->list_count;
    l->stamp++;
    while (r.pos < r.end && !r.bad) {
        fingerprint += ptd_reader_varint(&r);
        uint32_t file = r.bad ? 0 : get(&l->fingerprints, fingerprint);
        if (file)
            add_file(l, file - 1, &l->lists, &l->list_count, &l->list_cap);
    }
    l->ranges = ptd_xgrow(l->ranges, &l->range_cap, l->range_count + 1, sizeof(*l->ranges));
    l->ranges[l->range_count++] = (struct range){first, l->list_count - first};
    if (id > 0)
        set(&l->depsets, id, l->range_count);
    return 0;
}

static int visit_node(const struct ptd_store_node *node, void *arg)
{
    struct loader *l = arg;
    struct ptd_uses *out = l->out;
    if (node->is_file || node->id <= 0)
        return 0;
    out->tests = ptd_xgrow(out->tests, &out->cap, out->count + 1, sizeof(*out->tests));
    out->tests[out->count++] =
        (struct ptd_use){.nodeid = ptd_xstrdup(node->name), .first = SIZE_MAX};
    set(&l->nodes, node->id, out->count);
    return 0;
}

static int visit_environment(ptd_id id, const char *name, void *arg)
{
    struct loader *l = arg;
    (void)name;
    l->environments =
        ptd_xgrow(l->environments, &l->environment_cap, l->environment_count + 1, sizeof(ptd_id));
    l->environments[l->environment_count++] = id;
    return 0;
}

/* A later environment adds to what the test has; its files then move to the end of the pool. */
static void begin_list(struct loader *l, struct ptd_use *test)
{
    struct ptd_uses *out = l->out;
    size_t first = out->pool_count;
    l->stamp++;
    for (size_t i = 0; test->first != SIZE_MAX && i < test->count; i++) {
        uint32_t file = out->pool[test->first + i];
        add_file(l, file, &out->pool, &out->pool_count, &out->pool_cap);
    }
    test->first = first;
}

static int visit_record(const struct ptd_record *row, void *arg)
{
    struct loader *l = arg;
    struct ptd_uses *out = l->out;
    uint32_t at = row->node > 0 ? get(&l->nodes, (uint64_t)row->node) : 0;
    if (!at || l->seen_in[at - 1] == l->environment_count)
        return 0;
    struct ptd_use *test = &out->tests[at - 1];
    l->seen_in[at - 1] = (uint32_t)l->environment_count;
    begin_list(l, test);
    struct ptd_reader r = ptd_reader_init(row->depsets, row->depsets_len);
    while (r.pos < r.end && !r.bad) {
        uint32_t set_at = get(&l->depsets, ptd_reader_varint(&r));
        const struct range *range = r.bad || !set_at ? NULL : &l->ranges[set_at - 1];
        for (size_t i = 0; range && i < range->count; i++)
            add_file(l, l->lists[range->first + i], &out->pool, &out->pool_count, &out->pool_cap);
    }
    test->count = out->pool_count - test->first;
    if (test->count)
        qsort(out->pool + test->first, test->count, sizeof(uint32_t), ptd_order_u32);
    return 0;
}

static int compare_tests(const void *a, const void *b)
{
    return strcmp(((const struct ptd_use *)a)->nodeid, ((const struct ptd_use *)b)->nodeid);
}

static void finish(struct ptd_uses *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (out->tests[i].first == SIZE_MAX)
            free(out->tests[i].nodeid);
        else
            out->tests[kept++] = out->tests[i];
    }
    out->count = kept;
    if (kept)
        qsort(out->tests, kept, sizeof(*out->tests), compare_tests);
}

static int load_records(struct loader *l, struct ptd_store *store, struct ptd_err *err)
{
    size_t count = l->environment_count;
    l->seen_in = ptd_xcalloc(l->out->count + 1, sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        l->environment_count = i + 1;
        if (ptd_store_each_record(store, l->environments[i], visit_record, l, err) < 0)
            return -1;
    }
    return 0;
}

int ptd_uses_load(struct ptd_store *store, struct ptd_uses *out, struct ptd_err *err)
{
    *out = (struct ptd_uses){0};
    struct loader l = {.out = out};
    int failed = load_files(&l, store, err) < 0 ||
                 ptd_store_every_fingerprint(store, visit_fingerprint, &l, err) < 0 ||
                 ptd_store_each_depset(store, visit_depset, &l, err) < 0 ||
                 ptd_store_each_node(store, visit_node, &l, err) < 0 ||
                 ptd_store_each_environment(store, visit_environment, &l, err) < 0 ||
                 load_records(&l, store, err) < 0;
    if (!failed)
        finish(out);
    free(l.files.items);
    free(l.fingerprints.items);
    free(l.nodes.items);
    free(l.depsets.items);
    free(l.ranges);
    free(l.lists);
    free(l.stamps);
    free(l.environments);
    free(l.seen_in);
    if (failed)
        ptd_uses_release(out);
    return failed ? -1 : 0;
}

void ptd_uses_release(struct ptd_uses *uses)
{
    for (size_t i = 0; i < uses->count; i++)
        free(uses->tests[i].nodeid);
    free(uses->tests);
    free(uses->used);
    free(uses->pool);
    ptd_store_files_release(&uses->files);
    *uses = (struct ptd_uses){0};
}

size_t ptd_uses_file(const struct ptd_uses *uses, const char *path)
{
    size_t low = 0, high = uses->used_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(uses->used[mid].path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < uses->used_count && strcmp(uses->used[low].path, path) == 0 ? low : SIZE_MAX;
}
