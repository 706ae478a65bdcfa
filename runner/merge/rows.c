/* What surrounds the records: files, tests, names, imports, habits. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "merge/internal.h"
#include "store/transplant.h"
#include "store/unsettled.h"

struct step {
    struct ptd_merge_work *work;
    struct ptd_merge_source *source;
    struct ptd_err *err;
};

/* The row as its database has it. When the content differs from what an older one had, a change was
 * noticed: at the latest when the older one was last recorded. */
static int put_file(struct step *s, const struct ptd_store_file *here, ptd_id to)
{
    struct ptd_store_file row = *here;
    size_t at = ptd_map_find(&s->work->current, &to, sizeof(to));
    row.id = to;
    row.version = 0;
    if (here->version &&
        ptd_merge_version(&s->source->map, here->version, &row.version, s->err) < 0)
        return -1;
    if (at == PTD_MAP_NONE) {
        ptd_merge_map_put(&s->work->current, to, row.version);
        return ptd_store_file_put(s->work->into, &row, s->err);
    }
    if (s->work->request->beneath)
        return 0;
    if (row.version != (ptd_id)s->work->current.entries[at].value) {
        uint64_t known = 0;
        for (struct ptd_merge_source *o = s->work->sources; o < s->source; o++)
            known = o->last_run + 1;
        if (row.changed_at < known)
            row.changed_at = known;
    }
    s->work->current.entries[at].value = (uint64_t)row.version;
    return ptd_store_file_put(s->work->into, &row, s->err);
}

static int merge_files(struct step *s)
{
    struct ptd_store_files files;
    if (ptd_store_files(s->source->map.from, &files, s->err) < 0)
        return -1;
    int failed = 0;
    for (size_t i = 0; i < files.count && !failed; i++) {
        const struct ptd_store_file *f = &files.items[i];
        ptd_id to;
        failed = ptd_store_file(s->work->into, f->kind, f->path, &to, s->err) < 0;
        if (!failed) {
            ptd_merge_map_put(&s->source->map.files, f->id, to);
            failed = put_file(s, f, to) < 0;
        }
    }
    ptd_store_files_release(&files);
    return failed ? -1 : 0;
}

static int see_environment(ptd_id id, const char *name, void *arg)
{
    struct step *s = arg;
    ptd_id to;
    if (ptd_store_environment(s->work->into, name, &to, s->err) < 0)
        return -1;
    ptd_merge_map_put(&s->source->map.environments, id, to);
    return 0;
}

static int see_label(ptd_id id, const char *name, void *arg)
{
    struct step *s = arg;
    ptd_id to;
    if (ptd_store_label(s->work->into, name, &to, s->err) < 0)
        return -1;
    ptd_merge_map_put(&s->source->map.labels, id, to);
    return 0;
}

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct step *s = arg;
    ptd_id to, file = ptd_merge_map_get(&s->source->map.files, node->file);
    if (!file)
        return ptd_merge_damaged(&s->source->map, "the file of a test is missing", s->err);
    if (ptd_store_node(s->work->into, node->name, file, node->is_file, &to, s->err) < 0)
        return -1;
    ptd_merge_map_put(&s->source->map.nodes, node->id, to);
    if (!node->is_file)
        ptd_merge_map_put(&s->source->map.tests, node->id, to);
    return 0;
}

static int see_flaky(const struct ptd_store_flaky *flaky, void *arg)
{
    struct step *s = arg;
    struct ptd_store_flaky row = *flaky;
    row.node = ptd_merge_map_get(&s->source->map.nodes, flaky->node);
    row.environment = ptd_merge_map_get(&s->source->map.environments, flaky->environment);
    if (!row.node || !row.environment)
        return ptd_merge_damaged(&s->source->map, "a flaky test is missing", s->err);
    return ptd_store_flaky_put(s->work->into, &row, s->err);
}

static int see_calls(const struct ptd_import_calls *calls, void *arg)
{
    struct step *s = arg;
    struct ptd_merge_map *map = &s->source->map;
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct ptd_import_calls row = {.file = ptd_merge_map_get(&map->files, calls->file),
                                   .callee_file =
                                       ptd_merge_map_get(&map->files, calls->callee_file)};
    if (!row.file || !row.callee_file)
        return ptd_merge_damaged(map, "the file of an import is missing", s->err);
    if (ptd_merge_version(map, calls->version, &row.version, s->err) < 0 ||
        ptd_merge_version(map, calls->callee_version, &row.callee_version, s->err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(calls->calls, calls->calls_len);
    while (r.pos < r.end) {
        uint32_t code = (uint32_t)ptd_reader_varint(&r);
        uint64_t line = ptd_reader_varint(&r);
        if (r.bad)
            return ptd_merge_damaged(map, "the calls of an import", s->err);
        if (ptd_merge_code(map, calls->callee_version, &code, s->err) < 0)
            return -1;
        ptd_buf_add_varint(&out, code);
        ptd_buf_add_varint(&out, line);
    }
    row.calls = out.data;
    row.calls_len = out.len;
    return ptd_store_add_import_calls(s->work->into, &row, s->err);
}

/* ---- who imports whom ---- */

static struct ptd_merge_edges *edges_of(struct ptd_merge_work *work, ptd_id file, bool *made)
{
    bool added;
    size_t at = ptd_map_put(&work->edge_index, &file, sizeof(file), work->edge_count, &added);
    *made = added;
    if (added) {
        work->edges =
            ptd_xgrow(work->edges, &work->edge_cap, work->edge_count + 1, sizeof(*work->edges));
        work->edges[work->edge_count++] = (struct ptd_merge_edges){.file = file};
    }
    return &work->edges[work->edge_index.entries[at].value];
}

static int see_own_imports(const struct ptd_store_imports *row, void *arg)
{
    bool made;
    struct ptd_merge_edges *edges = edges_of(arg, row->file, &made);
    ptd_buf_add(&edges->imported, row->imported, row->imported_len);
    ptd_buf_add(&edges->entered, row->entered, row->entered_len);
    return 0;
}

int ptd_merge_edges_load(struct ptd_merge_work *work, struct ptd_err *err)
{
    return ptd_store_each_imports(work->into, see_own_imports, work, err);
}

/* The lists of ids that both have: ascending differences. */
static void unite_lists(struct ptd_buf *list, const struct ptd_buf *more)
{
    struct ptd_reader a = ptd_reader_init(list->data, list->len);
    struct ptd_reader b = ptd_reader_init(more->data, more->len);
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    uint64_t x = a.pos < a.end ? ptd_reader_varint(&a) : UINT64_MAX;
    uint64_t y = b.pos < b.end ? ptd_reader_varint(&b) : UINT64_MAX;
    uint64_t before = 0;
    while (x != UINT64_MAX || y != UINT64_MAX) {
        uint64_t next = x < y ? x : y;
        ptd_buf_add_varint(&out, next - before);
        before = next;
        if (x == next)
            x = a.pos < a.end ? x + ptd_reader_varint(&a) : UINT64_MAX;
        if (y == next)
            y = b.pos < b.end ? y + ptd_reader_varint(&b) : UINT64_MAX;
    }
    ptd_buf_reset(list);
    ptd_buf_add(list, out.data, out.len);
}

/* Of one content together, else as the newest has it. */
static int see_imports(const struct ptd_store_imports *row, void *arg)
{
    struct step *s = arg;
    struct ptd_merge_map *map = &s->source->map;
    PTD_CLEANUP_BUF struct ptd_buf imported = PTD_BUF_INIT, entered = PTD_BUF_INIT;
    ptd_id file = ptd_merge_map_get(&map->files, row->file);
    bool made;
    if (!file)
        return ptd_merge_damaged(map, "the file of an import is missing", s->err);
    if (ptd_merge_file_list(map, row->imported, row->imported_len, &imported, s->err) < 0 ||
        ptd_merge_file_list(map, row->entered, row->entered_len, &entered, s->err) < 0)
        return -1;
    struct ptd_merge_edges *edges = edges_of(s->work, file, &made);
    if (!made && s->work->request->beneath)
        return 0;
    ptd_id version = ptd_merge_map_get(&s->work->current, file);
    if (!made && edges->version != version) {
        ptd_buf_reset(&edges->imported);
        ptd_buf_reset(&edges->entered);
    }
    edges->version = version;
    unite_lists(&edges->imported, &imported);
    unite_lists(&edges->entered, &entered);
    return 0;
}

int ptd_merge_edges_save(struct ptd_merge_work *work, struct ptd_err *err)
{
    for (size_t i = 0; i < work->edge_count; i++) {
        const struct ptd_merge_edges *e = &work->edges[i];
        struct ptd_store_imports row = {e->file, e->imported.data, e->imported.len, e->entered.data,
                                        e->entered.len};
        if (ptd_store_imports_set(work->into, &row, err) < 0)
            return -1;
    }
    return 0;
}

void ptd_merge_edges_release(struct ptd_merge_work *work)
{
    for (size_t i = 0; i < work->edge_count; i++) {
        ptd_buf_release(&work->edges[i].imported);
        ptd_buf_release(&work->edges[i].entered);
    }
    free(work->edges);
    ptd_map_release(&work->edge_index);
}

/* Of which run, and which sets; the session itself is the same everywhere. */
static int see_unsettled(const struct ptd_store_unsettled *here, void *arg)
{
    struct step *s = arg;
    struct ptd_merge_map *map = &s->source->map;
    PTD_CLEANUP_BUF struct ptd_buf sets = PTD_BUF_INIT;
    struct ptd_store_unsettled row = *here;
    row.run = ptd_merge_map_get(&map->runs, here->run);
    if (!row.run)
        return ptd_merge_damaged(map, "the run of a session is missing", s->err);
    if (ptd_merge_depset(map, here->depset, &row.depset, s->err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(here->sets, here->sets_len);
    while (r.pos < r.end) {
        ptd_id there, id = (ptd_id)ptd_reader_varint(&r);
        if (r.bad)
            return ptd_merge_damaged(map, "the sets of a session", s->err);
        if (ptd_merge_depset(map, id, &there, s->err) < 0)
            return -1;
        ptd_buf_add_varint(&sets, (uint64_t)there);
    }
    row.sets = sets.data;
    row.sets_len = sets.len;
    return ptd_store_unsettled_add(s->work->into, &row, s->err);
}

int ptd_merge_rows(struct ptd_merge_work *work, struct ptd_merge_source *source,
                   struct ptd_err *err)
{
    struct step step = {work, source, err};
    struct ptd_store *from = source->map.from;
    if (merge_files(&step) < 0 || ptd_store_each_environment(from, see_environment, &step, err) < 0)
        return -1;
    if (ptd_store_each_label(from, see_label, &step, err) < 0 ||
        ptd_store_each_node(from, see_node, &step, err) < 0)
        return -1;
    return ptd_store_each_import_calls(from, see_calls, &step, err) < 0 ||
                   ptd_store_each_imports(from, see_imports, &step, err) < 0 ||
                   ptd_store_each_flaky(from, see_flaky, &step, err) < 0 ||
                   ptd_store_each_unsettled(from, see_unsettled, &step, err) < 0
               ? -1
               : 0;
}

/* ---- habits ---- */

/* The lines of all of them, each once. */
static int unite_lines(struct ptd_merge_work *work, const char *key, const char *between,
                       struct ptd_err *err)
{
    PTD_CLEANUP_MAP struct ptd_map lines = PTD_MAP_INIT;
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    for (size_t i = 0; i <= work->count; i++) {
        PTD_CLEANUP_FREE char *text = NULL;
        struct ptd_store *store = i ? work->sources[i - 1].map.from : work->into;
        if (ptd_store_meta_get(store, key, &text, err) < 0)
            return -1;
        for (char *p = text; p && *p;) {
            size_t n = strcspn(p, "\n");
            ptd_map_put(&lines, p, n, 0, NULL);
            p += n + (p[n] == '\n');
        }
    }
    for (size_t i = 0; i < lines.count; i++)
        ptd_buf_addf(&out, "%s%s%s", i ? between : "", lines.entries[i].key, *between ? "" : "\n");
    return out.len ? ptd_store_meta_set(work->into, key, out.data, err) : 0;
}

int ptd_merge_habits(struct ptd_merge_work *work, struct ptd_err *err)
{
    /* What is a line for each, and what is "1" when it is so. */
    if (unite_lines(work, "search_path", "", err) < 0 ||
        unite_lines(work, "endings", "\n", err) < 0 ||
        unite_lines(work, "doctests", "\n", err) < 0 ||
        unite_lines(work, "programs", "\n", err) < 0)
        return -1;
    /* Answers that were kept are about what was there before. */
    return ptd_store_meta_set(work->into, "paths", "", err) < 0 ||
                   ptd_store_meta_set(work->into, "e2e", "", err) < 0 || /* has ids of records */
                   ptd_store_meta_set(work->into, "packages", "", err) < 0 ||
                   ptd_store_meta_set(work->into, "idle", "", err) < 0
               ? -1
               : 0;
}
