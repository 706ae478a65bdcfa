/* The journal of one process, turned into records. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "record/defer.h"
#include "record/deps.h"
#include "record/deps_names.h"
#include "record/deps_paths.h"
#include "record/ingest_internal.h"
#include "record/once.h"
#include "record/parts.h"
#include "store/details.h"

/* One process of the session while its journal is turned into records. */
struct process {
    struct ptd_ingest *in;
    const struct ptd_journal *journal;
    struct ptd_dep_context deps;
    struct ptd_once *once;            /* owned; NULL: no suspects, or `deferred` */
    struct ptd_deferred deferred;     /* suspects that are not told apart yet */
    struct ptd_labelled_sets session; /* sets of the session scope */
    struct ptd_u32s session_files;    /* that it imported or entered */
    uint32_t session_flags;
    ptd_id everything; /* the set of all sources, 0 = not made yet */
    /* What the last test's file contributed: tests come file by file. */
    uint32_t collect;
    char *collect_path; /* owned; NULL: nothing yet */
    ptd_id collect_file;
    struct ptd_labelled_sets collect_sets;
    uint32_t collect_flags;
    struct ptd_map conftests; /* directory → set of its conftest.py files * 4 + flags */
    unsigned char
        *imported; /* owned; per file of the journal: part of collect_sets or of `session` */
};

char *ptd_ingest_relative(const struct ptd_ingest *in, const char *path)
{
    return path[0] == '/' ? ptd_path_relative(path, in->request->state->root) : ptd_xstrdup(path);
}
static int add_fact_file(struct process *p, enum ptd_file_kind kind, const char *path,
                         struct ptd_deps *items, struct ptd_err *err)
{
    size_t at;
    if (ptd_state_add(p->in->request->state, kind, path, &at, err) < 0)
        return -1;
    ptd_deps_add(items, at, 0);
    return 0;
}

/* What the session's hooks entered and imported, and the facts about the whole run. */
static int make_session_sets(struct process *p, struct ptd_err *err)
{
    struct ptd_deps items = {0};
    struct ptd_u32s *files = &p->session_files, scopes = {0};
    ptd_id own = 0, closure = 0;
    int result = -1;
    ptd_dep_reach_session(p->journal, &scopes);
    ptd_once_add(p->once, NULL, NULL, &scopes);
    for (size_t i = 0; i < scopes.count; i++) {
        if (ptd_dep_scope_items(&p->deps, scopes.items[i], &items, err) < 0)
            goto out;
        ptd_dep_scope_files(&p->deps, scopes.items[i], files);
        p->session_flags |= p->journal->scopes[scopes.items[i]].flags;
    }
    if (add_fact_file(p, PTD_FILE_CONFIG, "", &items, err) < 0 ||
        add_fact_file(p, PTD_FILE_OPTIONS, "", &items, err) < 0 ||
        ptd_dep_names_session(&p->deps, &items, err) < 0 ||
        ptd_dep_store_set(&p->deps, &items, &own, err) < 0 ||
        ptd_dep_closure_set(&p->deps, files, false, &closure, &p->session_flags, err) < 0)
        goto out;
    ptd_labelled_add(&p->session, own, PTD_LABEL_SESSION);
    ptd_labelled_add(&p->session, closure, PTD_LABEL_SESSION_IMPORTS);
    if (p->deferred.all)
        ptd_labelled_add(&p->session, p->deferred.all, PTD_LABEL_UNSETTLED);
    result = 0;
out:
    ptd_deps_release(&items);
    free(scopes.items);
    return result;
}

/* A set that is never valid: what was recorded cannot be trusted. */
static int never_valid(struct process *p, ptd_id file, ptd_id *out, struct ptd_err *err)
{
    ptd_id fingerprint;
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    if (ptd_store_fingerprint(p->in->store, file, PTD_VERSION_UNKNOWN, "", 0, &fingerprint, err) <
        0)
        return -1;
    ptd_buf_add_varint(&blob, (uint64_t)fingerprint);
    return ptd_store_depset(p->in->store, blob.data, blob.len, out, err);
}

/* "fixture cart (tests/conftest.py)", as a label of the store. */
static int fixture_label(struct process *p, const struct ptd_journal_scope *s, uint64_t *out,
                         struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf name = PTD_BUF_INIT;
    ptd_id id;
    ptd_buf_add(&name, s->label, strcspn(s->label, "["));
    if (s->file != PTD_J_NO_FILE && p->deps.files[s->file].at != SIZE_MAX)
        ptd_buf_addf(&name, " (%s)", p->in->request->state->files[p->deps.files[s->file].at].path);
    uint64_t known = ptd_map_get(&p->in->labels, name.data ? name.data : "", 0);
    if (!known) {
        if (ptd_store_label(p->in->store, name.data ? name.data : "", &id, err) < 0)
            return -1;
        known = PTD_LABEL_FIXTURE + (uint64_t)id;
        ptd_map_puts(&p->in->labels, name.data ? name.data : "", known);
    }
    *out = known;
    return 0;
}

static int scope_label(struct process *p, const struct ptd_journal_scope *s, uint64_t *out,
                       struct ptd_err *err)
{
    if (s->kind == PTD_SCOPE_FIXTURE)
        return fixture_label(p, s, out, err);
    *out = s->kind == PTD_SCOPE_TEST      ? PTD_LABEL_OWN
           : s->kind == PTD_SCOPE_COLLECT ? PTD_LABEL_COLLECTION
           : s->kind == PTD_SCOPE_SESSION ? PTD_LABEL_SESSION
           : s->kind == PTD_SCOPE_ONCE    ? PTD_LABEL_ONCE
                                          : PTD_LABEL_UNKNOWN;
    return 0;
}

static void drop_files(struct ptd_u32s *files, const unsigned char *which)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++)
        if (!which[files->items[i]])
            files->items[kept++] = files->items[i];
    files->count = kept;
}

/*
 * Sets for scopes[] together with what they import; *flags gathers theirs. Imports in `known` (may
 * be NULL) are left out: the record has them already.
 */
static int add_scope_sets(struct process *p, const struct ptd_u32s *scopes,
                          const unsigned char *known, struct ptd_labelled_sets *sets,
                          uint32_t *flags, struct ptd_err *err)
{
    struct ptd_u32s files = {0};
    uint64_t label;
    ptd_id set;
    int result = 0;
    for (size_t i = 0; i < scopes->count && result == 0; i++) {
        uint32_t scope = scopes->items[i];
        *flags |= p->journal->scopes[scope].flags;
        result = scope_label(p, &p->journal->scopes[scope], &label, err);
        if (result == 0)
            result = ptd_dep_scope_set(&p->deps, scope, &set, err);
        if (result == 0)
            ptd_labelled_add(sets, set, label);
        ptd_dep_scope_files(&p->deps, scope, &files);
    }
    if (known)
        drop_files(&files, known);
    if (result == 0 && files.count) {
        result = ptd_dep_closure_set(&p->deps, &files, known != NULL, &set, flags, err);
        if (result == 0)
            ptd_labelled_add(sets, set, known ? PTD_LABEL_TEST_IMPORTS : PTD_LABEL_FILE_IMPORTS);
    }
    free(files.items);
    return result;
}

/* What applies to every test of a file by its place: conftest.py files above, and the file itself.
 */
static int add_place(struct process *p, const char *path, bool whole, ptd_id *file,
                     struct ptd_labelled_sets *sets, struct ptd_err *err)
{
    struct ptd_state *state = p->in->request->state;
    struct ptd_deps items = {0};
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    size_t n = strlen(path), at;
    bool source = n > 3 && strcmp(path + n - 3, ".py") == 0;
    ptd_id set;
    if (ptd_state_add(state, source ? PTD_FILE_SOURCE : PTD_FILE_OPAQUE, path, &at, err) < 0)
        return -1;
    *file = state->files[at].id;
    ptd_deps_add(&items, at, whole || !source ? PTD_DEP_WHOLE : 0);
    int failed = add_fact_file(p, PTD_FILE_LAYOUT, dir, &items, err) < 0 ||
                 ptd_dep_store_set(&p->deps, &items, &set, err) < 0;
    ptd_deps_release(&items);
    if (failed)
        return -1;
    ptd_labelled_add(sets, set, PTD_LABEL_PLACE);
    return 0;
}

static int put_record(struct process *p, ptd_id node, ptd_id file, uint32_t outcome,
                      uint64_t duration_us, uint32_t flags, struct ptd_labelled_sets *sets,
                      const struct ptd_buf *tests, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT, labels = PTD_BUF_INIT;
    flags |= p->session_flags | p->in->controller_flags;
    /* A failure in nobody knows which state counts until the test has passed. */
    if (ptd_outcome_is_failure((int)outcome) && (flags & PTD_SCOPE_INCOMPLETE)) {
        flags = 0;
        sets->count = 0;
    }
    ptd_labelled_add_all(sets, &p->session);
    ptd_labelled_add_all(sets, &p->in->controller);
    if (flags & PTD_SCOPE_OPAQUE) {
        if (!p->in->request->state->all_files)
            flags |= PTD_SCOPE_INCOMPLETE; /* there may be more files than we know of */
        else if (!p->everything && ptd_dep_everything_set(&p->deps, &p->everything, err) < 0)
            return -1;
        else
            ptd_labelled_add(sets, p->everything, PTD_LABEL_EVERYTHING);
    }
    if (flags & PTD_SCOPE_INCOMPLETE) {
        ptd_id never;
        if (never_valid(p, file, &never, err) < 0)
            return -1;
        ptd_labelled_add(sets, never, PTD_LABEL_NEVER);
    }
    ptd_labelled_write(sets, &blob, &labels);
    struct ptd_record record = {
        .node = node,
        .outcome = (int)outcome,
        .duration_us = duration_us,
        .run = p->in->run,
        .depsets = blob.data,
        .depsets_len = blob.len,
        .tests = tests ? tests->data : NULL,
        .tests_len = tests ? tests->len : 0,
        .labels = labels.data,
        .labels_len = labels.len,
    };
    return ptd_store_record(p->in->store, p->in->environment, &record, err);
}

static int ingest_collect(struct process *p, const struct ptd_journal_collect *c,
                          struct ptd_err *err)
{
    struct ptd_ingest *in = p->in;
    PTD_CLEANUP_FREE char *path = ptd_ingest_relative(in, c->path);
    if (c->flags & PTD_COLLECT_PARTIAL)
        return 0;
    bool added;
    ptd_map_put(&in->collected, path, strlen(path), 1, &added);
    if (!added)
        return 0;
    struct ptd_labelled_sets sets = {0};
    struct ptd_u32s scopes = {0};
    PTD_CLEANUP_BUF struct ptd_buf tests = PTD_BUF_INIT;
    ptd_buf_reserve(&tests, 1);
    for (size_t i = 0; i < c->count; i++)
        ptd_buf_add(&tests, c->tests[i], strlen(c->tests[i]) + 1);
    ptd_id file, node;
    uint32_t flags = 0;
    if (c->scope == PTD_J_NO_SCOPE)
        flags |= PTD_SCOPE_INCOMPLETE;
    else
        ptd_dep_reach(p->journal, c->scope, &scopes);
    ptd_once_add(p->once, NULL, NULL, &scopes);
    int failed = add_place(p, path, in->result->doctests, &file, &sets, err) < 0 ||
                 add_scope_sets(p, &scopes, NULL, &sets, &flags, err) < 0 ||
                 ptd_store_node(in->store, path, file, true, &node, err) < 0 ||
                 put_record(p, node, file, c->outcome, 0, flags, &sets, &tests, err) < 0;
    free(sets.items);
    free(scopes.items);
    return failed ? -1 : 0;
}

/* What these scopes and the session import, and so what every test of the file has anyway. */
static void mark_imported(struct process *p, const struct ptd_u32s *scopes)
{
    struct ptd_u32s files = {0};
    if (!p->imported)
        p->imported = ptd_xmalloc(p->journal->file_count);
    memset(p->imported, 0, p->journal->file_count);
    ptd_dep_closure_mark(&p->deps, &p->session_files, p->imported);
    for (size_t i = 0; i < scopes->count; i++)
        ptd_dep_scope_files(&p->deps, scopes->items[i], &files);
    ptd_dep_closure_mark(&p->deps, &files, p->imported);
    free(files.items);
}

/* Makes p->collect_sets and p->collect_flags those of this file and its collection. */
static int use_collection(struct process *p, const char *path, uint32_t scope, struct ptd_err *err)
{
    if (p->collect_path && p->collect == scope && strcmp(p->collect_path, path) == 0)
        return 0;
    struct ptd_u32s collect = {0};
    free(p->collect_path);
    p->collect_path = ptd_xstrdup(path);
    p->collect = scope;
    p->collect_sets.count = 0;
    p->collect_flags = 0;
    if (scope != PTD_J_NO_SCOPE)
        ptd_dep_reach(p->journal, scope, &collect);
    ptd_once_add(p->once, NULL, NULL, &collect);
    mark_imported(p, &collect);
    int failed =
        add_place(p, path, p->in->result->doctests, &p->collect_file, &p->collect_sets, err) < 0 ||
        add_scope_sets(p, &collect, NULL, &p->collect_sets, &p->collect_flags, err) < 0;
    free(collect.items);
    return failed ? -1 : 0;
}

/* Whether all that a test depended on is known, and was as it is when the session began. */
static bool is_certain(const struct process *p, uint32_t flags,
                       const struct ptd_labelled_sets *sets)
{
    flags |= p->session_flags | p->in->controller_flags;
    if ((flags & PTD_SCOPE_INCOMPLETE) ||
        ((flags & PTD_SCOPE_OPAQUE) && !p->in->request->state->all_files))
        return false;
    for (size_t i = 0; p->deps.doubtful.count && i < sets->count; i++) {
        ptd_id id = sets->items[i].id;
        if (ptd_map_find(&p->deps.doubtful, &id, sizeof(id)) != PTD_MAP_NONE)
            return false;
    }
    return true;
}

static int ingest_test(struct process *p, const struct ptd_journal_test *t, struct ptd_err *err)
{
    struct ptd_ingest *in = p->in;
    PTD_CLEANUP_FREE char *path = ptd_ingest_relative(in, t->path);
    if (use_collection(p, path, t->collect, err) < 0)
        return -1;
    struct ptd_labelled_sets sets = {0};
    struct ptd_u32s own = {0};
    ptd_id node;
    uint32_t flags = t->flags | p->collect_flags;
    ptd_dep_reach(p->journal, t->scope, &own);
    ptd_once_add(p->once, p->imported, t->nodeid, &own);
    ptd_labelled_add_all(&sets, &p->collect_sets);
    int failed = add_scope_sets(p, &own, p->imported, &sets, &flags, err) < 0 ||
                 ptd_store_node(in->store, t->nodeid, p->collect_file, false, &node, err) < 0 ||
                 put_record(p, node, p->collect_file, t->outcome, t->duration_us, flags, &sets,
                            NULL, err) < 0;
    if (!failed && is_certain(p, flags, &sets))
        ptd_flaky_note(&in->flaky, in->request, node, t->nodeid, (int)t->outcome);
    free(sets.items);
    free(own.items);
    in->result->tests += failed ? 0 : 1;
    return failed ? -1 : 0;
}

/* A test that its process did not survive is a failure until it has run, whatever it depended on.
 */
static int ingest_unfinished(struct process *p, const char *nodeid, struct ptd_err *err)
{
    const char *colons = strstr(nodeid, "::");
    PTD_CLEANUP_FREE char *path =
        colons ? ptd_xstrndup(nodeid, (size_t)(colons - nodeid)) : ptd_xstrdup(nodeid);
    struct ptd_labelled_sets sets = {0};
    ptd_id file, node;
    p->in->result->unfinished++;
    int failed =
        add_place(p, path, true, &file, &sets, err) < 0 ||
        ptd_store_node(p->in->store, nodeid, file, false, &node, err) < 0 ||
        put_record(p, node, file, PTD_OUTCOME_ERROR, 0, PTD_SCOPE_INCOMPLETE, &sets, NULL, err) < 0;
    free(sets.items);
    return failed ? -1 : 0;
}

/* The conftest.py in a directory with all that it imports, if there is one. */
static int add_conftest(struct process *p, const char *dir, struct ptd_deps *items,
                        struct ptd_u32s *files, struct ptd_err *err)
{
    struct ptd_state *state = p->in->request->state;
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "conftest.py");
    size_t at;
    if (!ptd_tree_find(&state->tree, path))
        return 0;
    if (ptd_state_add(state, PTD_FILE_SOURCE, path, &at, err) < 0)
        return -1;
    ptd_deps_add(items, at, PTD_DEP_WHOLE);
    for (uint32_t i = 0; i < p->journal->file_count; i++)
        if (p->deps.files[i].at == at)
            ptd_u32s_add(files, i);
    return 0;
}

/* The set of the conftest.py files that say what is collected in a directory; made once for each.
 */
static int conftest_set(struct process *p, const char *directory, ptd_id *out, uint32_t *flags,
                        struct ptd_err *err)
{
    uint64_t known = ptd_map_get(&p->conftests, directory, 0);
    *out = (ptd_id)(known >> 2);
    *flags |= (uint32_t)known & 3;
    if (known)
        return 0;
    struct ptd_deps items = {0};
    struct ptd_u32s files = {0};
    uint32_t found = 0;
    int failed = 0;
    PTD_CLEANUP_FREE char *dir = ptd_xstrdup(directory);
    while (!failed) {
        failed = add_conftest(p, dir, &items, &files, err);
        if (!dir[0] || strcmp(dir, "/") == 0)
            break;
        char *up = ptd_path_dirname(dir);
        free(dir);
        dir = up;
    }
    failed = failed || ptd_dep_closure_items(&p->deps, &files, &items, &found, err) < 0 ||
             ptd_dep_store_set(&p->deps, &items, out, err) < 0;
    ptd_deps_release(&items);
    free(files.items);
    if (failed)
        return -1;
    *flags |= found;
    ptd_map_puts(&p->conftests, directory, (uint64_t)*out << 2 | (found & 3));
    return 0;
}

static int record_not_collected(struct process *p, const char *path, struct ptd_err *err)
{
    struct ptd_labelled_sets sets = {0};
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    PTD_CLEANUP_BUF struct ptd_buf none = PTD_BUF_INIT;
    ptd_buf_reserve(&none, 1);
    ptd_id file, node, set;
    uint32_t flags = 0;
    int failed = add_place(p, path, false, &file, &sets, err) < 0 ||
                 conftest_set(p, dir, &set, &flags, err) < 0;
    if (!failed)
        ptd_labelled_add(&sets, set, PTD_LABEL_CONFTESTS);
    failed = failed || ptd_store_node(p->in->store, path, file, true, &node, err) < 0 ||
             put_record(p, node, file, PTD_OUTCOME_NOT_COLLECTED, 0, flags, &sets, &none, err) < 0;
    free(sets.items);
    return failed ? -1 : 0;
}

/* A complete run looked at every file: what it did not collect is not a test file, as things are.
 */
static int ingest_not_collected(struct process *p, struct ptd_err *err)
{
    struct ptd_ingest *in = p->in;
    const struct ptd_tree *tree = &in->request->state->tree;
    for (size_t i = 0; i < in->request->ignored_count; i++)
        ptd_map_puts(&in->collected, in->request->ignored[i], 1);
    for (size_t i = 0; i < tree->count; i++) {
        const char *path = tree->entries[i].path;
        if (!in->request->is_test_file(path, in->request->is_test_file_arg) ||
            ptd_map_get(&in->collected, path, 0))
            continue;
        if (record_not_collected(p, path, err) < 0)
            return -1;
    }
    return 0;
}

static int process_start(struct process *p, struct ptd_ingest *in,
                         const struct ptd_journal *journal, bool may_defer, struct ptd_err *err)
{
    *p = (struct process){.in = in, .journal = journal};
    if (ptd_dep_context_init(&p->deps, in->request->state, journal, in->session_start_ns,
                             &in->written, err) < 0)
        return -1;
    bool deferred = false;
    if (may_defer && ptd_deferred_make(&p->deps, &p->deferred, &deferred, err) < 0)
        return -1;
    if (!deferred)
        p->once = ptd_once_new(&p->deps);
    return make_session_sets(p, err);
}

static void process_end(struct process *p)
{
    ptd_once_free(p->once);
    ptd_deferred_release(&p->deferred);
    ptd_dep_context_release(&p->deps);
    free(p->session.items);
    free(p->collect_sets.items);
    free(p->collect_path);
    free(p->session_files.items);
    free(p->imported);
    ptd_map_release(&p->conftests);
}

int ptd_ingest_runner(struct ptd_ingest *in, const struct ptd_journal *journal, struct ptd_err *err)
{
    struct process p;
    int result = process_start(&p, in, journal, in->request->may_defer, err);
    if (result == 0)
        ptd_edges_add(&in->edges, &p.deps);
    for (size_t i = 0; result == 0 && i < journal->collect_count; i++)
        result = ingest_collect(&p, &journal->collects[i], err);
    for (size_t i = 0; result == 0 && i < journal->test_count; i++)
        result = ingest_test(&p, &journal->tests[i], err);
    for (size_t i = 0; result == 0 && i < journal->started_count; i++)
        result = ingest_unfinished(&p, journal->started[i], err);
    if (result == 0 && in->all_collected)
        result = ingest_not_collected(&p, err);
    if (result == 0)
        result = ptd_deferred_save(&p.deferred, &p.deps, in->run, err);
    process_end(&p);
    return result;
}

int ptd_ingest_controller(struct ptd_ingest *in, const struct ptd_journal *journal,
                          struct ptd_err *err)
{
    struct process p;
    int result = process_start(&p, in, journal, false, err);
    if (result == 0)
        ptd_labelled_add_all(&in->controller, &p.session);
    in->controller_flags |= p.session_flags;
    process_end(&p);
    return result;
}
