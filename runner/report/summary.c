#include "report/summary.h"

#include <string.h>

#include "base/json.h"
#include "base/map.h"

/* Causes named in the line before the rest is only counted. */
#define CAUSES_SHOWN 3

static const char *reason_text(const struct ptd_summary *s, const struct ptd_selected *item)
{
    switch (item->reason) {
    case PTD_REASON_NEW:
        return item->is_file ? "new test file" : "new test";
    case PTD_REASON_CHANGED:
        return s->describe(item->broken, s->arg);
    case PTD_REASON_FAILED:
        return "failed before";
    case PTD_REASON_UNCOLLECTED:
        return "could not be collected before";
    case PTD_REASON_NAMED:
        return "named on the command line";
    case PTD_REASON_ALL:
        return "everything was asked for";
    case PTD_REASON_BASELINE:
        return "not part of the baseline";
    }
    return "";
}

static const char *reason_slug(enum ptd_reason reason)
{
    static const char *const slugs[] = {
        [PTD_REASON_NEW] = "new",           [PTD_REASON_CHANGED] = "changed",
        [PTD_REASON_FAILED] = "failed",     [PTD_REASON_UNCOLLECTED] = "uncollected",
        [PTD_REASON_NAMED] = "named",       [PTD_REASON_ALL] = "all",
        [PTD_REASON_BASELINE] = "baseline",
    };
    return slugs[reason];
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* The distinct causes, most tests first as they come: "a.py: f; b.py: module level; 2 more". */
static void add_causes(const struct ptd_summary *s, struct ptd_buf *out)
{
    PTD_CLEANUP_MAP struct ptd_map causes = PTD_MAP_INIT;
    const struct ptd_selection *sel = s->selection;
    for (size_t i = 0; i < sel->count; i++)
        ptd_map_puts(&causes, reason_text(s, &sel->items[i]), 0);
    for (size_t i = 0; i < causes.count && i < CAUSES_SHOWN; i++)
        ptd_buf_addf(out, "%s%s", i ? "; " : "", causes.entries[i].key);
    if (causes.count > CAUSES_SHOWN)
        ptd_buf_addf(out, "; %zu more", causes.count - CAUSES_SHOWN);
}

static void add_counts(const struct ptd_selection *sel, struct ptd_buf *out)
{
    size_t files = sel->count - sel->tests;
    if (sel->tests || !files)
        ptd_buf_addf(out, "%zu of %zu test%s affected", sel->tests, sel->total, plural(sel->total));
    if (files) {
        const char *kind = sel->new_files == files ? "new " : "";
        ptd_buf_addf(out, "%s%zu %stest file%s to collect", sel->tests ? ", " : "", files, kind,
                     plural(files));
        if (!sel->tests)
            ptd_buf_addf(out, ", 0 of %zu known test%s affected", sel->total, plural(sel->total));
    }
}

void ptd_summary_line(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_adds(out, "pyt-diff: ");
    if (s->no_data) {
        ptd_buf_addf(out, "no data for %s yet: running all tests and recording\n", s->python);
        return;
    }
    if (s->everything) {
        ptd_buf_adds(out, "running all tests, as asked\n");
        return;
    }
    if (sel->count == 0) {
        ptd_buf_addf(out, "no tests affected (0 of %zu", sel->total);
        if (s->changed_files)
            ptd_buf_addf(out, "; %zu file%s changed", s->changed_files, plural(s->changed_files));
        else
            ptd_buf_adds(out, "; nothing changed");
        if (sel->outside)
            ptd_buf_addf(out, "; %zu affected outside the given paths", sel->outside);
        ptd_buf_adds(out, ")\n");
        return;
    }
    add_counts(sel, out);
    ptd_buf_adds(out, " (");
    add_causes(s, out);
    if (sel->outside)
        ptd_buf_addf(out, "; %zu more affected outside the given paths", sel->outside);
    ptd_buf_adds(out, ")\n");
}

void ptd_summary_reasons(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    for (size_t i = 0; i < sel->count; i++)
        ptd_buf_addf(out, "  %s: %s\n", sel->items[i].name, reason_text(s, &sel->items[i]));
}

void ptd_summary_list(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    for (size_t i = 0; i < sel->count; i++)
        ptd_buf_addf(out, "%s\n", sel->items[i].name);
    if (sel->count)
        ptd_buf_addc(out, '\n');
    ptd_buf_addf(out, "%zu/%zu tests affected", sel->tests, sel->total);
    size_t files = sel->count - sel->tests;
    if (files)
        ptd_buf_addf(out, ", %zu file%s to collect", files, plural(files));
    ptd_buf_addc(out, '\n');
}

static void add_json_item(const struct ptd_summary *s, const struct ptd_selected *item,
                          struct ptd_buf *out)
{
    ptd_buf_adds(out, item->is_file ? "{\"path\":" : "{\"nodeid\":");
    ptd_json_string(out, item->name);
    ptd_buf_addf(out, ",\"reason\":\"%s\",\"detail\":", reason_slug(item->reason));
    ptd_json_string(out, reason_text(s, item));
    if (item->duration_us)
        ptd_buf_addf(out, ",\"duration\":%.6f", (double)item->duration_us / 1e6);
    ptd_buf_addc(out, '}');
}

void ptd_summary_json(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_addf(out, "{\"version\":1,\"total\":%zu,\"affected\":%zu,\"changed_files\":%zu",
                 sel->total, sel->tests, s->changed_files);
    ptd_buf_addf(out, ",\"no_data\":%s", s->no_data ? "true" : "false");
    ptd_buf_adds(out, ",\"tests\":[");
    for (size_t i = 0; i < sel->tests; i++) {
        if (i)
            ptd_buf_addc(out, ',');
        add_json_item(s, &sel->items[i], out);
    }
    ptd_buf_adds(out, "],\"files\":[");
    for (size_t i = sel->tests; i < sel->count; i++) {
        if (i > sel->tests)
            ptd_buf_addc(out, ',');
        add_json_item(s, &sel->items[i], out);
    }
    ptd_buf_adds(out, "]}\n");
}
