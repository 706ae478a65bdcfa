/* From the rows of the store to the input of the selection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/since.h"
#include "cmd/workspace.h"
#include "record/settle.h"
#include "store/details.h"

/* Row ids of nodes → position in verdict->nodes + 1. */
struct loader {
    struct ptd_verdict *verdict;
    const struct ptd_workspace *w;
    uint32_t *by_id;
    size_t by_id_size;
    /* Names and tests are collected in growing memory: positions now, pointers when all is read. */
    size_t *test_offsets;
    size_t test_offset_cap;
    ptd_id *files; /* of the nodes */
    size_t file_cap;
};

static int visit_node(const struct ptd_store_node *row, void *arg)
{
    struct loader *l = arg;
    struct ptd_verdict *v = l->verdict;
    const struct ptd_state_file *file = ptd_state_by_id(&l->w->state, row->file);
    if (!file || row->id <= 0)
        return 0;
    if ((size_t)row->id >= l->by_id_size) {
        size_t size = (size_t)row->id * 2 + 64;
        l->by_id = ptd_xrealloc(l->by_id, size * sizeof(uint32_t));
        memset(l->by_id + l->by_id_size, 0, (size - l->by_id_size) * sizeof(uint32_t));
        l->by_id_size = size;
    }
    size_t at = ptd_map_puts(&v->names, row->name, v->node_count);
    v->nodes = ptd_xgrow(v->nodes, &v->node_cap, v->node_count + 1, sizeof(*v->nodes));
    v->nodes[v->node_count++] = (struct ptd_select_node){
        .name = v->names.entries[at].key,
        .path = file->path,
        .is_file = row->is_file,
        .present = file->version != 0,
    };
    l->files = ptd_xgrow(l->files, &l->file_cap, v->node_count, sizeof(*l->files));
    l->files[v->node_count - 1] = row->file;
    l->by_id[row->id] = (uint32_t)v->node_count;
    v->sides = ptd_xgrow(v->sides, &v->side_cap, v->node_count, 1);
    v->sides[v->node_count - 1] = 0;
    return 0;
}

/* A test that its process did not survive, or that failed while recording was disturbed. */
static bool is_partial(const struct ptd_record *row)
{
    struct ptd_reader r = ptd_reader_init(row->labels, row->labels_len);
    while (r.pos < r.end && !r.bad)
        if (ptd_reader_varint(&r) == PTD_LABEL_PLACE)
            return false;
    return true;
}

/* ---- with a difference of git's ---- */

/* Bits of `sides`. */
enum side {
    SIDE_NOW = 1,      /* a record holds in the state on disk */
    SIDE_ANY = 2,      /* ... in one of the states that are compared */
    SIDE_OTHERWISE = 4 /* ... and is untouched by the difference, but other changes touch it */
};

/* A number for a broken dependency: which view it was found in, and its number there. */
#define VIEW_BITS 2
#define LOST      (SIZE_MAX - 1) /* there is nothing to describe */

static size_t number_of(const struct ptd_validity *validity, const struct ptd_broken *broken)
{
    if (!broken)
        return SIZE_MAX;
    bool known = validity->count && broken >= validity->broken &&
                 broken < validity->broken + validity->count;
    return known ? (size_t)(broken - validity->broken) : LOST;
}

static size_t in_view(size_t number, size_t view)
{
    return number >= LOST ? number : number << VIEW_BITS | view;
}

/* What keeps a record from telling that the difference does not concern the test. */
static size_t judge_between(struct loader *l, const struct ptd_impact_node *of,
                            const struct ptd_record *row, size_t now, unsigned char *sides)
{
    struct ptd_since *s = l->verdict->since;
    size_t broken[PTD_SINCE_VIEWS] = {0};
    *sides |= now == SIZE_MAX ? SIDE_NOW | SIDE_ANY : 0;
    for (size_t i = 0; i < s->views; i++) {
        broken[i] = number_of(&s->validities[i], ptd_validity_of(&s->validities[i], of,
                                                                 row->depsets, row->depsets_len));
        *sides |= broken[i] == SIZE_MAX ? SIDE_ANY : 0;
    }
    if (now == SIZE_MAX && broken[PTD_SINCE_BEFORE] == SIZE_MAX)
        return SIZE_MAX;
    if (s->views == PTD_SINCE_VIEWS && broken[PTD_SINCE_ALONE] == SIZE_MAX &&
        broken[PTD_SINCE_BEFORE_ALONE] == SIZE_MAX) {
        *sides |= SIDE_OTHERWISE;
        return SIZE_MAX;
    }
    return now != SIZE_MAX ? in_view(now, 0)
                           : in_view(broken[PTD_SINCE_BEFORE], 1 + PTD_SINCE_BEFORE);
}

/* What the line says besides the number of tests. */
static void count_sides(struct ptd_verdict *v)
{
    const struct ptd_selection *s = &v->selection;
    v->elsewhere = v->left_out = 0;
    for (size_t i = 0; i < s->count; i++) {
        uint64_t node = ptd_map_get(&v->names, s->items[i].name, UINT64_MAX);
        bool changed = s->items[i].reason == PTD_REASON_CHANGED;
        v->elsewhere += changed && node < v->node_count && !(v->sides[node] & SIDE_ANY);
    }
    for (size_t i = 0; i < v->node_count; i++)
        v->left_out += !v->nodes[i].is_file && v->nodes[i].present &&
                       (v->sides[i] & (SIDE_OTHERWISE | SIDE_NOW)) == SIDE_OTHERWISE;
}

/* Whether the record would hold, here or in one of the states that are compared, without the set
 * that stands for all that once-only code did. */
static bool settling_matters(struct ptd_verdict *v, const struct ptd_impact_node *of,
                             const struct ptd_record *row)
{
    PTD_CLEANUP_BUF struct ptd_buf others = PTD_BUF_INIT;
    if (!ptd_settle_without(row, &others))
        return false;
    bool matters = false;
    for (size_t i = 0; i <= (v->since ? v->since->views : 0) && !matters; i++) {
        struct ptd_validity *in = i ? &v->since->validities[i - 1] : &v->validity;
        matters = ptd_validity_of(in, of, row->depsets, row->depsets_len) &&
                  !ptd_validity_of(in, of, others.data, others.len);
    }
    return matters;
}

static int visit_record(const struct ptd_record *row, void *arg)
{
    struct loader *l = arg;
    struct ptd_verdict *v = l->verdict;
    if (row->node <= 0 || (size_t)row->node >= l->by_id_size || !l->by_id[row->node])
        return 0;
    struct ptd_select_node *node = &v->nodes[l->by_id[row->node] - 1];
    const struct ptd_impact_node of = {node->name, l->files[l->by_id[row->node] - 1],
                                       node->is_file};
    const struct ptd_broken *broken =
        ptd_validity_of(&v->validity, &of, row->depsets, row->depsets_len);
    if (node->count++ == 0)
        node->first = v->record_count;
    v->records = ptd_xgrow(v->records, &v->record_cap, v->record_count + 1, sizeof(*v->records));
    l->test_offsets =
        ptd_xgrow(l->test_offsets, &l->test_offset_cap, v->record_count + 1, sizeof(size_t));
    l->test_offsets[v->record_count] = row->tests ? v->tests.len : SIZE_MAX;
    struct ptd_select_record *r = &v->records[v->record_count++];
    *r = (struct ptd_select_record){.outcome = row->outcome,
                                    .id = row->id,
                                    .duration_us = row->duration_us,
                                    .baseline = row->baseline,
                                    .partial = is_partial(row),
                                    .broken = number_of(&v->validity, broken),
                                    .tests_len = row->tests_len};
    v->unsettled = v->unsettled || ((broken || v->since) && settling_matters(v, &of, row));
    if (v->since)
        r->between = judge_between(l, &of, row, r->broken, &v->sides[node - v->nodes]);
    if (row->tests)
        ptd_buf_add(&v->tests, row->tests, row->tests_len);
    return 0;
}

static int load(struct ptd_workspace *w, struct ptd_verdict *v, struct ptd_err *err)
{
    struct loader l = {.verdict = v, .w = w};
    ptd_id environment;
    int result = -1;
    if (ptd_validity_find(&w->state, &v->validity, err) < 0 ||
        ptd_store_environment(w->store, w->environment.name, &environment, err) < 0 ||
        ptd_store_each_node(w->store, visit_node, &l, err) < 0 ||
        ptd_store_each_record(w->store, environment, visit_record, &l, err) < 0)
        goto out;
    for (size_t i = 0; i < v->record_count; i++)
        if (l.test_offsets[i] != SIZE_MAX)
            v->records[i].tests = v->tests.data ? v->tests.data + l.test_offsets[i] : "";
    v->no_data = v->record_count == 0;
    result = 0;
out:
    free(l.by_id);
    free(l.files);
    free(l.test_offsets);
    return result;
}

static void find_test_files(const struct ptd_workspace *w, struct ptd_verdict *v)
{
    for (size_t i = 0; i < w->state.tree.count; i++) {
        const char *path = w->state.tree.entries[i].path;
        if (!ptd_workspace_is_test_file(w, path))
            continue;
        v->test_files =
            ptd_xgrow(v->test_files, &v->test_file_cap, v->test_file_count + 1, sizeof(char *));
        v->test_files[v->test_file_count++] = path;
    }
}

int ptd_workspace_select(struct ptd_workspace *w, const char *const *scope, bool everything,
                         struct ptd_verdict *out, struct ptd_err *err)
{
    return ptd_workspace_select_as(w, scope, &(struct ptd_select_how){.everything = everything},
                                   out, err);
}

static void choose(const struct ptd_workspace *w, const char *const *scope,
                   const struct ptd_select_how *how, struct ptd_verdict *out)
{
    struct ptd_select_input input = {
        .nodes = out->nodes,
        .node_count = out->node_count,
        .records = out->records,
        .test_files = out->test_files,
        .test_file_count = out->test_file_count,
        .since_baseline = w->options->since_baseline,
        .everything = how->everything,
        .between = how->since != NULL,
        .first = how->first,
        .shard = how->shard,
        .shards = how->shards,
        .left_out = how->left_out,
        .left_out_arg = how->left_out_arg,
        .passed = how->passed,
        .passed_arg = how->passed_arg,
        .scope = scope,
        .excluded_paths = (const char *const *)w->excluded_paths,
        .excluded_ids = w->excluded_ids,
    };
    ptd_select(&input, &out->selection);
    if (out->since)
        count_sides(out);
}

void ptd_workspace_select_again(const struct ptd_workspace *w, const char *const *scope,
                                const struct ptd_select_how *how, struct ptd_verdict *verdict)
{
    ptd_selection_release(&verdict->selection);
    choose(w, scope, how, verdict);
}

int ptd_workspace_select_as(struct ptd_workspace *w, const char *const *scope,
                            const struct ptd_select_how *how, struct ptd_verdict *out,
                            struct ptd_err *err)
{
    *out = (struct ptd_verdict){.state = &w->state, .since = how->since};
    int failed = load(w, out, err);
    if (!failed && out->unsettled && w->writable) {
        ptd_verdict_release(out);
        *out = (struct ptd_verdict){.state = &w->state, .since = how->since};
        failed = ptd_settle(&w->state, err) < 0 || load(w, out, err) < 0;
    }
    if (failed) {
        ptd_verdict_release(out);
        return -1;
    }
    find_test_files(w, out);
    choose(w, scope, how, out);
    return 0;
}

void ptd_verdict_release(struct ptd_verdict *v)
{
    ptd_selection_release(&v->selection);
    ptd_validity_release(&v->validity);
    ptd_map_release(&v->names);
    ptd_buf_release(&v->tests);
    free(v->nodes);
    free(v->sides);
    free(v->records);
    free(v->test_files);
    *v = (struct ptd_verdict){0};
}

static const char *describe_packages(struct ptd_verdict *v, const char *path)
{
    const char *name = strchr(path, ':');
    if (strcmp(path, PTD_PACKAGES_PLUGINS) == 0)
        return "pytest, a plugin of it, or what these require changed";
    if (strcmp(path, PTD_PACKAGES_SITE) == 0)
        return "a .pth file, sitecustomize.py, or a package whose files are not known changed";
    if (!name)
        return "installed packages changed";
    snprintf(v->description, sizeof(v->description),
             strncmp(path, PTD_PACKAGES_MODULE, strlen(PTD_PACKAGES_MODULE)) == 0
                 ? "the installed package that provides the module %s changed"
                 : "the installed package %s changed",
             name + 1);
    return v->description;
}

static const char *describe_variable(struct ptd_verdict *v, const char *path)
{
    if (strcmp(path, PTD_VARIABLES_ALL) == 0)
        return "environment variables changed, and it goes through all of them";
    if (strcmp(path, PTD_VARIABLES_ALWAYS) == 0)
        return "environment variables that count for every test changed";
    snprintf(v->description, sizeof(v->description), "environment variable %s changed", path);
    return v->description;
}

/* What a record of now misses in the earlier state has come since. */
static const char *seen_from_now(const char *what)
{
    if (strcmp(what, "deleted") == 0)
        return "new";
    return strcmp(what, "appeared") == 0 ? "deleted" : what;
}

/* The view that a number is of (1 + enum ptd_since_view, 0: the state on disk) and what is broken
 * there; NULL when that is not known. */
static const struct ptd_broken *broken_in(const struct ptd_verdict *v, size_t number, size_t *view,
                                          const struct ptd_state_file **file)
{
    const struct ptd_validity *validity = &v->validity;
    const struct ptd_state *state = v->state;
    *view = 0;
    if (v->since && number < LOST) {
        *view = number & ((1u << VIEW_BITS) - 1);
        number >>= VIEW_BITS;
    }
    if (*view) {
        validity = &v->since->validities[*view - 1];
        state = &v->since->states[*view - 1];
    }
    if (number >= validity->count)
        return NULL;
    *file = &state->files[validity->broken[number].file];
    return &validity->broken[number];
}

const char *ptd_verdict_changed_file(size_t broken, const struct ptd_verdict *v)
{
    const struct ptd_state_file *f;
    size_t view;
    if (!broken_in(v, broken, &view, &f))
        return NULL;
    return f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE ? f->path : NULL;
}

const char *ptd_verdict_describe(size_t broken, void *arg)
{
    struct ptd_verdict *v = arg;
    const struct ptd_state_file *f;
    size_t view;
    const struct ptd_broken *b = broken_in(v, broken, &view, &f);
    if (!b)
        return "its dependencies are not known";
    const char *what = view ? seen_from_now(b->what) : b->what;
    switch (f->kind) {
    case PTD_FILE_SOURCE:
    case PTD_FILE_OPAQUE:
    case PTD_FILE_EXISTS:
        snprintf(v->description, sizeof(v->description), "%s: %s", f->path, what);
        return v->description;
    case PTD_FILE_LISTING:
        snprintf(v->description, sizeof(v->description), "%s/: %s", f->path, what);
        return v->description;
    case PTD_FILE_IMPORT:
        snprintf(v->description, sizeof(v->description),
                 "files that provide a module named %s changed", f->path);
        return v->description;
    case PTD_FILE_LAYOUT:
        snprintf(v->description, sizeof(v->description),
                 strcmp(f->path, PTD_LAYOUT_ALL) == 0
                     ? "it starts programs, and a file came or went"
                     : "conftest.py or __init__.py files for %s changed",
                 f->path[0] ? f->path : ".");
        return v->description;
    case PTD_FILE_CONFIG:
        if (strcmp(f->path, PTD_IMPORTED_PATH) == 0)
            return "imported by 'pyt-diff migrate', not recorded yet";
        return "pytest's configuration changed";
    case PTD_FILE_OPTIONS:
        return "recorded with other command line options";
    case PTD_FILE_PACKAGES:
        return describe_packages(v, f->path);
    case PTD_FILE_ENVIRONMENT:
        return describe_variable(v, f->path);
    case PTD_FILE_RULE:
        if (!f->path[0])
            return "the rules for dependencies changed";
        snprintf(v->description, sizeof(v->description),
                 "files that the rule for \"%s\" names changed", f->path);
        return v->description;
    }
    return "";
}
