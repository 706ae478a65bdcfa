#include "report/github.h"

#include <string.h>

#include "report/duration.h"

/* GitHub keeps 50 annotations of a job. */
#define ANNOTATIONS 50
/* Rows of a table in the summary, and bytes of one message in it. */
#define ROWS    200
#define MESSAGE 600
/* No more rows when the section has grown to so many bytes; a step may write 1 MiB. */
#define SECTION (300u << 10)

static void add_escaped(struct ptd_buf *out, const char *text, bool property)
{
    for (; *text; text++) {
        bool special = *text == '%' || *text == '\r' || *text == '\n' ||
                       (property && (*text == ':' || *text == ','));
        if (special)
            ptd_buf_addf(out, "%%%02X", *text);
        else
            ptd_buf_addc(out, *text);
    }
}

void ptd_github_notice(const struct ptd_run_report *report, struct ptd_buf *out)
{
    ptd_buf_adds(out, "::notice title=pyt-diff::");
    add_escaped(out, report->line, false);
    ptd_buf_addc(out, '\n');
}

void ptd_github_warning(const char *text, struct ptd_buf *out)
{
    ptd_buf_adds(out, "::warning title=pyt-diff::");
    add_escaped(out, text, false);
    ptd_buf_addc(out, '\n');
}

static void add_error(const struct ptd_run_report *report, const struct ptd_report_row *row,
                      struct ptd_buf *out)
{
    ptd_buf_adds(out, "::error ");
    if (row->path[0]) {
        ptd_buf_adds(out, "file=");
        add_escaped(out, ptd_run_report_path(report, row->path), true);
        ptd_buf_addc(out, ',');
        if (row->line)
            ptd_buf_addf(out, "line=%u,", row->line);
    }
    ptd_buf_adds(out, "title=");
    add_escaped(out, row->nodeid, true);
    ptd_buf_adds(out, "::");
    add_escaped(out, row->message[0] ? row->message : "failed", false);
    ptd_buf_addc(out, '\n');
}

void ptd_github_annotations(const struct ptd_run_report *report, struct ptd_buf *out)
{
    const struct ptd_outcomes *o = &report->outcomes;
    size_t said = 0;
    for (size_t i = 0; i < o->count && said < ANNOTATIONS; i++)
        if (ptd_outcome_is_failure(o->rows[i].outcome)) {
            add_error(report, &o->rows[i], out);
            said++;
        }
    for (size_t i = 0; i < report->flaky_count && said < ANNOTATIONS; i++, said++) {
        ptd_buf_adds(out, "::warning title=flaky test::");
        add_escaped(out, report->flaky_texts[i], false);
        ptd_buf_addc(out, '\n');
    }
}

static void add_code(struct ptd_buf *out, const char *text)
{
    ptd_buf_adds(out, "<code>");
    ptd_markup_add(out, text, " ");
    ptd_buf_adds(out, "</code>");
}

static void add_count(struct ptd_buf *out, size_t count, const char *what, const char **comma)
{
    if (!count)
        return;
    ptd_buf_addf(out, "%s%zu %s", *comma, count, what);
    *comma = ", ";
}

static void add_facts(const struct ptd_run_report *r, struct ptd_buf *out)
{
    const struct ptd_outcomes *o = &r->outcomes;
    const char *comma = "";
    ptd_buf_addf(out, "| | |\n|---|---|\n| Selected | %zu of %zu known tests |\n", r->selected,
                 r->total);
    if (r->ran) {
        ptd_buf_adds(out, "| Outcome | ");
        add_count(out, o->of[PTD_OUTCOME_FAILED], "failed", &comma);
        add_count(out, o->of[PTD_OUTCOME_ERROR], "with errors", &comma);
        add_count(out, o->of[PTD_OUTCOME_PASSED], "passed", &comma);
        add_count(out, o->of[PTD_OUTCOME_SKIPPED], "skipped", &comma);
        add_count(out, o->of[PTD_OUTCOME_XFAILED], "xfailed", &comma);
        add_count(out, o->of[PTD_OUTCOME_XPASSED], "xpassed", &comma);
        ptd_buf_addf(out, "%s (pytest exit code %d) |\n", *comma ? "" : "no test ran", r->status);
    }
    if (r->spared_us) {
        ptd_buf_adds(out, "| Saved | about ");
        ptd_duration_add(r->spared_us, out);
        ptd_buf_adds(out, r->of_test_time ? " of test time |\n" : " |\n");
    }
    ptd_buf_addc(out, '\n');
}

static bool is_full(const struct ptd_buf *out, size_t start, size_t rows)
{
    return rows >= ROWS || out->len - start > SECTION;
}

static void add_more(struct ptd_buf *out, size_t left)
{
    if (left)
        ptd_buf_addf(out, "\n%zu more\n", left);
}

static void add_failures(const struct ptd_run_report *r, size_t start, struct ptd_buf *out)
{
    const struct ptd_outcomes *o = &r->outcomes;
    size_t failures = o->of[PTD_OUTCOME_FAILED] + o->of[PTD_OUTCOME_ERROR], shown = 0;
    if (!failures)
        return;
    ptd_buf_adds(out, "#### Failures\n\n| Test | Where | What |\n|---|---|---|\n");
    for (size_t i = 0; i < o->count && !is_full(out, start, shown); i++) {
        const struct ptd_report_row *row = &o->rows[i];
        if (!ptd_outcome_is_failure(row->outcome))
            continue;
        char message[MESSAGE];
        size_t n = strnlen(row->message, sizeof(message) - 1);
        memcpy(message, row->message, n);
        message[n] = '\0';
        ptd_buf_adds(out, "| ");
        add_code(out, row->nodeid);
        ptd_buf_adds(out, " | ");
        if (row->path[0]) {
            ptd_markup_add(out, ptd_run_report_path(r, row->path), " ");
            if (row->line)
                ptd_buf_addf(out, ":%u", row->line);
        }
        ptd_buf_adds(out, " | ");
        ptd_markup_add(out, message, "<br>");
        ptd_buf_adds(out, " |\n");
        shown++;
    }
    add_more(out, failures - shown);
    ptd_buf_addc(out, '\n');
}

static void add_flaky(const struct ptd_run_report *r, size_t start, struct ptd_buf *out)
{
    size_t shown = 0;
    if (!r->flaky_count)
        return;
    ptd_buf_adds(out, "#### Flaky: nothing changed that they depend on\n\n");
    for (; shown < r->flaky_count && !is_full(out, start, shown); shown++) {
        ptd_buf_adds(out, "- ");
        add_code(out, r->flaky_texts[shown]);
        ptd_buf_addc(out, '\n');
    }
    add_more(out, r->flaky_count - shown);
    ptd_buf_addc(out, '\n');
}

static void add_reasons(const struct ptd_run_report *r, size_t start, struct ptd_buf *out)
{
    size_t shown = 0;
    if (!r->count)
        return;
    ptd_buf_addf(out, "<details><summary>What was selected, and why (%zu)</summary>\n\n", r->count);
    ptd_buf_adds(out, "| Selected | Because | Last took |\n|---|---|---|\n");
    for (; shown < r->count && !is_full(out, start, shown); shown++) {
        const struct ptd_report_item *item = &r->items[shown];
        ptd_buf_adds(out, "| ");
        add_code(out, item->name);
        ptd_buf_adds(out, " | ");
        ptd_markup_add(out, item->reason, " ");
        ptd_buf_adds(out, " | ");
        if (item->duration_us)
            ptd_duration_add(item->duration_us, out);
        ptd_buf_adds(out, " |\n");
    }
    add_more(out, r->count - shown);
    ptd_buf_adds(out, "\n</details>\n\n");
}

void ptd_github_summary(const struct ptd_run_report *r, struct ptd_buf *out)
{
    size_t start = out->len;
    ptd_buf_adds(out, "### pyt-diff: ");
    ptd_markup_add(out, r->line, " ");
    ptd_buf_adds(out, "\n\n");
    add_facts(r, out);
    add_failures(r, start, out);
    add_flaky(r, start, out);
    add_reasons(r, start, out);
}
