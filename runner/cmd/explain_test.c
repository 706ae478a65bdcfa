/* Why a test runs: from what changed, through the scope that used it, to the test. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/explain.h"
#include "cmd/prior.h"
#include "record/deps.h"
#include "record/parts.h"

/* Changes shown for one test, and importers named of one module. */
#define CHANGES_SHOWN 3
#define WAY_SHOWN     12

/* The record that is explained. */
struct row {
    ptd_id node, run;
    struct ptd_buf depsets, labels;
    char *started; /* owned: when it was recorded */
    int64_t flaky; /* times; 0: never */
};

/* One change that concerns the test. */
struct cause {
    const struct ptd_part *part;
    size_t broken; /* in the verdict's validity */
    const struct ptd_state_file *file;
    const struct ptd_block *block; /* the function that changed, or NULL */
    uint32_t line;                 /* where it is now; 0: it is gone, or no function */
};

struct causes {
    struct cause *items; /* owned */
    size_t count, cap;
};

static int see_row(const struct ptd_record *r, void *arg)
{
    struct row *row = arg;
    row->node = r->node;
    row->run = r->run;
    ptd_buf_add(&row->depsets, r->depsets, r->depsets_len);
    ptd_buf_add(&row->labels, r->labels, r->labels_len);
    return 0;
}

static int see_run(const struct ptd_store_run *run, void *arg)
{
    struct row *row = arg;
    if (run->id == row->run)
        row->started = ptd_xstrdup(run->started);
    return 0;
}

static int see_flaky(const struct ptd_store_flaky *flaky, void *arg)
{
    struct row *row = arg;
    if (flaky->node == row->node)
        row->flaky = flaky->times;
    return 0;
}

static int read_row(struct ptd_explain *e, int64_t id, struct row *row, struct ptd_err *err)
{
    *row = (struct row){0};
    if (ptd_store_record_get(e->w->store, id, see_row, row, err) < 0 ||
        ptd_store_each_run(e->w->store, see_run, row, err) < 0)
        return -1;
    return ptd_store_each_flaky(e->w->store, see_flaky, row, err);
}

static void release_row(struct row *row)
{
    ptd_buf_release(&row->depsets);
    ptd_buf_release(&row->labels);
    free(row->started);
}

static const struct ptd_block *find_block(struct ptd_explain *e, ptd_id version, const char *key)
{
    const struct ptd_blocks *blocks = ptd_state_blocks(&e->w->state, version);
    for (size_t i = 1; blocks && i < blocks->count; i++)
        if (strcmp(blocks->items[i].key, key) == 0)
            return &blocks->items[i];
    return NULL;
}

static void add_cause(struct ptd_explain *e, const struct ptd_part *part, size_t broken,
                      struct causes *out)
{
    const struct ptd_broken *b = &e->verdict->validity.broken[broken];
    struct cause cause = {part, broken, &e->w->state.files[b->file], NULL, 0};
    if (cause.file->kind == PTD_FILE_SOURCE) {
        const struct ptd_block *now = find_block(e, cause.file->version, b->what);
        cause.block = now ? now : find_block(e, part->version, b->what);
        cause.line = now ? now->line : 0;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct cause *known = &out->items[i];
        const char *what = e->verdict->validity.broken[known->broken].what;
        if (known->file != cause.file || strcmp(what, b->what) != 0)
            continue;
        if (ptd_label_rank(part->label) < ptd_label_rank(known->part->label))
            *known = cause;
        return;
    }
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
    out->items[out->count++] = cause;
}

/* What says most about the test first; functions before module levels. */
static int compare_causes(const void *a, const void *b)
{
    const struct cause *x = a, *y = b;
    if (!x->block != !y->block)
        return x->block ? -1 : 1;
    uint64_t left = ptd_label_rank(x->part->label), right = ptd_label_rank(y->part->label);
    if (left != right)
        return left < right ? -1 : 1;
    return strcmp(x->file->path, y->file->path);
}

static void find_causes(struct ptd_explain *e, const struct ptd_parts *parts, struct causes *out)
{
    const struct ptd_validity *v = &e->verdict->validity;
    for (size_t i = 0; i < parts->count; i++) {
        uint64_t fingerprint = (uint64_t)parts->items[i].fingerprint;
        uint32_t at = fingerprint < v->fingerprint_size ? v->by_fingerprint[fingerprint] : 0;
        if (at && at <= v->count && v->broken[at - 1].file != SIZE_MAX)
            add_cause(e, &parts->items[i], at - 1, out);
    }
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare_causes);
}

/* A change that is judged by names breaks no dependency of its own: the one with the file stands
 * for it. */
static void find_named_cause(struct ptd_explain *e, const struct ptd_parts *parts, size_t broken,
                             struct causes *out)
{
    const struct ptd_part *best = NULL;
    if (out->count || broken >= e->verdict->validity.count)
        return;
    ptd_id file = e->w->state.files[e->verdict->validity.broken[broken].file].id;
    for (size_t i = 0; i < parts->count; i++) {
        const struct ptd_part *part = &parts->items[i];
        bool module = part->count && part->codes[0] == 0;
        if (part->file == file && module &&
            (!best || ptd_label_rank(part->label) < ptd_label_rank(best->label)))
            best = part;
    }
    if (best)
        add_cause(e, best, broken, out);
}

static const char *verb(enum ptd_file_kind kind)
{
    switch (kind) {
    case PTD_FILE_SOURCE:
        return "entered";
    case PTD_FILE_OPAQUE:
        return "read";
    case PTD_FILE_LISTING:
        return "listed";
    case PTD_FILE_EXISTS:
        return "looked for";
    case PTD_FILE_IMPORT:
        return "asked for";
    case PTD_FILE_PACKAGES:
        return "needed";
    case PTD_FILE_ENVIRONMENT:
        return "read";
    default:
        return "used";
    }
}

static const char *path_of(const struct ptd_explain *e, ptd_id file)
{
    const struct ptd_state_file *f = ptd_state_by_id(&e->w->state, file);
    return f ? f->path : "a file that is gone";
}

static void inside_of(const struct ptd_parts *parts, struct ptd_map *out)
{
    for (size_t i = 0; i < parts->count; i++)
        ptd_map_put(out, &parts->items[i].file, sizeof(ptd_id), 1, NULL);
}

/* ", imported by a.py, imported by test_a.py"; the files of the way are added to `way`. */
static void add_way(const struct ptd_explain *e, const struct ptd_parts *parts, ptd_id file,
                    ptd_id root, struct ptd_buf *out, struct ptd_u32s *way)
{
    PTD_CLEANUP_MAP struct ptd_map inside = PTD_MAP_INIT;
    ptd_id files[WAY_SHOWN];
    bool whole;
    inside_of(parts, &inside);
    size_t count = ptd_importers_way(&e->importers, file, root, &inside, files, WAY_SHOWN, &whole);
    for (size_t i = 0; i < count; i++) {
        ptd_buf_addf(out, "%simported by %s", out->len ? ", " : "", path_of(e, files[i]));
        ptd_u32s_add(way, (uint32_t)files[i]);
    }
    if (!whole && count)
        ptd_buf_adds(out, ", ...");
}

/* The scope that asked for a module: the test itself or a fixture; PTD_LABEL_UNKNOWN: neither. */
static uint64_t asked_by(const struct ptd_explain *e, const struct ptd_parts *parts,
                         const char *path)
{
    PTD_CLEANUP_FREE char *module = ptd_xstrdup(path);
    uint64_t best = PTD_LABEL_UNKNOWN;
    size_t n = strlen(module);
    module[n > 3 ? n - 3 : 0] = '\0'; /* ".py" */
    if (ptd_path_ends_with(module, "/__init__"))
        module[n - 3 - strlen("/__init__")] = '\0';
    for (char *p = module; *p; p++)
        *p = *p == '/' ? '.' : *p;
    for (size_t i = 0; i < parts->count; i++) {
        const struct ptd_part *part = &parts->items[i];
        const struct ptd_state_file *f = ptd_state_by_id(&e->w->state, part->file);
        bool own = part->label == PTD_LABEL_OWN || part->label >= PTD_LABEL_FIXTURE;
        if (!own || !f || f->kind != PTD_FILE_IMPORT || !ptd_path_ends_with(module, f->path))
            continue;
        /* "shop.late" of src.shop.late; a last component alone only when it is all. */
        size_t rest = strlen(module) - strlen(f->path);
        bool fits = rest == 0 || (module[rest - 1] == '.' && strchr(f->path, '.'));
        if (fits && ptd_label_rank(part->label) < ptd_label_rank(best))
            best = part->label;
    }
    return best;
}

static void add_fixture(const struct ptd_explain *e, uint64_t label, struct ptd_buf *out)
{
    const char *name = ptd_labels_fixture(&e->labels, label);
    ptd_buf_addf(out, "by fixture %s", name ? name : "");
}

/* Of what the test or its fixtures import: by whom. */
static void add_asker(const struct ptd_explain *e, const struct ptd_parts *parts, const char *path,
                      struct ptd_buf *out)
{
    uint64_t label = asked_by(e, parts, path);
    ptd_buf_adds(out, "imported ");
    if (label >= PTD_LABEL_FIXTURE)
        add_fixture(e, label, out);
    else
        ptd_buf_addf(out, "by %s", label == PTD_LABEL_OWN ? e->itself : "the test or its fixtures");
}

static void add_import(const struct ptd_explain *e, const struct cause *c,
                       const struct ptd_parts *parts, ptd_id root, struct ptd_buf *out,
                       struct ptd_u32s *way)
{
    PTD_CLEANUP_MAP struct ptd_map inside = PTD_MAP_INIT;
    ptd_id file = c->part->file;
    if (c->file->kind != PTD_FILE_SOURCE) {
        ptd_buf_addf(out, "%s while modules were imported", verb(c->file->kind));
        return;
    }
    inside_of(parts, &inside);
    ptd_id by = c->block ? ptd_importers_entered_by(&e->importers, file, &inside) : 0;
    if (by) {
        ptd_buf_addf(out, "entered at import of %s", path_of(e, by));
        ptd_u32s_add(way, (uint32_t)by);
        file = by;
    }
    size_t before = out->len;
    add_way(e, parts, file, root, out, way);
    if (out->len > before)
        return;
    if (file == root)
        ptd_buf_adds(out, by ? ", the file of the test" : "it is the file of the test");
    else if (!by && c->part->label == PTD_LABEL_TEST_IMPORTS)
        add_asker(e, parts, c->file->path, out);
    else if (!by)
        ptd_buf_adds(out, "loaded by pytest");
}

/* How the test came to depend on it; `root` is the file of the test. */
static void add_through(const struct ptd_explain *e, const struct cause *c,
                        const struct ptd_parts *parts, ptd_id root, struct ptd_buf *out,
                        struct ptd_u32s *way)
{
    uint64_t label = c->part->label;
    const char *done = verb(c->file->kind);
    if (label >= PTD_LABEL_FIXTURE) {
        ptd_buf_addf(out, "%s ", done);
        add_fixture(e, label, out);
        return;
    }
    switch ((enum ptd_label)label) {
    case PTD_LABEL_OWN:
        ptd_buf_addf(out, "%s by %s", done, e->itself);
        return;
    case PTD_LABEL_PLACE:
        ptd_buf_adds(out, c->part->file == root ? "it is the file of the test"
                                                : "it applies where the test is");
        return;
    case PTD_LABEL_COLLECTION:
        ptd_buf_addf(out, "%s when the file of the test was collected", done);
        return;
    case PTD_LABEL_TEST_IMPORTS:
    case PTD_LABEL_FILE_IMPORTS:
        add_import(e, c, parts, root, out, way);
        return;
    case PTD_LABEL_SESSION_IMPORTS:
        add_import(e, c, parts, 0, out, way);
        ptd_buf_adds(out, ", for every test");
        return;
    case PTD_LABEL_SESSION:
        if (c->file->kind <= PTD_FILE_IMPORT || c->file->kind >= PTD_FILE_LISTING)
            ptd_buf_addf(out, "%s by hooks, ", done);
        ptd_buf_adds(out, "for every test");
        return;
    case PTD_LABEL_ONCE:
        ptd_buf_addf(out, "%s by a function whose result may be kept, such as a cached one", done);
        return;
    case PTD_LABEL_UNSETTLED:
        ptd_buf_addf(
            out, "%s by a function whose result may be kept; whether for this test is not known",
            done);
        return;
    case PTD_LABEL_EVERYTHING:
        ptd_buf_adds(out, "it starts programs, which may read any file");
        return;
    case PTD_LABEL_NEVER:
        ptd_buf_adds(out, "recording was disturbed, so nobody knows all that it depends on");
        return;
    case PTD_LABEL_IMPORTED:
        ptd_buf_adds(out, "what it depends on is known when it has run once");
        return;
    default:
        ptd_buf_addf(out, "%s on its behalf", done);
    }
}

static const char *scope_slug(uint64_t label)
{
    static const char *const slugs[] = {
        "other",           "test",     "place",     "collection", "imports", "imports", "session",
        "session imports", "programs", "disturbed", "conftest",   "once",    "imported"};
    if (label >= PTD_LABEL_FIXTURE)
        return "fixture";
    return label < sizeof(slugs) / sizeof(slugs[0]) ? slugs[label] : "other";
}

/* "shop/prices.py changed in function vat (line 12)" */
static void add_what(struct ptd_explain *e, const struct cause *c, struct ptd_buf *out)
{
    const char *what = e->verdict->validity.broken[c->broken].what;
    if (!c->block && c->file->kind <= PTD_FILE_OPAQUE) {
        ptd_buf_addf(out, "%s changed: %s", c->file->path, what);
        return;
    }
    if (!c->block) {
        ptd_buf_adds(out, ptd_verdict_describe(c->broken, e->verdict));
        return;
    }
    ptd_buf_addf(out, "%s changed in %s %s ", c->file->path, ptd_explain_kind(c->block), what);
    if (c->line)
        ptd_buf_addf(out, "(line %u)", c->line);
    else
        ptd_buf_adds(out, "(it is gone)");
}

static void add_json_cause(struct ptd_explain *e, const struct cause *c,
                           const struct ptd_parts *parts, ptd_id root, struct ptd_buf *out)
{
    PTD_CLEANUP_BUF struct ptd_buf what = PTD_BUF_INIT, through = PTD_BUF_INIT;
    struct ptd_u32s way = {0};
    add_what(e, c, &what);
    add_through(e, c, parts, root, &through, &way);
    ptd_buf_adds(out, "{\"path\":");
    ptd_json_string(out, c->file->path);
    ptd_buf_adds(out, ",\"what\":");
    ptd_json_string(out, e->verdict->validity.broken[c->broken].what);
    if (c->line)
        ptd_buf_addf(out, ",\"line\":%u", c->line);
    ptd_buf_adds(out, ",\"text\":");
    ptd_json_string(out, what.data);
    ptd_buf_addf(out, ",\"scope\":\"%s\",\"through\":", scope_slug(c->part->label));
    ptd_json_string(out, through.data ? through.data : "");
    ptd_buf_adds(out, ",\"importers\":[");
    for (size_t i = 0; i < way.count; i++) {
        ptd_buf_adds(out, i ? "," : "");
        ptd_json_string(out, path_of(e, way.items[i]));
    }
    ptd_buf_adds(out, "]}");
    free(way.items);
}

static void add_text_causes(struct ptd_explain *e, const struct causes *causes,
                            const struct ptd_parts *parts, ptd_id root)
{
    for (size_t i = 0; i < causes->count && (e->verbose || i < CHANGES_SHOWN); i++) {
        PTD_CLEANUP_BUF struct ptd_buf through = PTD_BUF_INIT;
        struct ptd_u32s way = {0};
        add_through(e, &causes->items[i], parts, root, &through, &way);
        ptd_buf_adds(&e->out, "  ");
        add_what(e, &causes->items[i], &e->out);
        ptd_buf_addf(&e->out, "\n  └ %s\n", through.data ? through.data : "");
        free(way.items);
    }
    if (!e->verbose && causes->count > CHANGES_SHOWN)
        ptd_buf_addf(&e->out, "  %zu more; -v shows them\n", causes->count - CHANGES_SHOWN);
}

/* The question in one word, and why as text. */
struct answer {
    bool selected;
    bool gone; /* no test of the present state */
    const char *slug, *why;
};

static struct answer answer_of(const struct ptd_explain *e, const struct ptd_select_node *node)
{
    uint64_t at = ptd_map_get(&e->selected, node->name, UINT64_MAX);
    if (at == UINT64_MAX) {
        const struct ptd_select_record *r = ptd_explain_record(e, node);
        if (r && r->broken == SIZE_MAX && node->present)
            return (struct answer){false, false, "unaffected",
                                   "nothing that it depends on has changed"};
        return (struct answer){false, true, "gone",
                               node->present ? "its file does not have it any more"
                                             : "its file is gone"};
    }
    switch (e->verdict->selection.items[at].reason) {
    case PTD_REASON_NEW:
        return (struct answer){true, false, "new", "it was never recorded"};
    case PTD_REASON_CHANGED:
        return (struct answer){true, false, "changed", NULL};
    case PTD_REASON_FAILED:
        return (struct answer){true, false, "failed", "it failed when it last ran in this state"};
    case PTD_REASON_BASELINE:
        return (struct answer){true, false, "baseline", "it is not part of the baseline"};
    default:
        return (struct answer){true, false, "other", "its file could not be collected"};
    }
}

/* "Cart.test_total" of tests/test_cart.py::Cart::test_total[1] */
static char *function_key(const char *nodeid)
{
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    const char *p = strstr(nodeid, "::");
    for (p = p ? p + 2 : nodeid; *p && *p != '['; p++) {
        bool colons = strncmp(p, "::", 2) == 0;
        ptd_buf_addc(&key, colons ? '.' : *p);
        p += colons;
    }
    return ptd_buf_steal(&key);
}

/* The function itself, or one inside it. */
static bool is_part_of(const char *key, const char *function)
{
    size_t n = strlen(function);
    return strncmp(key, function, n) == 0 &&
           (!key[n] || strncmp(key + n, ".<locals>", strlen(".<locals>")) == 0);
}

/*
 * Fixtures of function scope are part of the test's scope. Functions of its file or of a
 * conftest.py beside the test itself may be such.
 */
static const char *name_of_scope(struct ptd_explain *e, const struct ptd_parts *parts,
                                 const char *nodeid, ptd_id root)
{
    PTD_CLEANUP_FREE char *key = function_key(nodeid);
    for (size_t i = 0; i < parts->count; i++) {
        const struct ptd_part *part = &parts->items[i];
        const struct ptd_state_file *f = ptd_state_by_id(&e->w->state, part->file);
        bool near = part->label == PTD_LABEL_OWN && f && f->kind == PTD_FILE_SOURCE &&
                    (part->file == root || strcmp(ptd_path_basename(f->path), "conftest.py") == 0);
        if (!near)
            continue;
        const struct ptd_blocks *blocks = ptd_state_blocks(&e->w->state, part->version);
        struct ptd_u32s used = {0};
        bool other = false;
        ptd_part_blocks(part, &e->w->state, &used);
        for (size_t k = 0; k < used.count; k++)
            other = other || !blocks || used.items[k] >= blocks->count ||
                    !is_part_of(blocks->items[used.items[k]].key, key);
        free(used.items);
        if (other)
            return "the test or its fixtures";
    }
    return "the test itself";
}

static bool is_real(ptd_id file, void *arg)
{
    const struct ptd_explain *e = arg;
    const struct ptd_state_file *f = ptd_state_by_id(&e->w->state, file);
    return f && (f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE);
}

static void add_record_text(struct ptd_explain *e, const struct ptd_select_record *r,
                            const struct row *row, const struct ptd_parts *parts)
{
    size_t blocks, files;
    ptd_parts_count(parts, is_real, e, &blocks, &files);
    ptd_buf_addf(&e->out, "  recorded %s UTC: %s", row->started ? row->started : "some time ago",
                 ptd_outcome_name(r->outcome));
    ptd_buf_addf(&e->out, " in %.2f s, depends on %zu part%s of %zu file%s\n",
                 (double)r->duration_us / 1e6, blocks, blocks == 1 ? "" : "s", files,
                 files == 1 ? "" : "s");
    if (row->flaky)
        ptd_buf_addf(&e->out, "  flaky: came out otherwise with nothing changed %lld time%s\n",
                     (long long)row->flaky, row->flaky == 1 ? "" : "s");
}

static void add_text(struct ptd_explain *e, const struct ptd_select_node *node,
                     const struct answer *a, const struct causes *causes,
                     const struct ptd_parts *parts, ptd_id root)
{
    const char *state = a->gone ? "is not there" : a->selected ? "runs" : "does not run";
    if (e->answers++)
        ptd_buf_addc(&e->out, '\n');
    ptd_buf_addf(&e->out, "%s %s:", node->name, state);
    if (a->why)
        ptd_buf_addf(&e->out, " %s", a->why);
    uint64_t at = ptd_map_get(&e->selected, node->name, UINT64_MAX);
    if (!a->why && !causes->count && at != UINT64_MAX)
        ptd_buf_addf(&e->out, " %s",
                     ptd_verdict_describe(e->verdict->selection.items[at].broken, e->verdict));
    ptd_buf_addc(&e->out, '\n');
    if (!a->why)
        add_text_causes(e, causes, parts, root);
}

static void add_json(struct ptd_explain *e, const struct ptd_select_node *node,
                     const struct answer *a, const struct causes *causes,
                     const struct ptd_parts *parts, ptd_id root)
{
    struct ptd_buf *out = &e->out;
    ptd_buf_adds(out, e->answers++ ? ",{\"nodeid\":" : "{\"nodeid\":");
    ptd_json_string(out, node->name);
    ptd_buf_addf(out, ",\"selected\":%s,\"reason\":\"%s\"", a->selected ? "true" : "false",
                 a->slug);
    if (a->why)
        ptd_buf_addf(out, ",\"detail\":\"%s\"", a->why);
    ptd_buf_adds(out, ",\"changes\":[");
    for (size_t i = 0; !a->why && i < causes->count; i++) {
        ptd_buf_adds(out, i ? "," : "");
        add_json_cause(e, &causes->items[i], parts, root, out);
    }
    ptd_buf_addc(out, ']');
}

static void add_record_json(struct ptd_explain *e, const struct ptd_select_record *r,
                            const struct row *row, const struct ptd_parts *parts)
{
    size_t blocks, files;
    ptd_parts_count(parts, is_real, e, &blocks, &files);
    ptd_buf_addf(&e->out, ",\"recorded\":\"%s\",\"outcome\":\"%s\",\"duration\":%.6f",
                 row->started ? row->started : "", ptd_outcome_name(r->outcome),
                 (double)r->duration_us / 1e6);
    ptd_buf_addf(&e->out, ",\"dependencies\":%zu,\"files\":%zu,\"flaky\":%lld", blocks, files,
                 (long long)row->flaky);
}

int ptd_explain_test(struct ptd_explain *e, const struct ptd_select_node *node, struct ptd_err *err)
{
    const struct ptd_select_record *r = ptd_explain_record(e, node);
    struct answer answer = answer_of(e, node);
    struct row row = {0};
    struct ptd_parts parts = {0};
    struct causes causes = {0};
    int failed = 0;
    if (r)
        failed = read_row(e, r->id, &row, err) < 0 ||
                 ptd_parts_read(e->w->store, row.depsets.data, row.depsets.len, row.labels.data,
                                row.labels.len, &parts, err) < 0;
    size_t file = ptd_state_find(&e->w->state, PTD_FILE_SOURCE, node->path);
    ptd_id root = file == SIZE_MAX ? 0 : e->w->state.files[file].id;
    if (!failed) {
        find_causes(e, &parts, &causes);
        find_named_cause(e, &parts, r ? r->broken : SIZE_MAX, &causes);
        e->itself = causes.count ? name_of_scope(e, &parts, node->name, root) : "";
        (e->json ? add_json : add_text)(e, node, &answer, &causes, &parts, root);
        if (r)
            (e->json ? add_record_json : add_record_text)(e, r, &row, &parts);
        if (e->json)
            ptd_buf_addc(&e->out, '}');
    }
    free(causes.items);
    ptd_parts_release(&parts);
    release_row(&row);
    return failed ? -1 : 0;
}
