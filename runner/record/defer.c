#include "record/defer.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"
#include "journal/digest.h"
#include "record/once.h"
#include "store/details.h"
#include "store/unsettled.h"

struct ids {
    ptd_id *items; /* owned */
    size_t count, cap;
};

/* Adds the fingerprints of a set. */
static int add_prints(struct ptd_store *store, ptd_id set, struct ids *out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    bool found;
    if (ptd_store_depset_get(store, set, &blob, &found, err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(blob.data, blob.len);
    ptd_id id = 0;
    while (r.pos < r.end) {
        id += (ptd_id)ptd_reader_varint(&r);
        out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
        out->items[out->count++] = id;
    }
    return 0;
}

static int store_prints(struct ptd_store *store, struct ids *prints, ptd_id *out,
                        struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    ptd_id before = 0;
    if (prints->count)
        qsort(prints->items, prints->count, sizeof(*prints->items), ptd_order_i64);
    for (size_t i = 0; i < prints->count; i++) {
        if (i && prints->items[i] == before)
            continue;
        ptd_buf_add_varint(&blob, (uint64_t)(prints->items[i] - before));
        before = prints->items[i];
    }
    return ptd_store_depset(store, blob.data ? blob.data : "", blob.len, out, err);
}

static bool is_doubtful(const struct ptd_dep_context *deps, ptd_id set)
{
    return ptd_map_find(&deps->doubtful, &set, sizeof(set)) != PTD_MAP_NONE;
}

/* The deferred ones with the fingerprints of their sets. */
struct work {
    struct ptd_dep_context *deps;
    struct ptd_deferred *out;
    struct ids prints;
    bool certain; /* nothing is unknown about them */
};

static int add_set(struct work *w, ptd_id set, uint32_t flags, struct ptd_err *err)
{
    w->certain = w->certain && !flags && !is_doubtful(w->deps, set);
    ptd_buf_add_varint(&w->out->sets, (uint64_t)set);
    return add_prints(w->deps->state->store, set, &w->prints, err);
}

static int add_import(struct work *w, uint32_t file, bool lazy, struct ptd_err *err)
{
    struct ptd_u32s one = {0};
    uint32_t flags = 0;
    ptd_id set;
    ptd_u32s_add(&one, file);
    int failed = ptd_dep_closure_set(w->deps, &one, lazy, &set, &flags, err) < 0 ||
                 add_set(w, set, flags, err) < 0;
    free(one.items);
    return failed ? -1 : 0;
}

static int add_scope(struct work *w, uint32_t scope, struct ptd_err *err)
{
    struct ptd_u32s files = {0};
    ptd_id set;
    int failed = ptd_dep_scope_set(w->deps, scope, &set, err) < 0 ||
                 add_set(w, set, w->deps->journal->scopes[scope].flags, err) < 0;
    ptd_dep_scope_files(w->deps, scope, &files);
    ptd_u32s_sort(&files);
    for (size_t i = 0; i < files.count && !failed && w->certain; i++)
        failed = add_import(w, files.items[i], false, err) < 0 ||
                 add_import(w, files.items[i], true, err) < 0;
    free(files.items);
    return failed ? -1 : 0;
}

int ptd_deferred_make(struct ptd_dep_context *deps, struct ptd_deferred *out, bool *deferred,
                      struct ptd_err *err)
{
    struct work w = {.deps = deps, .out = out, .certain = true};
    int failed = 0;
    *out = (struct ptd_deferred){0};
    ptd_once_suspects(deps->journal, &out->scopes);
    for (size_t i = 0; i < out->scopes.count && w.certain && !failed; i++)
        failed = add_scope(&w, out->scopes.items[i], err);
    if (!failed && w.certain && out->scopes.count)
        failed = store_prints(deps->state->store, &w.prints, &out->all, err);
    free(w.prints.items);
    *deferred = w.certain;
    if (failed || !w.certain)
        ptd_deferred_release(out);
    return failed ? -1 : 0;
}

/* Only a content is known everywhere, whatever its number. */
static void add_versions(const struct ptd_dep_context *deps, struct ptd_buf *out)
{
    ptd_buf_add_varint(out, deps->journal->file_count);
    for (size_t i = 0; i < deps->journal->file_count; i++) {
        const struct ptd_dep_file *f = &deps->files[i];
        bool known = f->source && f->version > 0;
        ptd_buf_addc(out, known);
        if (known)
            ptd_buf_add(out, &deps->state->files[f->at].hash, sizeof(struct ptd_hash128));
    }
}

int ptd_deferred_save(const struct ptd_deferred *d, const struct ptd_dep_context *deps, ptd_id run,
                      struct ptd_err *err)
{
    if (!d->all)
        return 0;
    PTD_CLEANUP_BUF struct ptd_buf session = PTD_BUF_INIT;
    ptd_buf_adds(&session, deps->state->root);
    ptd_buf_addc(&session, '\0');
    ptd_buf_add_varint(&session, d->scopes.count);
    for (size_t i = 0; i < d->scopes.count; i++)
        ptd_buf_add_varint(&session, d->scopes.items[i]);
    add_versions(deps, &session);
    ptd_journal_digest(deps->journal, &session);
    const struct ptd_store_unsettled row = {
        .run = run,
        .depset = d->all,
        .sets = d->sets.data,
        .sets_len = d->sets.len,
        .session = session.data,
        .session_len = session.len,
    };
    return ptd_store_unsettled_add(deps->state->store, &row, err);
}

void ptd_deferred_release(struct ptd_deferred *d)
{
    free(d->scopes.items);
    ptd_buf_release(&d->sets);
    *d = (struct ptd_deferred){0};
}
