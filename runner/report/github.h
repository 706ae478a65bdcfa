/*
 * A run as GitHub Actions shows it.
 * Sources: docs.github.com, "Workflow commands for GitHub Actions" (annotations, job summaries);
 * the escapes are those of actions/toolkit, packages/core/src/command.ts.
 */
#ifndef PTD_REPORT_GITHUB_H
#define PTD_REPORT_GITHUB_H

#include "report/run_report.h"

/* "::notice title=pyt-diff::2 of 840 tests affected\n": the selection. */
void ptd_github_notice(const struct ptd_run_report *report, struct ptd_buf *out);
/* "::warning title=pyt-diff::...\n": what pyt-diff warns of. */
void ptd_github_warning(const char *text, struct ptd_buf *out);
/* "::error file=...,line=...,title=...::...\n" for each failure, "::warning ...\n" for flaky tests;
 * no more than GitHub keeps of a job. */
void ptd_github_annotations(const struct ptd_run_report *report, struct ptd_buf *out);
/* A section of the job summary, in Markdown; well below the MiB that a step may write. */
void ptd_github_summary(const struct ptd_run_report *report, struct ptd_buf *out);

#endif
