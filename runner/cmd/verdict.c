/* From the rows of the store to the input of the selection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/workspace.h"
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
    size_t at = ptd_map_puts(&v->names, row->name, 0);
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
                                    .broken = SIZE_MAX,
                                    .tests_len = row->tests_len};
    if (broken)
        r->broken = broken >= v->validity.broken && v->validity.count &&
                            broken < v->validity.broken + v->validity.count
                        ? (size_t)(broken - v->validity.broken)
                        : SIZE_MAX - 1; /* lost: there is nothing to describe */
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

int ptd_workspace_select_as(struct ptd_workspace *w, const char *const *scope,
                            const struct ptd_select_how *how, struct ptd_verdict *out,
                            struct ptd_err *err)
{
    *out = (struct ptd_verdict){.state = &w->state};
    if (load(w, out, err) < 0) {
        ptd_verdict_release(out);
        return -1;
    }
    find_test_files(w, out);
    struct ptd_select_input input = {
        .nodes = out->nodes,
        .node_count = out->node_count,
        .records = out->records,
        .test_files = out->test_files,
        .test_file_count = out->test_file_count,
        .since_baseline = w->options->since_baseline,
        .everything = how->everything,
        .first = how->first,
        .shard = how->shard,
        .shards = how->shards,
        .left_out = how->left_out,
        .left_out_arg = how->left_out_arg,
        .scope = scope,
        .excluded_paths = (const char *const *)w->excluded_paths,
        .excluded_ids = w->excluded_ids,
    };
    ptd_select(&input, &out->selection);
    return 0;
}

void ptd_verdict_release(struct ptd_verdict *v)
{
    ptd_selection_release(&v->selection);
    ptd_validity_release(&v->validity);
    ptd_map_release(&v->names);
    ptd_buf_release(&v->tests);
    free(v->nodes);
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

const char *ptd_verdict_describe(size_t broken, void *arg)
{
    struct ptd_verdict *v = arg;
    if (broken >= v->validity.count)
        return "its dependencies are not known";
    const struct ptd_broken *b = &v->validity.broken[broken];
    const struct ptd_state_file *f = &v->state->files[b->file];
    switch (f->kind) {
    case PTD_FILE_SOURCE:
    case PTD_FILE_OPAQUE:
    case PTD_FILE_EXISTS:
        snprintf(v->description, sizeof(v->description), "%s: %s", f->path, b->what);
        return v->description;
    case PTD_FILE_LISTING:
        snprintf(v->description, sizeof(v->description), "%s/: %s", f->path, b->what);
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
