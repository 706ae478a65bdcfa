/* `pyt-diff affected`: the modules and tests that changes affect, or would. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/modules.h"
#include "cmd/questions.h"
#include "cmd/scope.h"
#include "cmd/since.h"
#include "record/uses.h"

struct affected {
    struct ptd_options *o;
    const struct ptd_project *project;
    struct ptd_modules modules;
    struct ptd_map changed; /* paths */
    unsigned char *reached; /* per module; owned */
    struct ptd_buf tests;   /* text, or the JSON of tests and files */
    size_t test_count, file_count, total;
    struct ptd_buf extra; /* JSON: more keys */
    struct ptd_buf end;   /* text: what the last line goes on with */
};

/* ---- the answer ---- */

/* The changed modules and all that import them. */
static void reach(struct affected *a)
{
    const struct ptd_graph *g = &a->modules.graph;
    a->reached = ptd_xcalloc(g->count + 1, 1);
    for (size_t i = 0; i < a->changed.count; i++) {
        size_t at = ptd_graph_find(g, a->changed.entries[i].key);
        if (at != SIZE_MAX)
            a->reached[at] = 1;
    }
    ptd_graph_close(g, true, a->reached);
}

static bool is_changed(const struct affected *a, const char *path)
{
    return ptd_map_find(&a->changed, path, strlen(path)) != PTD_MAP_NONE;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted_changes(const struct affected *a)
{
    const char **paths = ptd_xcalloc(a->changed.count + 1, sizeof(char *));
    for (size_t i = 0; i < a->changed.count; i++)
        paths[i] = a->changed.entries[i].key;
    if (a->changed.count)
        qsort(paths, a->changed.count, sizeof(char *), compare_text);
    return paths;
}

static void add_json(struct affected *a, struct ptd_buf *out)
{
    const struct ptd_graph *g = &a->modules.graph;
    PTD_CLEANUP_FREE const char **changes = sorted_changes(a);
    const char *comma = "";
    ptd_buf_addf(out, "{\"version\":1,\"total\":%zu,\"changed\":[", a->total);
    for (size_t i = 0; i < a->changed.count; i++) {
        ptd_buf_adds(out, i ? "," : "");
        ptd_json_string(out, changes[i]);
    }
    ptd_buf_adds(out, "],\"modules\":[");
    for (size_t i = 0; i < g->count; i++) {
        if (!a->reached[i])
            continue;
        PTD_CLEANUP_FREE char *name = ptd_graph_name(g, i);
        ptd_buf_addf(out, "%s{\"path\":", comma);
        ptd_json_string(out, g->modules[i].path);
        ptd_buf_adds(out, ",\"name\":");
        ptd_json_string(out, name);
        ptd_buf_addf(out, ",\"changed\":%s}", is_changed(a, g->modules[i].path) ? "true" : "false");
        comma = ",";
    }
    ptd_buf_addf(out, "],%s%s}\n", a->tests.data, a->extra.data ? a->extra.data : "");
}

static void add_text(struct affected *a, struct ptd_buf *out)
{
    const struct ptd_graph *g = &a->modules.graph;
    PTD_CLEANUP_FREE const char **changes = sorted_changes(a);
    size_t count = 0;
    ptd_buf_adds(out, "modules:\n");
    for (size_t i = 0; i < g->count; i++) {
        if (!a->reached[i])
            continue;
        ptd_buf_addf(out, "  %s%s\n", g->modules[i].path,
                     is_changed(a, g->modules[i].path) ? " (changed)" : "");
        count++;
    }
    for (size_t i = 0; i < a->changed.count; i++)
        if (ptd_graph_find(g, changes[i]) == SIZE_MAX)
            ptd_buf_addf(out, "  %s (changed%s)\n", changes[i],
                         ptd_path_ends_with(changes[i], ".py") ? ", gone" : "");
    ptd_buf_addf(out, "tests:\n%s", a->tests.data ? a->tests.data : "");
    ptd_buf_addf(out, "%zu module%s, %zu of %zu test%s affected", count, count == 1 ? "" : "s",
                 a->test_count, a->total, a->total == 1 ? "" : "s");
    if (a->file_count)
        ptd_buf_addf(out, ", %zu test file%s to collect", a->file_count,
                     a->file_count == 1 ? "" : "s");
    ptd_buf_addf(out, "%s\n", a->end.data ? a->end.data : "");
}

static int answer(struct affected *a, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    reach(a);
    (a->o->json ? add_json : add_text)(a, &out);
    return ptd_cmd_answer(&out, err);
}

/* ---- files that are named ---- */

/* Relative to the root; -1 when it is neither there nor known. */
static int name_file(struct affected *a, const struct ptd_uses *uses, const char *word,
                     struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *relative = ptd_project_relative(a->project, word);
    PTD_CLEANUP_FREE char *full = ptd_path_join(a->project->rootdir, relative);
    struct ptd_stat_sig sig;
    bool there = !ptd_path_within(relative, "..") && ptd_stat_sig_of(full, &sig);
    if (!there && (!uses || ptd_uses_file(uses, relative) == SIZE_MAX)) {
        ptd_err_set(err, PTD_E_USAGE, "\"%s\" is no file of the project", word);
        return ptd_err_hint(err, "'pyt-diff graph' lists its Python sources");
    }
    ptd_map_puts(&a->changed, relative, 0);
    return 0;
}

static void add_named_test(struct affected *a, const char *nodeid, const char *through)
{
    struct ptd_buf *out = &a->tests;
    if (!a->o->json) {
        ptd_buf_addf(out, "  %s\n", nodeid);
    } else {
        ptd_buf_adds(out, a->test_count ? ",{\"nodeid\":" : "{\"nodeid\":");
        ptd_json_string(out, nodeid);
        ptd_buf_adds(out, ",\"reason\":\"depends\",\"detail\":");
        ptd_json_string(out, through);
        ptd_buf_addc(out, '}');
    }
    a->test_count++;
}

/* Of the reached test files, those that nobody has recorded. */
static void add_named_files(struct affected *a, const struct ptd_uses *uses)
{
    const struct ptd_graph *g = &a->modules.graph;
    PTD_CLEANUP_MAP struct ptd_map known = PTD_MAP_INIT;
    for (size_t i = 0; uses && i < uses->count; i++) {
        const char *nodeid = uses->tests[i].nodeid;
        const char *colons = strstr(nodeid, "::");
        ptd_map_put(&known, nodeid, colons ? (size_t)(colons - nodeid) : strlen(nodeid), 0, NULL);
    }
    reach(a);
    for (size_t i = 0; i < g->count; i++) {
        const char *path = g->modules[i].path;
        if (!a->reached[i] || !ptd_project_is_test_file(a->project, path) ||
            ptd_map_find(&known, path, strlen(path)) != PTD_MAP_NONE)
            continue;
        if (!a->o->json) {
            ptd_buf_addf(&a->tests, "  %s\n", path);
        } else {
            ptd_buf_adds(&a->tests, a->file_count ? ",{\"path\":" : "{\"path\":");
            ptd_json_string(&a->tests, path);
            ptd_buf_adds(&a->tests, ",\"reason\":\"new\",\"detail\":\"new test file\"}");
        }
        a->file_count++;
    }
    free(a->reached);
}

static int ask_files(struct affected *a, const struct ptd_uses *uses, struct ptd_err *err)
{
    for (size_t i = 0; i < a->o->word_count; i++)
        if (name_file(a, uses, a->o->words[i], err) < 0)
            return -1;
    ptd_buf_adds(&a->tests, a->o->json ? "\"tests\":[" : "");
    for (size_t i = 0; uses && i < uses->count; i++) {
        const struct ptd_use *t = &uses->tests[i];
        size_t k = 0;
        while (k < t->count && !is_changed(a, uses->used[uses->pool[t->first + k]].path))
            k++;
        if (k < t->count)
            add_named_test(a, t->nodeid, uses->used[uses->pool[t->first + k]].path);
    }
    ptd_buf_adds(&a->tests, a->o->json ? "],\"files\":[" : "");
    add_named_files(a, uses);
    ptd_buf_adds(&a->tests, a->o->json ? "]" : "");
    a->total = uses ? uses->count : 0;
    if (!uses)
        ptd_buf_adds(&a->end, "; nothing is recorded yet");
    return answer(a, err);
}

/* What the files affect, whatever becomes of them. */
static int affected_by_files(struct affected *a, struct ptd_err *err)
{
    struct ptd_store *store = NULL;
    struct ptd_uses uses;
    int failed = ptd_inspect_open(a->o, NULL, &store, err);
    bool none = failed && err->sys_errno == ENOENT;
    if (failed && !none)
        return -1;
    if (!none) {
        failed = ptd_uses_load(store, &uses, err);
        ptd_store_close(store);
        if (failed)
            return -1;
    }
    failed = ptd_modules_load(a->project, &a->modules, err);
    if (!failed)
        failed = ask_files(a, none ? NULL : &uses, err);
    if (!none)
        ptd_uses_release(&uses);
    return failed;
}

/* ---- what has changed ---- */

/* The files that the reasons of the selection are about. */
static void add_causes(struct affected *a, struct ptd_verdict *v)
{
    for (size_t i = 0; i < v->selection.count; i++) {
        const struct ptd_selected *item = &v->selection.items[i];
        const char *path = item->reason == PTD_REASON_CHANGED
                               ? ptd_verdict_changed_file(item->broken, v)
                           : item->is_file && item->reason == PTD_REASON_NEW ? item->name
                                                                             : NULL;
        if (path)
            ptd_map_puts(&a->changed, path, 0);
    }
}

static void add_items(struct affected *a, struct ptd_verdict *v, const struct ptd_summary *summary)
{
    const struct ptd_selection *s = &v->selection;
    a->test_count = s->tests;
    a->file_count = s->count - s->tests;
    a->total = s->total;
    if (a->o->json) {
        ptd_summary_items_json(summary, &a->tests);
        if (summary->since) {
            ptd_buf_adds(&a->extra, ",\"since\":");
            ptd_summary_since_json(summary->since, &a->extra);
        }
        ptd_buf_addf(&a->extra, ",\"no_data\":%s", v->no_data ? "true" : "false");
        return;
    }
    for (size_t i = 0; i < s->count; i++)
        ptd_buf_addf(&a->tests, "  %s\n", s->items[i].name);
    ptd_summary_since_text(summary, &a->end);
    if (v->no_data)
        ptd_buf_addf(&a->end, "; nothing is recorded for %s yet", summary->python);
}

static int ask_selection(struct affected *a, struct ptd_workspace *w, struct ptd_verdict *v,
                         struct ptd_since *since, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *request = ptd_since_asked(a->o) ? ptd_since_request(a->o) : NULL;
    struct ptd_summary_since said = {0};
    if (request)
        said = ptd_since_summary(since, request, v);
    struct ptd_summary summary = {
        .selection = &v->selection,
        .describe = ptd_verdict_describe,
        .arg = v,
        .python = w->environment.name,
        .since = request ? &said : NULL,
    };
    const struct ptd_overlay *files = request ? ptd_since_files(since) : NULL;
    for (size_t i = 0; files && i < files->paths.count; i++)
        ptd_map_puts(&a->changed, files->paths.entries[i].key, 0);
    if (!files)
        add_causes(a, v);
    add_items(a, v, &summary);
    return ptd_modules_load(a->project, &a->modules, err) < 0 ? -1 : answer(a, err);
}

static int affected_by_changes(struct affected *a, struct ptd_workspace *w, struct ptd_err *err)
{
    struct ptd_since since = {0};
    struct ptd_verdict verdict = {0};
    struct ptd_select_how how = {0};
    if (!w->store)
        return ptd_err_set(err, PTD_E_STORE, "the recorded data cannot be read");
    char **scope = ptd_scope_default(w);
    int failed = 0;
    if (ptd_since_asked(a->o)) {
        failed = ptd_since_find(w, &since, err);
        if (!failed)
            ptd_since_say_problem(&since, a->o);
        how.since = since.views ? &since : NULL;
    }
    if (!failed)
        failed = ptd_workspace_select_as(w, (const char *const *)scope, &how, &verdict, err);
    if (!failed)
        failed = ask_selection(a, w, &verdict, &since, err);
    ptd_verdict_release(&verdict);
    ptd_since_release(&since);
    ptd_scope_free(scope);
    return failed;
}

static void release(struct affected *a)
{
    ptd_modules_release(&a->modules);
    ptd_map_release(&a->changed);
    ptd_buf_release(&a->tests);
    ptd_buf_release(&a->extra);
    ptd_buf_release(&a->end);
    free(a->reached);
}

int ptd_cmd_affected(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct affected a = {.o = options};
    int failed;
    *status = 0;
    if (options->word_count && ptd_since_asked(options)) {
        PTD_CLEANUP_FREE char *request = ptd_since_request(options);
        return ptd_err_set(err, PTD_E_USAGE, "files and %s exclude each other", request);
    }
    if (options->word_count) {
        struct ptd_project project;
        if (ptd_project_find(options, &project, err) < 0)
            return -1;
        a.project = &project;
        failed = affected_by_files(&a, err);
        release(&a);
        ptd_project_release(&project);
        return failed;
    }
    struct ptd_workspace w;
    bool recorded;
    failed = ptd_questions_open(&w, options, &recorded, err);
    a.project = &w.project;
    if (!failed && recorded) {
        failed = affected_by_changes(&a, &w, err);
    } else if (!failed) {
        failed = ptd_err_set(err, PTD_E_STORE, "there is no recorded data");
        ptd_err_hint(err, "every test would run; run pyt-diff once to record them");
    }
    release(&a);
    ptd_workspace_close(&w);
    return failed;
}
