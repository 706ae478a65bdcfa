#include "cmd/reports.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/prior.h"
#include "contract/plan.h"
#include "report/github.h"

void ptd_reports_open(struct ptd_reports *reports, const struct ptd_options *o)
{
    const char *actions = getenv("GITHUB_ACTIONS");
    bool there = actions && strcmp(actions, "true") == 0;
    reports->github =
        o->format == PTD_FORMAT_GITHUB || (o->format == PTD_FORMAT_AUTO && there && !o->json);
    reports->outcomes = reports->github;
    reports->any = reports->outcomes || o->junit;
}

void ptd_reports_begin(struct ptd_reports *reports, const struct ptd_workspace *w,
                       const struct ptd_summary *summary)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const char *around = getenv("GITHUB_WORKSPACE");
    if (!reports->any || reports->run.line)
        return;
    ptd_run_report_begin(&reports->run, summary, w->project.rootdir);
    if (!reports->github)
        return;
    /* Paths in annotations are relative to the checkout. */
    reports->run.around = around && *around ? realpath(around, NULL) : NULL;
    ptd_github_notice(&reports->run, &text);
    fputs(text.data, stderr);
}

void ptd_reports_collect(struct ptd_reports *reports, const char *session_dir, int status)
{
    struct ptd_err err = {0};
    reports->run.ran = true;
    reports->run.status = status;
    if (!reports->outcomes)
        return;
    PTD_CLEANUP_FREE char *path = ptd_path_join(session_dir, PTD_REPORTS_FILE);
    if (ptd_outcomes_read(&reports->run.outcomes, path, &err) < 0)
        ptd_warn("reports say nothing about outcomes: %s", err.msg);
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

static void report_github(const struct ptd_run_report *run)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_err err = {0};
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    ptd_github_annotations(run, &text);
    fputs(text.data ? text.data : "", stderr);
    ptd_buf_reset(&text);
    if (!path || !*path)
        return;
    ptd_github_summary(run, &text);
    if (append(path, &text, &err) < 0)
        ptd_warn("%s", err.msg);
}

void ptd_reports_finish(struct ptd_reports *reports, const struct ptd_ingest_result *recorded)
{
    if (!reports->any || !reports->run.line)
        return;
    add_flaky(&reports->run, recorded);
    if (reports->github)
        report_github(&reports->run);
}

void ptd_reports_release(struct ptd_reports *reports)
{
    ptd_run_report_release(&reports->run);
}
