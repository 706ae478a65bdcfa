#include "cmd/reports.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/explain.h"
#include "cmd/prior.h"
#include "contract/plan.h"
#include "report/events.h"
#include "report/github.h"
#include "report/html.h"

/* So many tests get the way from the change to them; each costs a look into the database. */
#define CHAINS 2000

/* Told beside standard error and the log. */
static void see_warning(const char *text, void *arg)
{
    struct ptd_reports *reports = arg;
    PTD_CLEANUP_BUF struct ptd_buf line = PTD_BUF_INIT;
    if (reports->github)
        ptd_github_warning(text, &line);
    else
        ptd_events_warning(text, &line);
    ptd_stream_put(&reports->stream, &line);
}

/* Before anything runs, so that nothing runs in vain. */
static int check_file(const char *option, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return ptd_err_set(err, PTD_E_USAGE, "%s: %s is no file", option, path);
    if (access(*dir ? dir : ".", W_OK | X_OK) < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "%s: cannot write into %s", option, *dir ? dir : ".");
    return 0;
}

int ptd_reports_open(struct ptd_reports *reports, const struct ptd_options *o, struct ptd_err *err)
{
    reports->stream = (struct ptd_stream)PTD_STREAM_INIT;
    reports->github = ptd_options_github(o) && !o->dry_run;
    reports->events = o->format == PTD_FORMAT_JSONL;
    reports->events_out = reports->events && !o->output_file;
    reports->html = o->report_html;
    reports->quiet = o->verbosity < 0;
    reports->outcomes = reports->github || reports->events || reports->html;
    reports->any = reports->outcomes || o->junit;
    if (reports->html && check_file("--report-html", reports->html, err) < 0)
        return -1;
    if (!reports->github && !reports->events)
        return o->output_file ? check_file("--output-file", o->output_file, err) : 0;
    if (ptd_stream_open(&reports->stream, o->output_file,
                        reports->github ? STDERR_FILENO : STDOUT_FILENO, err) < 0)
        return -1;
    ptd_warn_tell(see_warning, reports);
    return 0;
}

static void see_chain(const char *nodeid, const char *text, void *arg)
{
    struct ptd_run_report *run = arg;
    uint64_t at = ptd_map_get(&run->by_name, nodeid, UINT64_MAX);
    if (at != UINT64_MAX && !run->items[at].chain)
        run->items[at].chain = ptd_xstrdup(text ? text : "");
}

/* With a difference of git's the records are no answer to why. */
static void add_chains(struct ptd_reports *reports, struct ptd_workspace *w,
                       struct ptd_verdict *verdict)
{
    struct ptd_err err = {0};
    if (!w->store || verdict->no_data || verdict->since || !verdict->selection.count)
        return;
    if (ptd_explain_selected(w, verdict, CHAINS, see_chain, &reports->run, &err) < 0)
        ptd_warn("the report says less about why tests run: %s", err.msg);
}

void ptd_reports_begin(struct ptd_reports *reports, struct ptd_workspace *w,
                       struct ptd_verdict *verdict, const struct ptd_summary *summary)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const char *around = getenv("GITHUB_WORKSPACE");
    if (!reports->any || reports->run.line)
        return;
    ptd_run_report_begin(&reports->run, summary, w->project.rootdir);
    if (reports->html)
        add_chains(reports, w, verdict);
    if (reports->events)
        ptd_events_selection(summary, &text);
    if (!reports->github) {
        ptd_stream_put(&reports->stream, &text);
        return;
    }
    /* Paths in annotations are relative to the checkout. */
    reports->run.around = around && *around ? realpath(around, NULL) : NULL;
    ptd_github_notice(&reports->run, &text);
    ptd_stream_put(&reports->stream, &text);
}

static void follow(void *arg)
{
    struct ptd_reports *reports = arg;
    ptd_stream_follow(&reports->stream, &reports->run);
}

void ptd_reports_follow(struct ptd_reports *reports, struct ptd_session_request *request)
{
    if (!reports->events)
        return;
    ptd_stream_expect(&reports->stream, request->session_dir);
    request->tick = follow;
    request->tick_arg = reports;
}

void ptd_reports_collect(struct ptd_reports *reports, const char *session_dir, int status)
{
    struct ptd_err err = {0};
    reports->run.ran = true;
    reports->run.status = status;
    if (!reports->outcomes)
        return;
    if (reports->events)
        follow(reports);
    PTD_CLEANUP_FREE char *path = ptd_path_join(session_dir, PTD_REPORTS_FILE);
    if (ptd_outcomes_read(&reports->run.outcomes, path, &err) < 0)
        ptd_warn("reports say nothing about outcomes: %s", err.msg);
}

void ptd_reports_audit(struct ptd_reports *reports, const struct ptd_buf *answer)
{
    PTD_CLEANUP_BUF struct ptd_buf line = PTD_BUF_INIT;
    ptd_buf_adds(&line, "{\"event\":\"audit\",");
    ptd_buf_add(&line, answer->data + 1, answer->len - 1);
    ptd_stream_put(&reports->stream, &line);
}

static void tell_flaky(struct ptd_reports *reports, const struct ptd_ingest_result *recorded)
{
    PTD_CLEANUP_BUF struct ptd_buf lines = PTD_BUF_INIT;
    for (size_t i = 0; i < recorded->flaky_count; i++) {
        const struct ptd_flaky *f = &recorded->flaky[i];
        ptd_events_flaky(f->nodeid, f->before, f->after, &lines);
    }
    ptd_stream_put(&reports->stream, &lines);
}

static void add_flaky(struct ptd_run_report *run, const struct ptd_ingest_result *recorded)
{
    for (size_t i = 0; i < recorded->flaky_count; i++) {
        const struct ptd_flaky *f = &recorded->flaky[i];
        PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
        ptd_buf_addf(&text, "%s (%s, ", f->nodeid, ptd_outcome_name(f->before));
        ptd_buf_addf(&text, "then %s)", ptd_outcome_name(f->after));
        ptd_run_report_add_flaky(run, f->nodeid, text.data);
    }
}

/* One write: steps that run at the same time share the file. */
static int append(const char *path, const struct ptd_buf *text, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len)
        return ptd_err_sys(err, PTD_E_IO, "cannot write the job summary %s", path);
    return 0;
}

static void report_github(struct ptd_stream *stream, const struct ptd_run_report *run)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_err err = {0};
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    ptd_github_annotations(run, &text);
    ptd_stream_put(stream, &text);
    ptd_buf_reset(&text);
    if (!path || !*path)
        return;
    ptd_github_summary(run, &text);
    if (append(path, &text, &err) < 0)
        ptd_warn("%s", err.msg);
}

static int write_page(const char *path, const struct ptd_run_report *run, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf page = PTD_BUF_INIT;
    ptd_html_page(run, &page);
    return ptd_buf_write_file(&page, path, err);
}

int ptd_reports_finish(struct ptd_reports *reports, const struct ptd_ingest_result *recorded,
                       struct ptd_err *err)
{
    if (!reports->any || !reports->run.line)
        return 0;
    add_flaky(&reports->run, recorded);
    if (reports->github)
        report_github(&reports->stream, &reports->run);
    if (reports->events)
        tell_flaky(reports, recorded);
    if (!reports->html)
        return 0;
    if (write_page(reports->html, &reports->run, err) < 0)
        return -1;
    if (!reports->quiet)
        fprintf(stderr, "pyt-diff: HTML report written to %s\n", reports->html);
    return 0;
}

int ptd_reports_end(struct ptd_reports *reports, int exit_code, int signal,
                    const struct ptd_err *failure, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf lines = PTD_BUF_INIT;
    if (reports->events && failure)
        ptd_events_error(failure, &lines);
    if (reports->events)
        ptd_events_summary(&reports->run, exit_code, signal, &lines);
    ptd_stream_put(&reports->stream, &lines);
    ptd_warn_tell(NULL, NULL);
    return ptd_stream_close(&reports->stream, err);
}

void ptd_reports_release(struct ptd_reports *reports)
{
    ptd_run_report_release(&reports->run);
}
