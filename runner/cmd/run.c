#include "cmd/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/audit.h"
#include "cmd/cmd.h"
#include "cmd/e2e.h"
#include "cmd/leftover.h"
#include "cmd/line_coverage.h"
#include "cmd/log.h"
#include "cmd/pass_cache.h"
#include "cmd/plan.h"
#include "cmd/prior.h"
#include "cmd/questions.h"
#include "cmd/remote_baseline.h"
#include "cmd/reports.h"
#include "cmd/scope.h"
#include "cmd/since.h"
#include "cmd/user_cache.h"
#include "cmd/workspace.h"
#include "report/summary.h"
#include "session/session.h"

struct run {
    struct ptd_options *options; /* borrowed */
    struct ptd_workspace w;
    struct ptd_verdict verdict;
    struct ptd_remote_baseline remote;
    /* What pytest collects, relative to the root: its positional arguments or what stands for them;
     * owned, NULL-terminated; NULL = everything. */
    char **scope;
    const char **keep; /* those of them that are node ids; owned array of borrowed */
    bool everything;
    struct ptd_since since; /* with --since and the like */
    struct ptd_summary_since since_said;
    char *request;                     /* owned: these options, as given */
    struct ptd_ingest_result recorded; /* of this run; `recorded.run` is 0 when nothing was */
    struct ptd_audit *audit;           /* with --audit, else NULL */
    struct ptd_e2e e2e;
    struct ptd_pass_cache passes;
    bool unrecorded; /* the results could not be put into the database */
    struct ptd_reports reports;
    bool unknown_paths; /* an argument names nothing that exists: pytest knows what to say */
    int no_lines;       /* -1: the file of --line-coverage could not be written */
    bool no_report;     /* the page of --report-html could not be written */
    int status;
    int signal;
};

static void make_scope(struct run *r)
{
    const struct ptd_options *o = r->options;
    if (!o->path_count) {
        r->scope = ptd_scope_default(&r->w);
        return;
    }
    size_t kept = 0;
    r->scope = ptd_xcalloc(o->path_count + 1, sizeof(char *));
    r->keep = ptd_xcalloc(o->path_count + 1, sizeof(char *));
    for (size_t i = 0; i < o->path_count; i++) {
        const char *colons = strstr(o->paths[i], "::");
        size_t n = colons ? (size_t)(colons - o->paths[i]) : strlen(o->paths[i]);
        PTD_CLEANUP_FREE char *part = ptd_xstrndup(o->paths[i], n);
        PTD_CLEANUP_FREE char *relative = ptd_workspace_relative(&r->w, part);
        PTD_CLEANUP_FREE char *full = ptd_path_join(r->w.project.rootdir, relative);
        r->unknown_paths = r->unknown_paths || access(full, F_OK) < 0;
        r->scope[i] = ptd_xasprintf("%s%s", relative, colons ? colons : "");
        if (colons)
            r->keep[kept++] = r->scope[i];
    }
}

static void release(struct run *r)
{
    ptd_scope_free(r->scope);
    free(r->keep);
    ptd_ingest_result_release(&r->recorded);
    ptd_audit_free(r->audit);
    ptd_e2e_release(&r->e2e);
    ptd_pass_cache_release(&r->passes);
    ptd_reports_release(&r->reports);
    ptd_verdict_release(&r->verdict);
    ptd_since_release(&r->since);
    free(r->request);
    ptd_remote_baseline_release(&r->remote);
    ptd_workspace_close(&r->w);
}

/* A plain run of pytest: nothing selected, nothing recorded. */
static int run_plain(const struct run *r, struct ptd_session_result *result, struct ptd_err *err)
{
    struct ptd_session_request request = {
        .interpreter = &r->w.interpreter,
        .pytest_args = r->options->pytest_args,
        .pytest_count = r->options->pytest_count,
    };
    return ptd_session_run(&request, result, err);
}

/* What the answer that nothing is affected depends on, in hexadecimal. */
static void idle_key(const struct run *r, char text[33])
{
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    ptd_buf_add(&all, &r->w.digest, sizeof(r->w.digest));
    for (char **s = r->scope; s && *s; s++)
        ptd_buf_add(&all, *s, strlen(*s) + 1);
    ptd_e2e_describe(&r->e2e, &all);
    struct ptd_hash128 hash = ptd_hash128(all.data, all.len);
    ptd_hash128_text(&hash, text);
}

/* The question whether anything is affected was answered for exactly this state before. */
static bool known_idle(struct run *r, size_t *total)
{
    const struct ptd_options *o = r->options;
    PTD_CLEANUP_FREE char *value = NULL;
    char digest[33];
    if (r->everything || o->first || o->since_baseline || o->baseline || (r->keep && r->keep[0]) ||
        r->unknown_paths || o->json || o->dry_run || o->audit || ptd_since_asked(o))
        return false;
    idle_key(r, digest);
    if (ptd_store_meta_get(r->w.store, "idle", &value, NULL) < 0 || !value ||
        strncmp(value, digest, 32) != 0)
        return false;
    *total = strtoull(value + 32, NULL, 10);
    return true;
}

static void remember_idle(struct run *r)
{
    const struct ptd_selection *s = &r->verdict.selection;
    char digest[33];
    if (!r->w.writable || s->count || s->outside || s->left_out || s->all_passed ||
        r->options->since_baseline || r->everything || r->verdict.since)
        return;
    idle_key(r, digest);
    PTD_CLEANUP_FREE char *value = ptd_xasprintf("%s %zu", digest, s->total);
    /* A lost answer is only asked for again. */
    ptd_store_meta_set(r->w.store, "idle", value, NULL);
}

static struct ptd_summary summary_of(struct run *r)
{
    const struct ptd_overlay *files = ptd_since_files(&r->since);
    bool since = r->request != NULL;
    if (since)
        r->since_said = ptd_since_summary(&r->since, r->request, &r->verdict);
    return (struct ptd_summary){
        .selection = &r->verdict.selection,
        .describe = ptd_verdict_describe,
        .arg = &r->verdict,
        .python = r->w.environment.brief,
        .no_data = r->verdict.no_data,
        .everything = r->everything,
        .changed_files = files ? files->paths.count : ptd_workspace_changed_files(&r->w),
        .since = since ? &r->since_said : NULL,
        .first = r->options->first,
        .shard = r->options->shard,
        .shards = r->options->shards,
        .narrowed = r->options->narrowed,
        .parallel = r->options->parallel,
    };
}

static void log_decision(const struct run *r, const struct ptd_summary *summary)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (!ptd_log_wants(PTD_LOG_INFO))
        return;
    ptd_summary_line(summary, &text);
    if (!summary->no_data && !r->everything)
        ptd_summary_reasons(summary, &text);
    ptd_log(PTD_LOG_INFO, "%s", text.data ? text.data : "");
}

static void say(struct run *r)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_summary summary = summary_of(r);
    log_decision(r, &summary);
    bool idle = !r->verdict.selection.count && !summary.no_data && !r->everything;
    ptd_reports_begin(&r->reports, &r->w, &r->verdict, &summary);
    if ((r->options->verbosity < 0 && !r->options->decision_log) ||
        (idle && r->options->quiet_idle))
        return;
    ptd_summary_line(&summary, &text);
    if ((r->options->verbosity > 0 || r->options->decision_log) && !summary.no_data)
        ptd_summary_reasons(&summary, &text);
    fputs(text.data, stderr);
}

/* --dry-run and --json: the answer is the output. */
static int answer(struct run *r, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_summary summary = summary_of(r);
    log_decision(r, &summary);
    if (r->reports.events) {
        ptd_reports_begin(&r->reports, &r->w, &r->verdict, &summary);
        return 0;
    }
    if (r->options->json)
        ptd_summary_json(&summary, &text);
    else
        ptd_summary_list(&summary, &text);
    return ptd_cmd_answer(&text, err);
}

/* Makes what is valid now the baseline. */
static int mark_baseline(struct run *r, struct ptd_err *err)
{
    struct ptd_verdict verdict;
    ptd_id environment;
    if (ptd_workspace_reload(&r->w, err) < 0 ||
        ptd_workspace_select(&r->w, NULL, false, &verdict, err) < 0)
        return -1;
    int failed = ptd_store_begin(r->w.store, err);
    if (!failed) {
        failed = ptd_store_environment(r->w.store, r->w.environment.name, &environment, err) < 0 ||
                 ptd_store_set_baseline(r->w.store, environment, verdict.selection.valid,
                                        verdict.selection.valid_count, err) < 0 ||
                 ptd_store_commit(r->w.store, err) < 0;
        if (failed)
            ptd_store_rollback(r->w.store);
    }
    ptd_verdict_release(&verdict);
    return failed ? -1 : 0;
}

/* The commit that is checked out, for the book-keeping of baselines; NULL outside git. */
static char *current_commit(const char *root)
{
    int ends[2];
    char text[128] = "";
    if (pipe(ends) < 0)
        return NULL;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        fclose(stderr);
        execlp("git", "git", "-C", root, "rev-parse", "HEAD", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    ssize_t n = child > 0 ? read(ends[0], text, sizeof(text) - 1) : -1;
    close(ends[0]);
    int status = -1;
    if (child > 0)
        waitpid(child, &status, 0);
    if (n < 40 || status != 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return ptd_xstrdup(text);
}

static int ingest(struct run *r, struct ptd_session_dir *dir, const struct ptd_session_facts *facts)
{
    struct ptd_err err = {0};
    int failed = ptd_session_ingest(&r->w, dir->path, facts, &r->recorded, &err) < 0 ||
                 ptd_e2e_learn(&r->e2e, &r->w, dir->path, r->recorded.run, &err) < 0;
    if (!failed && (!facts->baseline || mark_baseline(r, &err) == 0)) {
        ptd_session_dir_remove(dir);
        return 0;
    }
    if (err.sys_errno == EBADMSG) {
        /* The database is lost, the results are not: what is left over goes into a new one. */
        ptd_session_dir_leave(dir);
        return ptd_workspace_rebuild(&r->w, &err);
    }
    ptd_warn("the results are not recorded yet: %s", err.msg);
    if (err.hint[0])
        fprintf(stderr, "hint: %s\n", err.hint);
    ptd_session_dir_leave(dir);
    return -1;
}

/* Without permission to write: the plan lies in a temporary directory, and nothing is recorded. */
static int temporary_dir(struct ptd_session_dir *out, struct ptd_err *err)
{
    const char *tmp = getenv("TMPDIR");
    out->lock = -1;
    out->path = ptd_path_join(tmp && *tmp ? tmp : "/tmp", "pyt-diff-XXXXXX");
    if (mkdtemp(out->path))
        return 0;
    ptd_err_sys(err, PTD_E_IO, "cannot make a temporary directory");
    ptd_session_dir_leave(out);
    return -1;
}

static bool has_named_nodes(const struct run *r)
{
    return r->keep && r->keep[0];
}

/* The selection's strings live in a state that may be looked at anew. */
static void copy_ignored(const struct ptd_selection *selection, struct ptd_session_facts *facts)
{
    facts->ignored = ptd_xcalloc(selection->ignore_count, sizeof(char *));
    for (size_t i = 0; i < selection->ignore_count; i++)
        facts->ignored[facts->ignored_count++] = ptd_xstrdup(selection->ignore[i]);
}

static size_t unaffected(const struct run *r)
{
    return r->verdict.selection.total - r->verdict.selection.tests;
}

/* With --audit --json and --output-format jsonl standard output is for the answer. */
static int run_session(struct run *r, const struct ptd_session_request *request,
                       struct ptd_session_result *result, struct ptd_err *err)
{
    bool apart =
        (r->audit && r->options->json && !r->options->output_file) || r->reports.events_out;
    if (!apart)
        return ptd_session_run(request, result, err);
    int output = dup(STDOUT_FILENO);
    if (output < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot keep pytest's output apart");
    int failed = ptd_session_run(request, result, err);
    dup2(output, STDOUT_FILENO);
    close(output);
    return failed;
}

static int run_selected(struct run *r, struct ptd_session_result *result, struct ptd_err *err)
{
    const struct ptd_options *o = r->options;
    struct ptd_session_facts facts = {
        .baseline = o->baseline,
        .may_look_again = true,
        .complete = !o->leaves_files && !o->args_file && !has_named_nodes(r) && !o->collect_only,
        .scope = (const char *const *)r->scope,
        .commit = o->baseline ? current_commit(r->w.project.rootdir) : NULL,
    };
    struct ptd_session_dir dir;
    PTD_CLEANUP_MAP struct ptd_map prior = PTD_MAP_INIT;
    bool record = r->w.writable && !o->collect_only && !o->debugger;
    if (o->debugger && r->w.writable && o->verbosity >= 0)
        fputs("pyt-diff: recording is off while a debugger is used\n", stderr);
    int failed = record ? ptd_session_dir_make(&r->w, &facts, &dir, err) : 1;
    if (failed && record) {
        ptd_warn("cannot record: %s", err->msg);
        record = false;
    }
    if (failed)
        failed = temporary_dir(&dir, err);
    if (failed) {
        ptd_session_facts_release(&facts);
        return -1;
    }
    ptd_prior_make(&r->verdict, &prior);
    if (r->audit)
        ptd_audit_limit_prior(r->audit, &prior);
    facts.prior = &prior;
    bool select = (!r->everything && !r->verdict.no_data) || o->shards || r->e2e.excluded;
    if (select)
        copy_ignored(&r->verdict.selection, &facts);
    struct ptd_session_request request = {
        .interpreter = &r->w.interpreter,
        .session_dir = dir.path,
        .pytest_args = o->pytest_args,
        .pytest_count = o->pytest_count,
    };
    ptd_reports_follow(&r->reports, &request);
    bool lines = o->line_coverage != NULL;
    struct ptd_plan plan = {
        .rootdir = r->w.project.rootdir,
        .record = record || lines,
        .lines = lines,
        .select = select,
        .first = o->first && !r->verdict.no_data,
        .spread = o->parallel,
        .shard = o->shard,
        .shards = o->shards,
        .selection = &r->verdict.selection,
        .keep = (const char *const *)r->keep,
        .markers = ptd_e2e_markers(&r->e2e),
        .reports = r->reports.outcomes,
        .reasons = o->junit ? &r->reports.run : NULL,
    };
    if (record)
        ptd_user_cache_take_code(r->w.project.cache_dir);
    failed = ptd_plan_write(dir.path, &plan, err) < 0 || run_session(r, &request, result, err) < 0;
    if (record)
        ptd_user_cache_give_code(r->w.project.cache_dir);
    if (!failed)
        ptd_reports_collect(&r->reports, dir.path, result->status);
    /* What was interrupted has not come out otherwise. */
    if (result->status == 2 || result->signal)
        facts.prior = NULL;
    if (!failed)
        r->no_lines = ptd_line_coverage_write(o, dir.path, r->w.project.rootdir,
                                              select ? unaffected(r) : 0, err);
    if (failed || !record)
        ptd_session_dir_remove(&dir);
    else if (ingest(r, &dir, &facts) == 0)
        ptd_pass_cache_publish(&r->passes, &r->w, &r->recorded, r->verdict.selection.all_passed);
    else
        r->unrecorded = true;
    ptd_session_facts_release(&facts);
    return failed ? -1 : 0;
}

/* Adds to what selecting has saved so far; a lost number is of no consequence. */
static void count_saved(struct run *r)
{
    const struct ptd_options *o = r->options;
    PTD_CLEANUP_FREE char *text = NULL;
    char *end = NULL;
    if (!r->recorded.run || r->everything || o->first || o->shards || r->verdict.no_data ||
        !r->verdict.selection.spared_us ||
        ptd_store_meta_get(r->w.store, PTD_SAVED_KEY, &text, NULL))
        return;
    unsigned long long us = text ? strtoull(text, &end, 10) : 0;
    unsigned long long runs = end ? strtoull(end, NULL, 10) : 0;
    PTD_CLEANUP_FREE char *sum = ptd_xasprintf(
        "%llu %llu", us + (unsigned long long)r->verdict.selection.spared_us, runs + 1);
    ptd_store_meta_set(r->w.store, PTD_SAVED_KEY, sum, NULL);
}

/* A page that cannot be written does not change what the tests have come to. */
static void report(struct run *r)
{
    struct ptd_err err = {0};
    if (ptd_reports_finish(&r->reports, &r->recorded, &err) < 0) {
        ptd_warn("%s", err.msg);
        r->no_report = true;
    }
}

static int tell_audit(struct run *r, struct ptd_err *err)
{
    const struct ptd_options *o = r->options;
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (o->json || r->reports.events)
        ptd_audit_json(r->audit, &r->recorded, r->status, &text);
    else
        ptd_audit_text(r->audit, &r->recorded, &text);
    if (r->reports.events)
        ptd_reports_audit(&r->reports, &text);
    else if (o->json || (o->output_file && !r->reports.github))
        return ptd_cmd_answer(&text, err);
    else
        fputs(text.data, stderr);
    return 0;
}

/* What the run showed beside what pytest has said. */
static int conclude(struct run *r, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    size_t missed = 0;
    if (!r->audit) {
        count_saved(r);
        struct ptd_summary summary = summary_of(r);
        if (r->status == 0 || r->status == 1)
            ptd_summary_saved(&summary, &text);
        ptd_flaky_lines(&r->recorded, &text);
        if (text.len && r->options->verbosity >= 0)
            fputs(text.data, stderr);
        return 0;
    }
    if (!r->recorded.run || r->recorded.tracer_problem || r->recorded.root_problem) {
        const char *what = "the audit could compare nothing: nothing was recorded";
        if (!r->status)
            return ptd_err_set(err, PTD_E_STORE, "%s", what);
        ptd_warn("%s", what);
        return 0;
    }
    if (ptd_audit_compare(r->audit, &r->w, &r->recorded, &missed, err) < 0)
        return -1;
    int failed = tell_audit(r, err);
    r->status = missed ? 1 : r->status;
    return failed;
}

static int begin_audit(struct run *r, struct ptd_err *err)
{
    const struct ptd_options *o = r->options;
    if (!o->audit || r->audit)
        return 0;
    if (o->collect_only || o->debugger)
        return ptd_err_set(err, PTD_E_USAGE, "--audit records what runs, which %s excludes",
                           o->debugger ? "a debugger" : "--collect-only");
    if (!r->w.writable)
        return ptd_err_set(err, PTD_E_STORE, "cannot audit without recording");
    return ptd_audit_prepare(&r->w, (const char *const *)r->scope, &r->audit, err);
}

/* Runs that are about records, or about everything, do not leave out what passed elsewhere. */
static bool asks(const struct run *r)
{
    const struct ptd_options *o = r->options;
    return !r->everything && !r->verdict.no_data && !o->first && !o->baseline && !o->audit;
}

/* By the difference that was asked for, where git can tell it, else by the records alone. */
static int select_tests(struct run *r, struct ptd_err *err)
{
    const struct ptd_options *o = r->options;
    struct ptd_select_how how = {
        .everything = r->everything && !o->first,
        .first = o->first,
        .shard = o->shard,
        .shards = o->shards,
        .left_out = r->e2e.excluded ? ptd_e2e_left_out : NULL,
        .left_out_arg = &r->e2e,
    };
    if (ptd_since_asked(o) && !how.everything) {
        ptd_since_release(&r->since);
        free(r->request);
        r->request = ptd_since_request(o);
        if (ptd_since_find(&r->w, &r->since, err) < 0)
            return -1;
        ptd_since_say_problem(&r->since, o);
        how.since = r->since.views ? &r->since : NULL;
    }
    if (ptd_workspace_select_as(&r->w, (const char *const *)r->scope, &how, &r->verdict, err) < 0)
        return -1;
    if (asks(r) && ptd_pass_cache_ask(&r->passes, &r->w, &r->verdict)) {
        how.passed = ptd_pass_cache_has;
        how.passed_arg = &r->passes;
        ptd_workspace_select_again(&r->w, (const char *const *)r->scope, &how, &r->verdict);
    }
    return 0;
}

/* Decides and acts; r->status and r->signal are set. */
static int decide(struct run *r, struct ptd_err *err)
{
    const struct ptd_options *o = r->options;
    struct ptd_session_result result = {0};
    size_t total;
    if (known_idle(r, &total)) {
        r->verdict.selection.total = total;
        say(r);
        ptd_line_coverage_idle(o);
        report(r);
        r->status = o->fail_if_none ? 5 : 0;
        return 0;
    }
    if (begin_audit(r, err) < 0 || select_tests(r, err) < 0)
        return -1;
    if ((o->json && !o->audit) || o->dry_run)
        return answer(r, err);
    say(r);
    if (!r->verdict.selection.count && !r->verdict.no_data && !r->everything && !o->first &&
        !has_named_nodes(r) && !r->unknown_paths) {
        if (!o->shards)
            remember_idle(r);
        ptd_line_coverage_idle(o);
        report(r);
        if (o->baseline && r->w.writable && mark_baseline(r, err) < 0)
            return -1;
        r->status = o->fail_if_none ? 5 : 0;
        return 0;
    }
    if (run_selected(r, &result, err) < 0)
        return -1;
    r->status = result.status;
    r->signal = result.signal;
    if (r->status == 0 && r->recorded.unfinished) {
        /* os._exit(0) in a test: pytest had no say, and what comes after it did not run. */
        ptd_warn("a test ended the interpreter; it and those behind it have not passed");
        r->status = 1;
    }
    int failed = conclude(r, err);
    report(r);
    return failed;
}

static int run_without_store(struct run *r, struct ptd_err *err)
{
    struct ptd_session_result result = {0};
    if (r->options->json || r->options->dry_run || r->options->audit)
        return ptd_err_set(err, PTD_E_STORE, "there is no recorded data to select from");
    if (r->e2e.excluded) {
        ptd_err_set(err, PTD_E_STORE,
                    "cannot tell end-to-end tests from others without a database");
        return ptd_err_hint(err, "name a directory that can be written with --cache-dir");
    }
    if (r->options->verbosity >= 0)
        fputs("pyt-diff: running all tests without recording\n", stderr);
    r->everything = true;
    struct ptd_summary summary = {.selection = &r->verdict.selection, .everything = true};
    ptd_reports_begin(&r->reports, &r->w, &r->verdict, &summary);
    bool planned = r->options->line_coverage || r->options->shards || r->reports.any;
    if ((planned ? run_selected(r, &result, err) : run_plain(r, &result, err)) < 0)
        return -1;
    r->status = result.status;
    r->signal = result.signal;
    report(r);
    return 0;
}

static void log_places(const struct run *r)
{
    ptd_log(PTD_LOG_DEBUG, "root %s, data %s, python %s, %s%s", r->w.project.rootdir,
            r->w.project.cache_dir, r->w.interpreter.python, r->w.environment.name,
            !r->w.store     ? ", no database"
            : r->w.writable ? ""
                            : ", read only");
}

static int open_and_decide(struct run *r, struct ptd_err *err)
{
    if (ptd_workspace_find(&r->w, r->options, err) < 0 ||
        ptd_log_open(r->w.project.cache_dir, err) < 0 ||
        ptd_remote_baseline_load(&r->remote, &r->w.project, r->options, err) < 0 ||
        ptd_workspace_enter(&r->w, err) < 0)
        return -1;
    log_places(r);
    make_scope(r);
    if (ptd_e2e_open(&r->w, &r->e2e, err) < 0 || ptd_pass_cache_open(&r->passes, &r->w, err) < 0)
        return -1;
    if (!r->w.store)
        return run_without_store(r, err);
    if (decide(r, err) == 0)
        return 0;
    if (err->sys_errno != EBADMSG)
        return -1;
    ptd_verdict_release(&r->verdict);
    return ptd_workspace_rebuild(&r->w, err) < 0 ? -1 : decide(r, err);
}

/* --upload: only what a run has recorded to its end. */
static int upload(struct run *r, struct ptd_err *err)
{
    bool ended = !r->signal && (r->status == 0 || r->status == 1 || r->status == 5);
    bool refused = r->recorded.tracer_problem || r->recorded.root_problem;
    if (!r->options->upload)
        return 0;
    if (ended && r->w.writable && !refused && !r->unrecorded)
        return ptd_remote_baseline_save(&r->remote, &r->w.project, r->options, err);
    ptd_err_set(err, PTD_E_NET, "nothing was uploaded to %s: %s", r->remote.shown,
                ended ? "the run could not be recorded" : "the run did not come to its end");
    return -1;
}

/* Lines that could not be written are like a page that could not be. */
static void end_reports(struct run *r, int result, int *status, const struct ptd_err *failure)
{
    struct ptd_err err = {0};
    int code = result < 0 ? ptd_err_exit_code(failure) : *status;
    if (ptd_reports_end(&r->reports, code, r->signal, result < 0 ? failure : NULL, &err) == 0)
        return;
    ptd_warn("%s", err.msg);
    if (!*status)
        *status = 3;
}

int ptd_cmd_run(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct run r = {.options = options};
    r.everything =
        !options->first && (options->mode == PTD_MODE_ALL || options->force || options->audit);
    if (ptd_line_coverage_check(options, err) < 0 || ptd_reports_open(&r.reports, options, err) < 0)
        return -1;
    int result = open_and_decide(&r, err);
    if (result == 0 && r.no_lines < 0 && r.status)
        ptd_warn("%s", err->msg);
    else if (r.no_lines < 0)
        result = -1;
    if (result == 0 && upload(&r, err) < 0) {
        if (r.status && r.status != 5)
            ptd_warn("%s", err->msg);
        else
            result = -1;
    }
    *status = r.status;
    if (r.no_report && !r.status)
        *status = 3;
    end_reports(&r, result, status, err);
    if (result < 0)
        ptd_log(PTD_LOG_ERROR, "%s", err->msg);
    else
        ptd_log(PTD_LOG_INFO, "exit code %d, %zu tests recorded", *status, r.recorded.tests);
    ptd_log_close();
    int ended_by = r.signal;
    release(&r);
    if (ended_by) {
        signal(ended_by, SIG_DFL);
        raise(ended_by);
    }
    return result;
}
