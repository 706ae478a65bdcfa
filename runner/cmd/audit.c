#include "cmd/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/prior.h"
#include "record/parts.h"
#include "store/details.h"

/* Changed files named for one test before the rest is only counted. */
#define CHANGES_SHOWN 5

/* A test that would not run. */
struct item {
    const char *nodeid; /* owned by `names` */
    int64_t record;
    int before, after; /* after: -1 until it ran */
    ptd_id run;        /* that recorded it */
    uint64_t recorded_at;
    void *depsets; /* owned */
    size_t depsets_len;
    bool changed; /* something has, since it was recorded */
    bool missed;
    unsigned char *partly; /* of a missed one, per change: it depends on other parts; owned */
};

/* A file whose content is not what it was at some time before this run. */
struct change {
    char *path;  /* owned */
    ptd_id file; /* 0: no test is known to depend on it */
    uint64_t at;
    bool deleted;
};

struct ptd_audit {
    bool no_data;
    size_t would_run, would_collect, ran, missed;
    struct ptd_map names; /* node id → position in `items` + 1; 0: would be selected */
    struct item *items;
    size_t count, cap;
    struct change *changes;
    size_t change_count, change_cap;
};

static void add_items(struct ptd_audit *a, const struct ptd_verdict *v, bool since_baseline)
{
    for (size_t i = 0; i < v->selection.tests; i++)
        ptd_map_puts(&a->names, v->selection.items[i].name, 0);
    for (size_t i = 0; i < v->node_count; i++) {
        const struct ptd_select_node *node = &v->nodes[i];
        const struct ptd_select_record *r = ptd_select_holding(v->records, node, since_baseline);
        bool added;
        if (node->is_file || !r || ptd_outcome_is_failure(r->outcome))
            continue;
        size_t at = ptd_map_put(&a->names, node->name, strlen(node->name), a->count + 1, &added);
        if (!added)
            continue;
        a->items = ptd_xgrow(a->items, &a->cap, a->count + 1, sizeof(*a->items));
        a->items[a->count++] = (struct item){
            .nodeid = a->names.entries[at].key, .record = r->id, .before = r->outcome, .after = -1};
    }
}

struct by_record {
    struct ptd_audit *audit;
    struct ptd_map items; /* id of a record → item */
};

static int keep_record(const struct ptd_record *row, void *arg)
{
    struct by_record *b = arg;
    size_t at = ptd_map_find(&b->items, &row->id, sizeof(row->id));
    if (at == PTD_MAP_NONE)
        return 0;
    struct item *item = &b->audit->items[b->items.entries[at].value];
    item->run = row->run;
    item->depsets = ptd_xmalloc(row->depsets_len + 1);
    memcpy(item->depsets, row->depsets, row->depsets_len);
    item->depsets_len = row->depsets_len;
    return 0;
}

static int keep_run(const struct ptd_store_run *run, void *arg)
{
    struct ptd_audit *a = arg;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].run == run->id)
            a->items[i].recorded_at = run->recorded_at;
    return 0;
}

static int add_records(struct ptd_audit *a, struct ptd_workspace *w, struct ptd_err *err)
{
    struct by_record b = {.audit = a};
    ptd_id environment;
    for (size_t i = 0; i < a->count; i++)
        ptd_map_put(&b.items, &a->items[i].record, sizeof(a->items[i].record), i, NULL);
    int failed = ptd_store_environment(w->store, w->environment.name, &environment, err) < 0 ||
                 ptd_store_each_record(w->store, environment, keep_record, &b, err) < 0 ||
                 ptd_store_each_run(w->store, keep_run, a, err) < 0;
    ptd_map_release(&b.items);
    return failed ? -1 : 0;
}

static void add_change(struct ptd_audit *a, const char *path, ptd_id file, uint64_t at,
                       bool deleted)
{
    a->changes = ptd_xgrow(a->changes, &a->change_cap, a->change_count + 1, sizeof(*a->changes));
    a->changes[a->change_count++] =
        (struct change){.path = ptd_xstrdup(path), .file = file, .at = at, .deleted = deleted};
}

/* Files that the store knows, by their content; all others of the tree by their time stamps. */
static int add_changes(struct ptd_audit *a, struct ptd_workspace *w, struct ptd_err *err)
{
    static const char *const every_ending[] = {"", NULL};
    struct ptd_tree_options options = {.endings = every_ending};
    struct ptd_store_files files;
    struct ptd_tree tree;
    PTD_CLEANUP_FREE char *skip = ptd_workspace_skipped(w);
    options.skip = skip;
    if (ptd_tree_scan(w->project.rootdir, &options, &tree, err) < 0)
        return -1;
    if (ptd_store_files(w->store, &files, err) < 0) {
        ptd_tree_release(&tree);
        return -1;
    }
    PTD_CLEANUP_MAP struct ptd_map known = PTD_MAP_INIT;
    for (size_t i = 0; i < files.count; i++) {
        const struct ptd_store_file *f = &files.items[i];
        if (f->kind != PTD_FILE_SOURCE && f->kind != PTD_FILE_OPAQUE)
            continue;
        ptd_map_puts(&known, f->path, 1);
        if (f->changed_at)
            add_change(a, f->path, f->id, f->changed_at, f->version == 0);
    }
    for (size_t i = 0; i < tree.count; i++) {
        const struct ptd_stat_sig *sig = &tree.entries[i].sig;
        if (!ptd_map_get(&known, tree.entries[i].path, 0))
            add_change(a, tree.entries[i].path, 0,
                       sig->mtime_ns > sig->ctime_ns ? sig->mtime_ns : sig->ctime_ns, false);
    }
    ptd_store_files_release(&files);
    ptd_tree_release(&tree);
    return 0;
}

static void mark_changed(struct ptd_audit *a)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < a->change_count; i++)
        newest = a->changes[i].at > newest ? a->changes[i].at : newest;
    for (size_t i = 0; i < a->count; i++)
        a->items[i].changed = newest > a->items[i].recorded_at;
}

int ptd_audit_prepare(struct ptd_workspace *w, const char *const *scope, struct ptd_audit **out,
                      struct ptd_err *err)
{
    struct ptd_verdict verdict;
    *out = NULL;
    if (ptd_workspace_select(w, scope, false, &verdict, err) < 0)
        return -1;
    struct ptd_audit *a = ptd_xcalloc(1, sizeof(*a));
    a->no_data = verdict.no_data;
    a->would_run = verdict.selection.tests;
    a->would_collect = verdict.selection.count - verdict.selection.tests;
    add_items(a, &verdict, w->options->since_baseline);
    ptd_verdict_release(&verdict);
    if (add_records(a, w, err) < 0 || add_changes(a, w, err) < 0) {
        ptd_audit_free(a);
        return -1;
    }
    mark_changed(a);
    *out = a;
    return 0;
}

void ptd_audit_limit_prior(const struct ptd_audit *a, struct ptd_map *prior)
{
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->items[i].nodeid;
        size_t at = a->items[i].changed ? ptd_map_find(prior, name, strlen(name)) : PTD_MAP_NONE;
        if (at != PTD_MAP_NONE)
            prior->entries[at].value = 0;
    }
}

/* Outcomes of this run, found by the rows of the tests. */
struct outcomes {
    struct ptd_audit *audit;
    ptd_id run;
    struct ptd_map nodes; /* id of a test → position of its item + 1, 0: would be selected anyway */
};

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct outcomes *o = arg;
    if (!node->is_file)
        ptd_map_put(&o->nodes, &node->id, sizeof(node->id),
                    ptd_map_get(&o->audit->names, node->name, 0), NULL);
    return 0;
}

static int see_outcome(const struct ptd_record *row, void *arg)
{
    struct outcomes *o = arg;
    size_t at =
        row->run == o->run ? ptd_map_find(&o->nodes, &row->node, sizeof(row->node)) : PTD_MAP_NONE;
    if (at == PTD_MAP_NONE)
        return 0;
    uint64_t item = o->nodes.entries[at].value;
    o->audit->ran++;
    if (item)
        o->audit->items[item - 1].after = row->outcome;
    return 0;
}

/* Which of the changed files the test depends on after all, in other parts. */
static int find_partly(const struct ptd_audit *a, struct item *item, struct ptd_store *store,
                       struct ptd_err *err)
{
    struct ptd_parts parts = {0};
    item->partly = ptd_xcalloc(a->change_count + 1, 1);
    int failed = ptd_parts_read(store, item->depsets, item->depsets_len, NULL, 0, &parts, err);
    for (size_t i = 0; i < a->change_count && !failed; i++)
        item->partly[i] = ptd_parts_has_file(&parts, a->changes[i].file);
    ptd_parts_release(&parts);
    return failed;
}

int ptd_audit_compare(struct ptd_audit *a, struct ptd_workspace *w,
                      const struct ptd_ingest_result *result, size_t *missed, struct ptd_err *err)
{
    struct outcomes o = {.audit = a, .run = result->run};
    ptd_id environment;
    int failed = ptd_store_environment(w->store, w->environment.name, &environment, err) < 0 ||
                 ptd_store_each_node(w->store, see_node, &o, err) < 0 ||
                 ptd_store_each_record(w->store, environment, see_outcome, &o, err) < 0;
    ptd_map_release(&o.nodes);
    for (size_t i = 0; i < a->count && !failed; i++) {
        struct item *item = &a->items[i];
        item->missed = item->changed && item->after >= 0 && item->after != item->before;
        a->missed += item->missed;
        failed = item->missed && find_partly(a, item, w->store, err) < 0;
    }
    *missed = a->missed;
    return failed ? -1 : 0;
}

static bool concerns(const struct item *item, const struct change *change)
{
    return change->at > item->recorded_at;
}

static void add_text_changes(const struct ptd_audit *a, const struct item *item,
                             struct ptd_buf *out)
{
    size_t count = 0;
    ptd_buf_adds(out, "    changed since, and not seen as its dependency: ");
    for (size_t i = 0; i < a->change_count; i++) {
        const struct change *c = &a->changes[i];
        if (!concerns(item, c) || count++ >= CHANGES_SHOWN)
            continue;
        ptd_buf_addf(out, "%s%s%s", count > 1 ? ", " : "", c->path, c->deleted ? " (deleted)" : "");
        if (item->partly[i] && !c->deleted)
            ptd_buf_adds(out, " (only other parts of it)");
    }
    if (count > CHANGES_SHOWN)
        ptd_buf_addf(out, ", %zu more", count - CHANGES_SHOWN);
    ptd_buf_addc(out, '\n');
}

void ptd_audit_text(const struct ptd_audit *a, const struct ptd_ingest_result *result,
                    struct ptd_buf *out)
{
    if (a->no_data) {
        ptd_buf_adds(out, "pyt-diff: audit: nothing was recorded before, so there is nothing to "
                          "compare with\n");
        return;
    }
    ptd_buf_addf(out, "pyt-diff: audit: %zu test%s ran, %zu would have been selected; ", a->ran,
                 a->ran == 1 ? "" : "s", a->would_run);
    if (a->missed)
        ptd_buf_addf(out, "%zu outcome%s changed without being selected:\n", a->missed,
                     a->missed == 1 ? "" : "s");
    else
        ptd_buf_adds(out, "no changed outcome would have been missed\n");
    for (size_t i = 0; i < a->count; i++) {
        const struct item *item = &a->items[i];
        if (!item->missed)
            continue;
        ptd_buf_addf(out, "  %s: %s, then ", item->nodeid, ptd_outcome_name(item->before));
        ptd_buf_addf(out, "%s\n", ptd_outcome_name(item->after));
        add_text_changes(a, item, out);
    }
    ptd_flaky_lines(result, out);
}

static void add_json_outcomes(const char *nodeid, int before, int after, struct ptd_buf *out)
{
    ptd_buf_adds(out, "{\"nodeid\":");
    ptd_json_string(out, nodeid);
    ptd_buf_addf(out, ",\"before\":\"%s\"", ptd_outcome_name(before));
    ptd_buf_addf(out, ",\"after\":\"%s\"", ptd_outcome_name(after));
}

static void add_json_item(const struct ptd_audit *a, const struct item *item, struct ptd_buf *out)
{
    const char *comma = "";
    add_json_outcomes(item->nodeid, item->before, item->after, out);
    ptd_buf_adds(out, ",\"changed\":[");
    for (size_t i = 0; i < a->change_count; i++) {
        if (!concerns(item, &a->changes[i]))
            continue;
        ptd_buf_addf(out, "%s{\"path\":", comma);
        ptd_json_string(out, a->changes[i].path);
        ptd_buf_addf(out, ",\"deleted\":%s,\"other_parts_used\":%s}",
                     a->changes[i].deleted ? "true" : "false", item->partly[i] ? "true" : "false");
        comma = ",";
    }
    ptd_buf_adds(out, "]}");
}

void ptd_audit_json(const struct ptd_audit *a, const struct ptd_ingest_result *result, int status,
                    struct ptd_buf *out)
{
    const char *comma = "";
    ptd_buf_addf(out, "{\"version\":1,\"no_data\":%s,\"ran\":%zu,\"selected\":%zu,\"files\":%zu",
                 a->no_data ? "true" : "false", a->ran, a->would_run, a->would_collect);
    ptd_buf_addf(out, ",\"pytest_status\":%d,\"missed\":[", status);
    for (size_t i = 0; i < a->count; i++) {
        if (!a->items[i].missed)
            continue;
        ptd_buf_adds(out, comma);
        add_json_item(a, &a->items[i], out);
        comma = ",";
    }
    ptd_buf_adds(out, "],\"flaky\":[");
    for (size_t i = 0; i < result->flaky_count; i++) {
        const struct ptd_flaky *f = &result->flaky[i];
        ptd_buf_adds(out, i ? "," : "");
        add_json_outcomes(f->nodeid, f->before, f->after, out);
        ptd_buf_addc(out, '}');
    }
    ptd_buf_adds(out, "]}\n");
}

void ptd_audit_free(struct ptd_audit *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++) {
        free(a->items[i].depsets);
        free(a->items[i].partly);
    }
    for (size_t i = 0; i < a->change_count; i++)
        free(a->changes[i].path);
    free(a->items);
    free(a->changes);
    ptd_map_release(&a->names);
    free(a);
}
