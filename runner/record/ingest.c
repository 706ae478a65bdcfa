#include "record/ingest.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "contract/plan.h"
#include "record/children.h"
#include "record/deps_paths.h"
#include "record/ingest_internal.h"
#include "state/codes.h"
#include "store/unsettled.h"

/* Sessions between two looks for what no record needs any more. */
#define GARBAGE_EVERY 32

/* Facts that decide whether a journal can be used at all. */
static bool usable(struct ptd_ingest *in, const struct ptd_journal *journal)
{
    const char *tracer = ptd_journal_fact_get(journal, "tracer", "none: it did not start");
    if (strncmp(tracer, "none", 4) == 0) {
        if (!in->result->tracer_problem)
            in->result->tracer_problem =
                ptd_xstrdup(strncmp(tracer, "none: ", 6) == 0 ? tracer + 6 : tracer);
        return false;
    }
    const char *root = ptd_journal_fact_get(journal, "rootdir", "");
    if (root[0] && strcmp(root, in->request->state->root) != 0) {
        if (!in->result->root_problem)
            in->result->root_problem = ptd_xstrdup(root);
        return false;
    }
    if (strcmp(ptd_journal_fact_get(journal, "doctest", "0"), "1") == 0)
        in->result->doctests = true;
    return true;
}

/* Whether the process came to its end and had nothing left to collect. pytest's exit code does not
 * say: with a closed standard output it is 1, however early the session ended. */
static bool collected_all(const struct ptd_journal *j)
{
    bool collects = strcmp(ptd_journal_fact_get(j, "role", "main"), "controller") != 0;
    if (j->torn || !j->ended || (j->status > 1 && j->status != 5) ||
        (collects && strcmp(ptd_journal_fact_get(j, "collected", "0"), "1") != 0))
        return false;
    for (size_t i = 0; i < j->collect_count; i++)
        if (j->collects[i].flags & PTD_COLLECT_PARTIAL)
            return false;
    return true;
}

struct journals {
    struct ptd_journal *items;
    size_t count, cap;
};

static int read_journals(struct ptd_ingest *in, struct journals *out, struct ptd_err *err)
{
    DIR *dir = opendir(in->request->session_dir);
    if (!dir)
        return ptd_err_sys(err, PTD_E_IO, "cannot read %s", in->request->session_dir);
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        size_t tail = strlen(PTD_JOURNAL_SUFFIX);
        if (n <= tail || strcmp(e->d_name + n - tail, PTD_JOURNAL_SUFFIX) != 0)
            continue;
        PTD_CLEANUP_FREE char *path = ptd_path_join(in->request->session_dir, e->d_name);
        out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
        struct ptd_journal *j = &out->items[out->count];
        in->result->journals++;
        if (ptd_journal_read(path, j, NULL) < 0) {
            in->result->torn++;
            in->all_collected = false;
            continue;
        }
        in->result->torn += j->torn;
        out->count++;
    }
    closedir(dir);
    return 0;
}

/* Directories below the root that were on sys.path: who can provide a module depends on them. */
static int learn_search_path(struct ptd_ingest *in, const struct journals *journals,
                             struct ptd_err *err)
{
    struct ptd_state *state = in->request->state;
    for (size_t i = 0; i < journals->count; i++) {
        const struct ptd_journal *j = &journals->items[i];
        for (size_t k = 0; k < j->fact_count; k++) {
            if (strcmp(j->facts[k].key, "path") != 0)
                continue;
            PTD_CLEANUP_FREE char *relative = ptd_ingest_relative(in, j->facts[k].value);
            if (ptd_path_within(relative, "."))
                ptd_state_search_path_add(state, relative);
        }
    }
    return ptd_state_search_path_done(state, err);
}

static int ingest_all(struct ptd_ingest *in, const struct journals *journals, struct ptd_err *err)
{
    const struct ptd_ingest_request *request = in->request;
    if (ptd_store_environment(in->store, request->environment, &in->environment, err) < 0 ||
        ptd_store_run_start(in->store, request->baseline, request->commit, &in->run, err) < 0 ||
        learn_search_path(in, journals, err) < 0)
        return -1;
    for (size_t i = 0; i < journals->count; i++)
        ptd_dep_paths_written(&journals->items[i], &in->written);
    for (size_t i = 0; i < journals->count; i++)
        in->all_collected = in->all_collected && usable(in, &journals->items[i]) &&
                            collected_all(&journals->items[i]);
    for (int controllers = 1; controllers >= 0; controllers--) {
        for (size_t i = 0; i < journals->count; i++) {
            const struct ptd_journal *j = &journals->items[i];
            bool is_controller = strcmp(ptd_journal_fact_get(j, "role", "main"), "controller") == 0;
            if (is_controller != (controllers == 1) || !usable(in, j))
                continue;
            if ((is_controller ? ptd_ingest_controller(in, j, err)
                               : ptd_ingest_runner(in, j, err)) < 0)
                return -1;
        }
    }
    return 0;
}

/* New files that end like this may hold tests as well. */
static void note_ending(struct ptd_ingest *in, const char *path)
{
    const char *dot = strrchr(ptd_path_basename(path), '.');
    if (dot && strcmp(dot, ".py") != 0 && !strchr(dot, '\n'))
        ptd_map_puts(&in->endings, dot, 0);
}

/* What decides how widely the tree has to be looked at. */
static void survey(struct ptd_ingest *in, const struct ptd_journal *j)
{
    for (size_t i = 0; i < j->scope_count; i++)
        in->opaque = in->opaque || j->scopes[i].flags & PTD_SCOPE_OPAQUE;
    for (size_t i = 0; i < j->test_count; i++)
        in->opaque = in->opaque || j->tests[i].flags & PTD_SCOPE_OPAQUE;
    for (size_t i = 0; i < j->collect_count; i++)
        if (!(j->collects[i].flags & PTD_COLLECT_PARTIAL))
            note_ending(in, j->collects[i].path);
}

/* Adds what this session showed to what is known of the project's habits. */
static int save_habits(struct ptd_ingest *in, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *known = NULL;
    /* Answers that were kept are about the records as they were. */
    if (ptd_store_meta_set(in->store, "idle", "", err) < 0)
        return -1;
    if (in->result->doctests && ptd_store_meta_set(in->store, "doctests", "1", err) < 0)
        return -1;
    if (in->opaque && ptd_store_meta_set(in->store, "programs", "1", err) < 0)
        return -1;
    in->result->look_again = in->opaque && !in->request->state->all_files;
    if (!in->endings.count)
        return 0;
    if (ptd_store_meta_get(in->store, "endings", &known, err) < 0)
        return -1;
    size_t known_count = 0;
    for (char *p = known; p && *p;) {
        size_t n = strcspn(p, "\n");
        ptd_map_put(&in->endings, p, n, 0, NULL);
        known_count++;
        p += n + (p[n] == '\n');
    }
    in->result->look_again |= in->endings.count > known_count;
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    for (size_t i = 0; i < in->endings.count; i++)
        ptd_buf_addf(&all, "%s%s", i ? "\n" : "", in->endings.entries[i].key);
    return ptd_store_meta_set(in->store, "endings", all.data, err);
}

/* When the session began; at the end of time when that is not known: nothing is its product then.
 */
static uint64_t start_of(const char *session_dir)
{
    PTD_CLEANUP_FREE char *plan = ptd_path_join(session_dir, PTD_PLAN_FILE);
    struct stat st;
    if (stat(plan, &st) < 0)
        return UINT64_MAX;
    return (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}

static int save_flaky(struct ptd_ingest *in, struct ptd_err *err)
{
    in->result->run = in->run;
    return ptd_flaky_save(&in->flaky, in->request->state, in->environment, in->result, err);
}

/* One transaction's work. */
static int ingest_journals(struct ptd_ingest *in, const struct journals *journals,
                           struct ptd_err *err)
{
    for (size_t i = 0; i < journals->count; i++)
        if (usable(in, &journals->items[i]))
            survey(in, &journals->items[i]);
    if (save_habits(in, err) < 0)
        return -1;
    if (in->result->look_again && in->request->may_look_again)
        return 0;
    if (ingest_all(in, journals, err) < 0 || ptd_codes_save(in->request->state, err) < 0 ||
        ptd_edges_save(&in->edges, in->store, err) < 0 || save_flaky(in, err) < 0 ||
        ptd_store_prune(in->store, in->environment, in->run, err) < 0)
        return -1;
    return ptd_store_unsettled_prune(in->store, err);
}

static int ingest_in_transaction(struct ptd_ingest *in, const struct journals *journals,
                                 struct ptd_err *err)
{
    if (ptd_store_begin_bulk(in->store, err) < 0)
        return -1;
    ptd_codes_forget(in->request->state);
    if (ingest_journals(in, journals, err) == 0 && ptd_store_commit(in->store, err) == 0)
        return 0;
    ptd_store_rollback(in->store);
    return -1;
}

/* What no record needs any more, now and then. */
static int collect_garbage(struct ptd_ingest *in, struct ptd_err *err)
{
    if (in->run == 0 || in->run % GARBAGE_EVERY != 0)
        return 0;
    if (ptd_store_begin(in->store, err) < 0)
        return -1;
    if (ptd_store_collect_garbage(in->store, err) == 0 && ptd_store_commit(in->store, err) == 0)
        return 0;
    ptd_store_rollback(in->store);
    return -1;
}

static void forget_opaque(struct journals *journals)
{
    for (size_t k = 0; k < journals->count; k++) {
        struct ptd_journal *j = &journals->items[k];
        for (size_t i = 0; i < j->scope_count; i++)
            j->scopes[i].flags &= ~(uint32_t)PTD_SCOPE_OPAQUE;
        for (size_t i = 0; i < j->test_count; i++)
            j->tests[i].flags &= ~(uint32_t)PTD_SCOPE_OPAQUE;
    }
}

int ptd_ingest(const struct ptd_ingest_request *request, struct ptd_ingest_result *result,
               struct ptd_err *err)
{
    *result = (struct ptd_ingest_result){0};
    struct ptd_ingest in = {.request = request,
                            .result = result,
                            .store = request->state->store,
                            .session_start_ns = start_of(request->session_dir),
                            .all_collected = request->complete};
    struct journals journals = {0};
    int failed = read_journals(&in, &journals, err);
    if (!failed)
        ptd_children_unite(request->session_dir, journals.items, &journals.count);
    if (request->trust_opaque)
        forget_opaque(&journals);
    if (!failed && journals.count)
        failed = ingest_in_transaction(&in, &journals, err) < 0 || collect_garbage(&in, err) < 0;
    for (size_t i = 0; i < journals.count; i++)
        ptd_journal_release(&journals.items[i]);
    free(journals.items);
    free(in.controller.items);
    ptd_map_release(&in.collected);
    ptd_map_release(&in.endings);
    ptd_map_release(&in.written);
    ptd_map_release(&in.labels);
    ptd_edges_release(&in.edges);
    ptd_flaky_release(&in.flaky);
    return failed ? -1 : 0;
}

void ptd_ingest_result_release(struct ptd_ingest_result *result)
{
    free(result->tracer_problem);
    free(result->root_problem);
    for (size_t i = 0; i < result->flaky_count; i++)
        free(result->flaky[i].nodeid);
    free(result->flaky);
    *result = (struct ptd_ingest_result){0};
}
