#include "record/defer.h"

#include <stdlib.h>

#include "base/mem.h"
#include "journal/digest.h"
#include "record/once.h"
#include "store/details.h"
#include "store/unsettled.h"

/* Adds the fingerprints of a set. */
static int add_prints(struct ptd_store *store, ptd_id set, struct ptd_ids *out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    bool found;
    if (ptd_store_depset_get(store, set, &blob, &found, err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(blob.data, blob.len);
    ptd_id id = 0;
    while (r.pos < r.end) {
        id += (ptd_id)ptd_reader_varint(&r);
        ptd_ids_add(out, id);
    }
    return 0;
}

static bool is_doubtful(const struct ptd_dep_context *deps, ptd_id set)
{
    return ptd_map_find(&deps->doubtful, &set, sizeof(set)) != PTD_MAP_NONE;
}

int ptd_deferred_unite(struct ptd_store *store, const ptd_id *sets, size_t count, ptd_id *out,
                       struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    struct ptd_ids prints = {0};
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = add_prints(store, sets[i], &prints, err);
    ptd_buf_add_ascending(&blob, (uint64_t *)prints.items, prints.count);
    failed = failed || ptd_store_depset(store, blob.data ? blob.data : "", blob.len, out, err) < 0;
    ptd_ids_release(&prints);
    return failed ? -1 : 0;
}

/* The deferred ones with their sets. */
struct work {
    struct ptd_dep_context *deps;
    struct ptd_deferred *out;
    struct ptd_ids sets;
    bool certain; /* nothing is unknown about them */
};

static void add_set(struct work *w, ptd_id set, uint32_t flags)
{
    w->certain = w->certain && !flags && !is_doubtful(w->deps, set);
    ptd_buf_add_varint(&w->out->sets, (uint64_t)set);
    ptd_ids_add(&w->sets, set);
}

static int add_scopes(struct work *w, struct ptd_u32s *files, struct ptd_err *err)
{
    const struct ptd_u32s *scopes = &w->out->scopes;
    for (size_t i = 0; i < scopes->count && w->certain; i++) {
        ptd_id set;
        if (ptd_dep_scope_set(w->deps, scopes->items[i], &set, err) < 0)
            return -1;
        add_set(w, set, w->deps->journal->scopes[scopes->items[i]].flags);
        ptd_dep_scope_files(w->deps, scopes->items[i], files);
    }
    return 0;
}

static int add_imports(struct work *w, const struct ptd_u32s *files, struct ptd_err *err)
{
    struct ptd_u32s all = {0};
    int failed = 0;
    ptd_dep_closure_files(w->deps, files, &all);
    for (size_t i = 0; i < 2 * all.count && w->certain && !failed; i++) {
        uint32_t flags = 0;
        ptd_id set;
        failed = ptd_dep_import_set(w->deps, all.items[i / 2], i % 2, &set, &flags, err) < 0;
        if (!failed)
            add_set(w, set, flags);
    }
    free(all.items);
    return failed ? -1 : 0;
}

int ptd_deferred_make(struct ptd_dep_context *deps, struct ptd_deferred *out, bool *deferred,
                      struct ptd_err *err)
{
    struct work w = {.deps = deps, .out = out, .certain = true};
    struct ptd_u32s files = {0};
    *out = (struct ptd_deferred){0};
    ptd_once_suspects(deps->journal, &out->scopes);
    int failed = add_scopes(&w, &files, err) < 0 || add_imports(&w, &files, err) < 0;
    if (!failed && w.certain && out->scopes.count)
        failed = ptd_deferred_unite(deps->state->store, w.sets.items, w.sets.count, &out->all, err);
    ptd_ids_release(&w.sets);
    free(files.items);
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
