/* `pyt-diff stale`: is what is recorded up to date with the tree? */
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "cmd/questions.h"
#include "cmd/scope.h"
#include "report/summary.h"
#include "store/details.h"

/* Whether a test or file that would run has no record of this state: a failure is one. */
static bool is_missing(const struct ptd_selected *item)
{
    return item->reason != PTD_REASON_FAILED && item->reason != PTD_REASON_UNCOLLECTED;
}

/* Leaves out what is recorded, and will run all the same. */
static void keep_missing(struct ptd_selection *s)
{
    size_t kept = 0, tests = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!is_missing(&s->items[i]))
            continue;
        tests += !s->items[i].is_file;
        s->items[kept++] = s->items[i];
    }
    s->count = kept;
    s->tests = tests;
}

static void add_json(const struct ptd_summary *summary, bool stale, struct ptd_buf *out)
{
    ptd_buf_addf(out, "{\"version\":1,\"stale\":%s,\"no_data\":%s,\"total\":%zu,",
                 stale ? "true" : "false", summary->no_data ? "true" : "false",
                 summary->selection->total);
    ptd_summary_items_json(summary, out);
    ptd_buf_adds(out, "}\n");
}

static void add_text(const struct ptd_summary *summary, bool stale, bool verbose,
                     struct ptd_buf *out)
{
    const struct ptd_selection *s = summary->selection;
    size_t files = s->count - s->tests;
    if (summary->no_data) {
        ptd_buf_addf(out, "stale: nothing is recorded for %s yet\n", summary->python);
        return;
    }
    if (!stale) {
        ptd_buf_addf(out, "up to date: %zu test%s\n", s->total, s->total == 1 ? "" : "s");
        return;
    }
    ptd_buf_addf(out, "stale: %zu of %zu test%s %s no record of the present state", s->tests,
                 s->total, s->total == 1 ? "" : "s", s->tests == 1 ? "has" : "have");
    if (files)
        ptd_buf_addf(out, ", %zu test file%s to collect", files, files == 1 ? "" : "s");
    ptd_summary_causes(summary, out);
    ptd_buf_addc(out, '\n');
    if (verbose)
        ptd_summary_reasons(summary, out);
}

static int ask(struct ptd_workspace *w, int *status, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct ptd_verdict verdict;
    char **scope = ptd_scope_default(w);
    int failed = ptd_workspace_select(w, (const char *const *)scope, false, &verdict, err);
    if (!failed) {
        keep_missing(&verdict.selection);
        bool stale = verdict.no_data || verdict.selection.count || verdict.selection.outside;
        struct ptd_summary summary = {
            .selection = &verdict.selection,
            .describe = ptd_verdict_describe,
            .arg = &verdict,
            .python = w->environment.name,
            .no_data = verdict.no_data,
        };
        if (w->options->json)
            add_json(&summary, stale, &out);
        else
            add_text(&summary, stale, w->options->verbosity > 0, &out);
        *status = stale;
        failed = ptd_cmd_answer(&out, err);
        ptd_verdict_release(&verdict);
    }
    ptd_scope_free(scope);
    return failed;
}

static int nothing_recorded(const struct ptd_options *options, int *status, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    static const struct ptd_selection none;
    const struct ptd_summary summary = {.selection = &none, .no_data = true};
    if (options->json)
        add_json(&summary, true, &out);
    else
        ptd_buf_adds(&out, "stale: nothing is recorded yet\n");
    *status = 1;
    return ptd_cmd_answer(&out, err);
}

int ptd_questions_open(struct ptd_workspace *w, struct ptd_options *options, bool *recorded,
                       struct ptd_err *err)
{
    struct ptd_project project;
    *w = (struct ptd_workspace){.options = options};
    if (ptd_project_find(options, &project, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *path = ptd_path_join(project.cache_dir, "pyt-diff.db");
    *recorded = access(path, F_OK) == 0;
    options->no_record = !ptd_store_may_write(path);
    ptd_project_release(&project);
    return *recorded ? ptd_workspace_open(w, options, err) : 0;
}

int ptd_cmd_stale(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_workspace w;
    bool recorded;
    *status = 0;
    int failed = ptd_questions_open(&w, options, &recorded, err);
    if (!failed && recorded && !w.store)
        failed = ptd_err_set(err, PTD_E_STORE, "the recorded data cannot be read");
    if (!failed)
        failed = recorded ? ask(&w, status, err) : nothing_recorded(options, status, err);
    ptd_workspace_close(&w);
    return failed;
}
