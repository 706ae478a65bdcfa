#include "record/settle.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "journal/digest.h"
#include "record/defer.h"
#include "record/deps.h"
#include "record/labelled.h"
#include "record/once.h"
#include "store/details.h"
#include "store/transplant.h"
#include "store/unsettled.h"

/* What was kept of one process. */
struct kept {
    ptd_id id, run, depset;
    struct ptd_buf sets, session; /* owned */
};

struct kept_list {
    struct kept *items; /* owned */
    size_t count, cap;
};

/* A record that has the set of all suspects of the process. */
struct unsettled {
    ptd_id id, environment, node;
    bool not_collected, done;
    struct ptd_labelled_sets sets; /* the others; owned */
};

/* One process whose suspects are told apart. */
struct past {
    struct ptd_state *state;
    const struct kept *kept;
    const char *root;       /* borrowed from `kept` */
    struct ptd_u32s scopes; /* suspects, and what they use; owned */
    ptd_id *sets;           /* see struct ptd_deferred; owned */
    uint32_t *import_at;    /* per file of the journal: its two sets in `sets`, 0: none; owned */
    struct ptd_map unions; /* files, and whether for a test → set of what importing them entails */
    uint32_t *positions;   /* per scope of the journal: in `scopes`, + 1; owned */
    ptd_id *versions;      /* owned */
    struct ptd_journal journal;
    struct ptd_dep_context deps;
    struct ptd_once *once; /* owned */
    /* Suspects that serve the session, and the collection that was asked for last. */
    struct ptd_u32s session, session_files, collect;
    uint32_t collect_scope;
    bool collected;
    /* Per file of the journal, owned: what the session imports without its suspects, what the
     * collection imports in addition without its own, and what everybody of the file has. */
    unsigned char *session_known, *collect_known, *imported;
    struct unsettled *records; /* owned */
    size_t record_count, record_cap;
    struct ptd_map by_node; /* id → record */
    struct ptd_map names;   /* "t" or "f" and the name of a node → record */
    ptd_id environment;     /* whose records are being read */
};

bool ptd_settle_without(const struct ptd_record *record, struct ptd_buf *depsets)
{
    struct ptd_reader sets = ptd_reader_init(record->depsets, record->depsets_len);
    struct ptd_reader labels = ptd_reader_init(record->labels, record->labels_len);
    bool found = false;
    while (sets.pos < sets.end && labels.pos < labels.end && !sets.bad && !labels.bad) {
        uint64_t set = ptd_reader_varint(&sets);
        bool unsettled = ptd_reader_varint(&labels) == PTD_LABEL_UNSETTLED;
        found = found || unsettled;
        if (!unsettled)
            ptd_buf_add_varint(depsets, set);
    }
    return found;
}

/* ---- what was kept ---- */

static int see_kept(const struct ptd_store_unsettled *row, void *arg)
{
    struct kept_list *list = arg;
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
    struct kept *k = &list->items[list->count++];
    *k = (struct kept){.id = row->id, .run = row->run, .depset = row->depset};
    ptd_buf_add(&k->sets, row->sets, row->sets_len);
    ptd_buf_add(&k->session, row->session, row->session_len);
    return 0;
}

/* The number of a content here; PTD_VERSION_UNKNOWN where the process saw none of a source. */
static int read_version(struct past *p, struct ptd_reader *r, ptd_id *out)
{
    bool parsed;
    struct ptd_hash128 hash;
    const void *known = ptd_reader_bytes(r, 1);
    *out = PTD_VERSION_UNKNOWN;
    if (!known || !*(const unsigned char *)known)
        return known ? 0 : -1;
    const void *data = ptd_reader_bytes(r, sizeof(hash));
    if (!data)
        return -1;
    memcpy(&hash, data, sizeof(hash));
    return ptd_store_version(p->state->store, &hash, false, out, &parsed, NULL) < 0 || !parsed ||
                   *out <= 0
               ? -1
               : 0;
}

/* As many as the scopes and what they import have. */
static int read_sets(struct past *p)
{
    struct ptd_reader r = ptd_reader_init(p->kept->sets.data, p->kept->sets.len);
    struct ptd_u32s files = {0}, all = {0};
    p->sets = ptd_xcalloc(p->kept->sets.len + 1, sizeof(*p->sets));
    p->import_at = ptd_xcalloc(p->journal.file_count + 1, sizeof(*p->import_at));
    size_t count = 0;
    while (r.pos < r.end && !r.bad)
        p->sets[count++] = (ptd_id)ptd_reader_varint(&r);
    for (size_t i = 0; i < p->scopes.count; i++)
        ptd_dep_scope_files(&p->deps, p->scopes.items[i], &files);
    ptd_dep_closure_files(&p->deps, &files, &all);
    for (size_t i = 0; i < all.count; i++)
        p->import_at[all.items[i]] = (uint32_t)(p->scopes.count + 2 * i);
    bool fits = !r.bad && count == p->scopes.count + 2 * all.count;
    free(files.items);
    free(all.items);
    return fits ? 0 : -1;
}

/* -1: it cannot be settled. */
static int read_session(struct past *p)
{
    struct ptd_reader r = ptd_reader_init(p->kept->session.data, p->kept->session.len);
    const unsigned char *root = r.pos, *end = memchr(root, 0, (size_t)(r.end - r.pos));
    if (!end)
        return -1;
    p->root = (const char *)root;
    r.pos = end + 1;
    for (uint64_t left = ptd_reader_varint(&r); left && !r.bad; left--)
        ptd_u32s_add(&p->scopes, (uint32_t)ptd_reader_varint(&r));
    uint64_t files = ptd_reader_varint(&r);
    if (r.bad || files > (uint64_t)(r.end - r.pos))
        return -1;
    p->versions = ptd_xcalloc(files + 1, sizeof(*p->versions));
    for (uint64_t i = 0; i < files; i++)
        if (read_version(p, &r, &p->versions[i]) < 0)
            return -1;
    if (ptd_journal_from_digest(&r, &p->journal) < 0 || p->journal.file_count != files)
        return -1;
    p->positions = ptd_xcalloc(p->journal.scope_count + 1, sizeof(*p->positions));
    for (size_t i = 0; i < p->scopes.count; i++) {
        if (p->scopes.items[i] >= p->journal.scope_count)
            return -1;
        p->positions[p->scopes.items[i]] = (uint32_t)i + 1;
    }
    ptd_dep_context_init_past(&p->deps, p->state, &p->journal, p->versions);
    return 0;
}

/* ---- the records ---- */

static int see_record(const struct ptd_record *row, void *arg)
{
    struct past *p = arg;
    struct ptd_reader sets = ptd_reader_init(row->depsets, row->depsets_len);
    struct ptd_reader labels = ptd_reader_init(row->labels, row->labels_len);
    struct unsettled found = {.id = row->id,
                              .environment = p->environment,
                              .node = row->node,
                              .not_collected = row->outcome == PTD_OUTCOME_NOT_COLLECTED};
    bool ours = false;
    while (row->run == p->kept->run && sets.pos < sets.end && !sets.bad) {
        ptd_id set = (ptd_id)ptd_reader_varint(&sets);
        uint64_t label = labels.pos < labels.end ? ptd_reader_varint(&labels) : 0;
        if (label == PTD_LABEL_UNSETTLED && set == p->kept->depset)
            ours = true;
        else
            ptd_labelled_add(&found.sets, set, label);
    }
    if (!ours) {
        free(found.sets.items);
        return 0;
    }
    p->records = ptd_xgrow(p->records, &p->record_cap, p->record_count + 1, sizeof(*p->records));
    ptd_map_put(&p->by_node, &row->node, sizeof(row->node), p->record_count, NULL);
    p->records[p->record_count++] = found;
    return 0;
}

static int see_environment(ptd_id id, const char *name, void *arg)
{
    struct past *p = arg;
    (void)name;
    p->environment = id;
    return ptd_store_each_record(p->state->store, id, see_record, p, NULL);
}

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct past *p = arg;
    size_t at = ptd_map_find(&p->by_node, &node->id, sizeof(node->id));
    if (at == PTD_MAP_NONE)
        return 0;
    PTD_CLEANUP_FREE char *key = ptd_xasprintf("%c%s", node->is_file ? 'f' : 't', node->name);
    ptd_map_puts(&p->names, key, p->by_node.entries[at].value);
    return 0;
}

static struct unsettled *record_of(struct past *p, char kind, const char *name)
{
    PTD_CLEANUP_FREE char *key = ptd_xasprintf("%c%s", kind, name);
    uint64_t at = ptd_map_get(&p->names, key, UINT64_MAX);
    return at == UINT64_MAX || p->records[at].done ? NULL : &p->records[at];
}

/* The set of what importing these files entails, transitively; made once for each list. */
static int import_set(struct past *p, struct ptd_u32s *files, bool lazy, ptd_id *out,
                      struct ptd_err *err)
{
    struct ptd_u32s all = {0};
    ptd_dep_closure_files(&p->deps, files, &all);
    ptd_u32s_add(&all, lazy ? UINT32_MAX : UINT32_MAX - 1);
    size_t len = all.count * sizeof(*all.items);
    size_t at = ptd_map_find(&p->unions, all.items, len);
    int failed = 0;
    if (at == PTD_MAP_NONE) {
        PTD_CLEANUP_FREE ptd_id *sets = ptd_xcalloc(all.count, sizeof(*sets));
        for (size_t i = 0; i + 1 < all.count; i++)
            sets[i] = p->sets[p->import_at[all.items[i]] + lazy];
        failed = ptd_deferred_unite(p->state->store, sets, all.count - 1, out, err);
        if (!failed)
            ptd_map_put(&p->unions, all.items, len, (uint64_t)*out, NULL);
    } else {
        *out = (ptd_id)p->unions.entries[at].value;
    }
    free(all.items);
    return failed;
}

/* Adds the sets of these suspects, but for imports that the record has anyway (`known`). `lazy`:
 * they serve the test itself. *complete is false when one of them is none that was kept. */
static int add_suspects(struct past *p, const struct ptd_u32s *suspects, const unsigned char *known,
                        bool lazy, struct ptd_labelled_sets *out, bool *complete,
                        struct ptd_err *err)
{
    struct ptd_u32s files = {0}, more = {0};
    int failed = 0;
    for (size_t i = 0; i < suspects->count && *complete; i++) {
        size_t at = p->positions[suspects->items[i]];
        *complete = at > 0;
        if (!at)
            break;
        ptd_labelled_add(out, p->sets[at - 1], PTD_LABEL_ONCE);
        ptd_dep_scope_files(&p->deps, suspects->items[i], &files);
    }
    for (size_t i = 0; i < files.count; i++)
        if (!known[files.items[i]])
            ptd_u32s_add(&more, files.items[i]);
    if (more.count && *complete) {
        ptd_id set = 0;
        failed = import_set(p, &more, lazy, &set, err);
        ptd_labelled_add(out, set, lazy ? PTD_LABEL_TEST_IMPORTS : PTD_LABEL_FILE_IMPORTS);
    }
    free(files.items);
    free(more.items);
    return failed;
}

static int settle_record(struct past *p, struct unsettled *r, const struct ptd_u32s *collect,
                         const struct ptd_u32s *own, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf depsets = PTD_BUF_INIT, labels = PTD_BUF_INIT;
    bool complete = true;
    if (add_suspects(p, &p->session, p->session_known, false, &r->sets, &complete, err) < 0 ||
        (collect &&
         add_suspects(p, collect, p->collect_known, false, &r->sets, &complete, err) < 0) ||
        (own && add_suspects(p, own, p->imported, true, &r->sets, &complete, err) < 0))
        return -1;
    if (!complete)
        return 0; /* it stays as it is */
    r->done = true;
    ptd_labelled_write(&r->sets, &depsets, &labels);
    const struct ptd_record row = {
        .id = r->id,
        .node = r->node,
        .run = p->kept->run,
        .depsets = depsets.data,
        .depsets_len = depsets.len,
        .labels = labels.data,
        .labels_len = labels.len,
    };
    return ptd_store_record_settle(p->state->store, r->environment, &row, err);
}

/* ---- whom the suspects served ---- */

/* What ptd_once_add() added to `scopes` behind the first `known`. */
static void keep_added(struct ptd_u32s *scopes, size_t known)
{
    scopes->count -= known;
    memmove(scopes->items, scopes->items + known, scopes->count * sizeof(uint32_t));
}

/* Marks what the scopes in `scopes` from number `from` on import, transitively; and the files. */
static void mark(const struct past *p, const struct ptd_u32s *scopes, size_t from,
                 struct ptd_u32s *files, unsigned char *marks)
{
    for (size_t i = from; i < scopes->count; i++)
        ptd_dep_scope_files(&p->deps, scopes->items[i], files);
    ptd_dep_closure_mark(&p->deps, files, marks);
}

static void see_session(struct past *p)
{
    size_t count = p->journal.file_count + 1;
    p->session_known = ptd_xcalloc(count, 1);
    p->collect_known = ptd_xcalloc(count, 1);
    p->imported = ptd_xcalloc(count, 1);
    ptd_dep_reach_session(&p->journal, &p->session);
    size_t known = p->session.count;
    mark(p, &p->session, 0, &p->session_files, p->session_known);
    ptd_once_add(p->once, NULL, NULL, &p->session);
    for (size_t i = known; i < p->session.count; i++)
        ptd_dep_scope_files(&p->deps, p->session.items[i], &p->session_files);
    keep_added(&p->session, known);
}

/* Makes `collect` and what goes with it those of this scope. */
static void see_collection(struct past *p, uint32_t scope)
{
    struct ptd_u32s files = {0};
    if (p->collected && p->collect_scope == scope)
        return;
    p->collected = true;
    p->collect_scope = scope;
    p->collect.count = 0;
    memset(p->collect_known, 0, p->journal.file_count);
    ptd_dep_closure_mark(&p->deps, &p->session_files, p->collect_known);
    if (scope != PTD_J_NO_SCOPE)
        ptd_dep_reach(&p->journal, scope, &p->collect);
    size_t known = p->collect.count;
    mark(p, &p->collect, 0, &files, p->collect_known);
    ptd_once_add(p->once, NULL, NULL, &p->collect);
    memcpy(p->imported, p->collect_known, p->journal.file_count);
    mark(p, &p->collect, known, &files, p->imported);
    keep_added(&p->collect, known);
    free(files.items);
}

static int settle_collection(struct past *p, const struct ptd_journal_collect *c,
                             struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path =
        c->path[0] == '/' ? ptd_path_relative(c->path, p->root) : ptd_xstrdup(c->path);
    struct unsettled *r = record_of(p, 'f', path);
    if (!r || c->flags & PTD_COLLECT_PARTIAL)
        return 0;
    see_collection(p, c->scope);
    return settle_record(p, r, &p->collect, NULL, err);
}

static int settle_test(struct past *p, const struct ptd_journal_test *t, struct ptd_err *err)
{
    struct unsettled *r = record_of(p, 't', t->nodeid);
    struct ptd_u32s own = {0};
    if (!r)
        return 0;
    see_collection(p, t->collect);
    ptd_dep_reach(&p->journal, t->scope, &own);
    size_t known = own.count;
    ptd_once_add(p->once, p->imported, t->nodeid, &own);
    keep_added(&own, known);
    int failed = settle_record(p, r, &p->collect, &own, err);
    free(own.items);
    return failed;
}

/* `alone`: no other process has the same suspects, so what is left is of this one. */
static int settle_records(struct past *p, bool alone, struct ptd_err *err)
{
    for (size_t i = 0; i < p->journal.collect_count; i++)
        if (settle_collection(p, &p->journal.collects[i], err) < 0)
            return -1;
    for (size_t i = 0; i < p->journal.test_count; i++)
        if (settle_test(p, &p->journal.tests[i], err) < 0)
            return -1;
    for (size_t i = 0; i < p->record_count && alone; i++)
        if (p->records[i].not_collected && !p->records[i].done &&
            settle_record(p, &p->records[i], NULL, NULL, err) < 0)
            return -1;
    return 0;
}

static void release(struct past *p)
{
    ptd_once_free(p->once);
    if (p->deps.journal)
        ptd_dep_context_release(&p->deps);
    ptd_journal_release(&p->journal);
    for (size_t i = 0; i < p->record_count; i++)
        free(p->records[i].sets.items);
    free(p->records);
    free(p->scopes.items);
    free(p->session.items);
    free(p->session_files.items);
    free(p->collect.items);
    free(p->sets);
    free(p->import_at);
    ptd_map_release(&p->unions);
    free(p->positions);
    free(p->versions);
    ptd_map_release(&p->by_node);
    free(p->session_known);
    free(p->collect_known);
    free(p->imported);
    ptd_map_release(&p->names);
}

static int settle_process(struct ptd_state *state, const struct kept *kept, bool alone,
                          struct ptd_err *err)
{
    struct past p = {.state = state, .kept = kept};
    int failed = 0;
    if (read_session(&p) == 0 && read_sets(&p) == 0) {
        failed = ptd_store_each_environment(state->store, see_environment, &p, err) < 0 ||
                 ptd_store_each_node(state->store, see_node, &p, err) < 0;
    }
    if (!failed && p.record_count) {
        p.once = ptd_once_new(&p.deps);
        see_session(&p);
        failed = settle_records(&p, alone, err) < 0;
    }
    release(&p);
    return failed || ptd_store_unsettled_drop(state->store, kept->id, err) < 0 ? -1 : 0;
}

static bool is_alone(const struct kept_list *list, size_t at)
{
    for (size_t i = 0; i < list->count; i++)
        if (i != at && list->items[i].run == list->items[at].run &&
            list->items[i].depset == list->items[at].depset)
            return false;
    return true;
}

/* Within a transaction. */
static int settle_all(struct ptd_state *state, struct ptd_err *err)
{
    struct kept_list list = {0};
    int failed = ptd_store_each_unsettled(state->store, see_kept, &list, err);
    for (size_t i = 0; i < list.count && !failed; i++)
        failed = settle_process(state, &list.items[i], is_alone(&list, i), err);
    for (size_t i = 0; i < list.count; i++) {
        ptd_buf_release(&list.items[i].sets);
        ptd_buf_release(&list.items[i].session);
    }
    free(list.items);
    return failed;
}

static int settle(struct ptd_state *state, bool clean, struct ptd_err *err)
{
    if (ptd_store_begin(state->store, err) < 0)
        return -1;
    if (settle_all(state, err) == 0 &&
        (!clean || ptd_store_collect_garbage(state->store, err) == 0) &&
        ptd_store_commit(state->store, err) == 0)
        return 0;
    ptd_store_rollback(state->store);
    return -1;
}

int ptd_settle(struct ptd_state *state, struct ptd_err *err)
{
    return settle(state, false, err);
}

int ptd_settle_store(struct ptd_store *store, struct ptd_err *err)
{
    struct ptd_state state = {.store = store, .writable = true};
    bool needed;
    if (ptd_store_unsettled_any(store, &needed, err) < 0)
        return -1;
    int failed = needed ? settle(&state, true, err) : 0;
    ptd_state_release(&state);
    return failed;
}

int ptd_settle_in_place(struct ptd_store *store, bool *settled, struct ptd_err *err)
{
    struct ptd_store *writable;
    bool needed;
    if (ptd_store_unsettled_any(store, &needed, err) < 0)
        return -1;
    *settled = !needed || ptd_store_may_write(ptd_store_path(store));
    if (!needed || !*settled)
        return 0;
    if (ptd_store_open_existing(ptd_store_path(store), &writable, err) < 0)
        return -1;
    int failed = ptd_settle_store(writable, err);
    ptd_store_close(writable);
    return failed;
}
