#include "report/run_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

static void add_item(struct ptd_run_report *report, const struct ptd_summary *summary,
                     const struct ptd_selected *item)
{
    report->items =
        ptd_xgrow(report->items, &report->cap, report->count + 1, sizeof(*report->items));
    ptd_map_puts(&report->by_name, item->name, report->count);
    report->items[report->count++] = (struct ptd_report_item){
        .name = ptd_xstrdup(item->name),
        .reason = ptd_xstrdup(ptd_summary_reason(summary, item)),
        .slug = ptd_summary_slug(item->reason),
        .is_file = item->is_file,
        .duration_us = item->duration_us,
    };
}

void ptd_run_report_begin(struct ptd_run_report *report, const struct ptd_summary *summary,
                          const char *root)
{
    static const char prefix[] = "pyt-diff: ";
    const struct ptd_selection *s = summary->selection;
    PTD_CLEANUP_BUF struct ptd_buf line = PTD_BUF_INIT;
    ptd_summary_line(summary, &line);
    line.data[strcspn(line.data, "\n")] = '\0';
    report->line = ptd_xstrdup(line.data + strlen(prefix));
    report->root = ptd_xstrdup(root);
    report->total = s->total;
    report->selected = s->tests;
    report->spared_us = ptd_summary_spared(summary);
    report->of_test_time = summary->parallel;
    report->otherwise = summary->no_data      ? "nothing was recorded yet"
                        : summary->everything ? "everything was asked for"
                                              : "new test";
    for (size_t i = 0; i < s->count; i++)
        add_item(report, summary, &s->items[i]);
}

void ptd_run_report_add_flaky(struct ptd_run_report *report, const char *nodeid, const char *text)
{
    size_t n = report->flaky_count++;
    report->flaky_texts = ptd_xrealloc(report->flaky_texts, (n + 2) * sizeof(*report->flaky_texts));
    report->flaky_texts[n] = ptd_xstrdup(text);
    report->flaky_texts[n + 1] = NULL;
    ptd_map_puts(&report->flaky, nodeid, 0);
}

const char *ptd_run_report_reason(const struct ptd_run_report *report, const char *nodeid)
{
    uint64_t at = ptd_map_get(&report->by_name, nodeid, UINT64_MAX);
    if (at == UINT64_MAX) {
        PTD_CLEANUP_FREE char *file = ptd_xstrdup(nodeid);
        char *colons = strstr(file, "::");
        if (colons)
            *colons = '\0';
        at = ptd_map_get(&report->by_name, file, UINT64_MAX);
    }
    return at == UINT64_MAX ? report->otherwise : report->items[at].reason;
}

const char *ptd_run_report_path(const struct ptd_run_report *report, const char *path)
{
    const char *dir = report->around ? report->around : report->root;
    if (!ptd_path_within(path, dir) || !path[strlen(dir)])
        return path;
    path += strlen(dir);
    return path + strspn(path, "/");
}

void ptd_run_report_release(struct ptd_run_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->items[i].name);
        free(report->items[i].reason);
        free(report->items[i].chain);
    }
    for (size_t i = 0; i < report->flaky_count; i++)
        free(report->flaky_texts[i]);
    free(report->items);
    free(report->flaky_texts);
    free(report->line);
    free(report->root);
    free(report->around);
    ptd_map_release(&report->by_name);
    ptd_map_release(&report->flaky);
    ptd_outcomes_release(&report->outcomes);
    *report = (struct ptd_run_report){0};
}

/* Characters that are neither markup in HTML nor in Markdown, wherever they stand. */
static bool is_plain(unsigned char c)
{
    return c > 0x20 && (c >= 0x80 || (c >= '0' && c <= '9') ||
                        ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("/.,;=%?", c));
}

void ptd_markup_add(struct ptd_buf *out, const char *text, const char *line_end)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        size_t n = ptd_utf8_length(s);
        if (n == 0 || (*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f)
            ptd_buf_adds(out, "\xef\xbf\xbd");
        else if (*s == '\n')
            ptd_buf_adds(out, line_end);
        else if (*s == ' ' || *s == '\t' || n > 1 || is_plain(*s))
            ptd_buf_add(out, s, n);
        else
            ptd_buf_addf(out, "&#%d;", *s);
        s += n ? n : 1;
    }
}
