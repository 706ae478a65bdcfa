#include "record/edges.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/details.h"

struct ptd_edge_list {
    ptd_id file;
    struct ptd_u32s imported, entered; /* ids of files */
    bool saved;                        /* the store has the same */
};

static struct ptd_edge_list *list_of(struct ptd_edges *edges, ptd_id file)
{
    bool added;
    size_t at = ptd_map_put(&edges->files, &file, sizeof(file), edges->count, &added);
    if (added) {
        edges->items =
            ptd_xgrow(edges->items, &edges->cap, edges->count + 1, sizeof(*edges->items));
        edges->items[edges->count++] = (struct ptd_edge_list){.file = file};
    }
    return &edges->items[edges->files.entries[at].value];
}

/* The id of a source; 0 for what is no dependency. */
static ptd_id source_id(const struct ptd_dep_context *c, uint32_t file)
{
    size_t at = c->files[file].at;
    if (at == SIZE_MAX || c->state->files[at].kind != PTD_FILE_SOURCE)
        return 0;
    return c->state->files[at].id;
}

static void add_edge(const struct ptd_dep_context *c, ptd_id from, uint32_t to,
                     struct ptd_u32s *list)
{
    ptd_id id = source_id(c, to);
    if (id > 0 && id < UINT32_MAX && id != from)
        ptd_u32s_add(list, (uint32_t)id);
}

void ptd_edges_add(struct ptd_edges *edges, const struct ptd_dep_context *c)
{
    for (size_t i = 0; i < c->journal->scope_count; i++) {
        const struct ptd_journal_scope *s = &c->journal->scopes[i];
        ptd_id file =
            s->kind == PTD_SCOPE_MODULE && s->file != PTD_J_NO_FILE ? source_id(c, s->file) : 0;
        if (file <= 0)
            continue;
        struct ptd_edge_list *list = list_of(edges, file);
        for (size_t k = 0; k < s->imports.count; k++)
            add_edge(c, file, s->imports.items[k], &list->imported);
        for (size_t k = 0; k < s->codes.count; k++)
            add_edge(c, file, c->journal->codes[s->codes.items[k]].file, &list->entered);
        for (size_t k = 0; k < s->pairs.count; k += 2)
            add_edge(c, file, c->journal->codes[s->pairs.items[k]].file, &list->entered);
    }
}

static void write_list(struct ptd_u32s *list, struct ptd_buf *out)
{
    uint32_t last = 0;
    ptd_u32s_sort(list);
    ptd_buf_reserve(out, 1);
    for (size_t i = 0; i < list->count; i++) {
        ptd_buf_add_varint(out, list->items[i] - last);
        last = list->items[i];
    }
}

static bool same(struct ptd_u32s *list, const void *data, size_t len)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    write_list(list, &blob);
    return blob.len == len && (len == 0 || memcmp(blob.data, data, len) == 0);
}

static int compare_row(const struct ptd_store_imports *row, void *arg)
{
    struct ptd_edges *edges = arg;
    size_t at = ptd_map_find(&edges->files, &row->file, sizeof(row->file));
    if (at == PTD_MAP_NONE)
        return 0;
    struct ptd_edge_list *list = &edges->items[edges->files.entries[at].value];
    list->saved = same(&list->imported, row->imported, row->imported_len) &&
                  same(&list->entered, row->entered, row->entered_len);
    return 0;
}

int ptd_edges_save(struct ptd_edges *edges, struct ptd_store *store, struct ptd_err *err)
{
    if (edges->count && ptd_store_each_imports(store, compare_row, edges, err) < 0)
        return -1;
    for (size_t i = 0; i < edges->count; i++) {
        struct ptd_edge_list *list = &edges->items[i];
        PTD_CLEANUP_BUF struct ptd_buf imported = PTD_BUF_INIT;
        PTD_CLEANUP_BUF struct ptd_buf entered = PTD_BUF_INIT;
        if (list->saved)
            continue;
        write_list(&list->imported, &imported);
        write_list(&list->entered, &entered);
        struct ptd_store_imports row = {list->file, imported.data, imported.len, entered.data,
                                        entered.len};
        if (ptd_store_imports_set(store, &row, err) < 0)
            return -1;
    }
    return 0;
}

void ptd_edges_release(struct ptd_edges *edges)
{
    for (size_t i = 0; i < edges->count; i++) {
        free(edges->items[i].imported.items);
        free(edges->items[i].entered.items);
    }
    free(edges->items);
    ptd_map_release(&edges->files);
    *edges = (struct ptd_edges){0};
}
