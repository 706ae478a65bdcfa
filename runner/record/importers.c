#include "record/importers.h"

#include <stdlib.h>

#include "base/mem.h"

static void add_list(struct ptd_importers *out, ptd_id from, bool entered, const void *data,
                     size_t len)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    uint64_t to = 0;
    while (r.pos < r.end) {
        to += ptd_reader_varint(&r);
        if (r.bad)
            return;
        out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
        out->items[out->count++] = (struct ptd_importer){from, (ptd_id)to, entered};
    }
}

static int visit(const struct ptd_store_imports *row, void *arg)
{
    add_list(arg, row->file, false, row->imported, row->imported_len);
    add_list(arg, row->file, true, row->entered, row->entered_len);
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct ptd_importer *x = a, *y = b;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

int ptd_importers_load(struct ptd_store *store, struct ptd_importers *out, struct ptd_err *err)
{
    *out = (struct ptd_importers){0};
    if (ptd_store_each_imports(store, visit, out, err) < 0) {
        ptd_importers_release(out);
        return -1;
    }
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare);
    return 0;
}

void ptd_importers_release(struct ptd_importers *importers)
{
    free(importers->items);
    *importers = (struct ptd_importers){0};
}

static size_t first_of(const struct ptd_importers *importers, ptd_id file)
{
    size_t low = 0, high = importers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (importers->items[middle].to < file)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The breadth-first search: each file once, with the position of the one it was reached from. */
struct step {
    ptd_id file;
    size_t from;
};

struct search {
    struct step *steps; /* owned */
    size_t count, cap;
    struct ptd_map seen;
};

static void push(struct search *s, ptd_id file, size_t from)
{
    bool added;
    ptd_map_put(&s->seen, &file, sizeof(file), 1, &added);
    if (!added)
        return;
    s->steps = ptd_xgrow(s->steps, &s->cap, s->count + 1, sizeof(*s->steps));
    s->steps[s->count++] = (struct step){file, from};
}

static bool is_inside(const struct ptd_map *inside, ptd_id file)
{
    return ptd_map_find(inside, &file, sizeof(file)) != PTD_MAP_NONE;
}

/* Importers of one file; how many are inside. */
static size_t push_importers(struct search *s, const struct ptd_importers *importers,
                             const struct ptd_map *inside, size_t at)
{
    ptd_id file = s->steps[at].file;
    size_t found = 0;
    for (size_t i = first_of(importers, file);
         i < importers->count && importers->items[i].to == file; i++) {
        const struct ptd_importer *e = &importers->items[i];
        if (e->entered || !is_inside(inside, e->from))
            continue;
        push(s, e->from, at);
        found++;
    }
    return found;
}

size_t ptd_importers_way(const struct ptd_importers *importers, ptd_id file, ptd_id root,
                         const struct ptd_map *inside, ptd_id *out, size_t max, bool *whole)
{
    struct search s = {0};
    size_t end = 0, count = 0;
    bool at_top = false;
    push(&s, file, SIZE_MAX);
    *whole = false;
    for (size_t at = 0; at < s.count && !*whole; at++) {
        *whole = s.steps[at].file == root;
        if (*whole || (!push_importers(&s, importers, inside, at) && !at_top)) {
            end = at;
            at_top = true;
        }
    }
    *whole = *whole || at_top;
    for (size_t at = end; at && at != SIZE_MAX; at = s.steps[at].from)
        count++;
    size_t place = count;
    for (size_t at = end; at && at != SIZE_MAX; at = s.steps[at].from)
        if (--place < max)
            out[place] = s.steps[at].file;
    *whole = *whole && count <= max;
    free(s.steps);
    ptd_map_release(&s.seen);
    return count < max ? count : max;
}

ptd_id ptd_importers_entered_by(const struct ptd_importers *importers, ptd_id file,
                                const struct ptd_map *inside)
{
    for (size_t i = first_of(importers, file);
         i < importers->count && importers->items[i].to == file; i++)
        if (importers->items[i].entered && is_inside(inside, importers->items[i].from))
            return importers->items[i].from;
    return 0;
}
