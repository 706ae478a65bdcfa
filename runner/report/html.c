#include "report/html.h"

#include <inttypes.h>

#include "report/duration.h"

/* report/html/head.html and tail.html */
extern const char ptd_html_head[], ptd_html_tail[];

static void add_fact(struct ptd_buf *out, const char *name, size_t count)
{
    if (count)
        ptd_buf_addf(out, "<div><dt>%s</dt><dd>%zu</dd></div>\n", name, count);
}

static void add_head(const struct ptd_run_report *r, struct ptd_buf *out)
{
    ptd_buf_adds(out, ptd_html_head);
    ptd_buf_adds(out, "<h1>pyt-diff: ");
    ptd_markup_add(out, r->line, " ");
    ptd_buf_adds(out, "</h1>\n<p>");
    ptd_markup_add(out, r->root, " ");
    if (r->ran)
        ptd_buf_addf(out, " &#183; pytest ended with exit code %d", r->status);
    ptd_buf_addf(out, "</p>\n<dl>\n<div><dt>selected</dt><dd>%zu of %zu</dd></div>\n", r->selected,
                 r->total);
    for (int i = 0; i <= PTD_OUTCOME_XPASSED; i++)
        add_fact(out, ptd_outcome_name(i), r->outcomes.of[i]);
    add_fact(out, "flaky", r->flaky_count);
    if (r->spared_us) {
        ptd_buf_addf(out, "<div><dt>saved%s, about</dt><dd>",
                     r->of_test_time ? " of test time" : "");
        ptd_duration_add(r->spared_us, out);
        ptd_buf_adds(out, "</dd></div>\n");
    }
    ptd_buf_adds(out, "</dl>\n");
}

static void add_tools(const struct ptd_run_report *r, struct ptd_buf *out)
{
    ptd_buf_adds(out, "<div class=\"tools\"><input id=\"filter\" type=\"search\" "
                      "placeholder=\"Filter by words ( / )\" aria-label=\"Filter\">\n"
                      "<select id=\"outcome\" aria-label=\"Outcome\"><option value=\"\">all"
                      "</option>");
    for (int i = 0; i <= PTD_OUTCOME_XPASSED; i++)
        if (r->outcomes.of[i])
            ptd_buf_addf(out, "<option>%s</option>", ptd_outcome_name(i));
    ptd_buf_adds(out, "<option>not run</option>");
    if (r->flaky_count)
        ptd_buf_adds(out, "<option>flaky</option>");
    ptd_buf_adds(out, "</select> <span id=\"shown\" aria-live=\"polite\"></span></div>\n");
}

static void add_reason(const struct ptd_run_report *r, const char *name, struct ptd_buf *out)
{
    uint64_t at = ptd_map_get(&r->by_name, name, UINT64_MAX);
    const char *chain = at == UINT64_MAX ? NULL : r->items[at].chain;
    if (chain)
        ptd_buf_adds(out, "<details><summary>");
    ptd_markup_add(out, ptd_run_report_reason(r, name), " ");
    if (!chain)
        return;
    ptd_buf_adds(out, "</summary><pre>");
    ptd_markup_add(out, chain, "\n");
    ptd_buf_adds(out, "</pre></details>");
}

static void begin_row(const char *outcome, const char *name, struct ptd_buf *out)
{
    ptd_buf_addf(out, "<tr class=\"%s\" data-outcome=\"%s\"><td>%s</td><td class=\"test\"><code>",
                 outcome, outcome, outcome);
    ptd_markup_add(out, name, " ");
    ptd_buf_adds(out, "</code>");
}

static void add_time(uint64_t us, const char *note, struct ptd_buf *out)
{
    ptd_buf_addf(out, "<td data-sort=\"%" PRIu64 "\">", us);
    if (us && us < 1000000)
        ptd_buf_addf(out, "%.1f ms", (double)us / 1e3);
    else if (us)
        ptd_duration_add(us, out);
    ptd_buf_addf(out, "%s</td></tr>\n", us ? note : "");
}

static void add_row(const struct ptd_run_report *r, const struct ptd_report_row *row,
                    struct ptd_buf *out)
{
    begin_row(ptd_outcome_name(row->outcome), row->nodeid, out);
    if (ptd_map_get(&r->flaky, row->nodeid, 1) == 0)
        ptd_buf_adds(out, "<span class=\"flaky\">flaky</span>");
    if (ptd_outcome_is_failure(row->outcome)) {
        ptd_buf_adds(out, "<details><summary>");
        ptd_markup_add(out, row->path[0] ? ptd_run_report_path(r, row->path) : "what happened",
                       " ");
        if (row->path[0] && row->line)
            ptd_buf_addf(out, ":%u", row->line);
        ptd_buf_adds(out, "</summary><pre>");
        ptd_markup_add(out, row->message, "\n");
        ptd_buf_adds(out, "</pre></details>");
    }
    ptd_buf_adds(out, "</td><td>");
    add_reason(r, row->nodeid, out);
    ptd_buf_adds(out, "</td>");
    add_time(row->duration_us, "", out);
}

/* Selected, and nothing came out: -x, -k, a process that died, or a file with nothing to tell. */
static void add_rest(const struct ptd_run_report *r, struct ptd_buf *out)
{
    PTD_CLEANUP_MAP struct ptd_map told = PTD_MAP_INIT;
    for (size_t i = 0; i < r->outcomes.count; i++)
        ptd_map_puts(&told, r->outcomes.rows[i].nodeid, 1);
    for (size_t i = 0; i < r->count; i++) {
        const struct ptd_report_item *item = &r->items[i];
        if (item->is_file || ptd_map_get(&told, item->name, 0))
            continue;
        begin_row("not run", item->name, out);
        ptd_buf_adds(out, "</td><td>");
        add_reason(r, item->name, out);
        ptd_buf_adds(out, "</td>");
        add_time(item->duration_us, " last time", out);
    }
}

void ptd_html_page(const struct ptd_run_report *r, struct ptd_buf *out)
{
    static const char *const heads[] = {"Outcome", "Test", "Because", "Took"};
    add_head(r, out);
    add_tools(r, out);
    ptd_buf_adds(out, "<table><thead><tr>");
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        ptd_buf_addf(out, "<th scope=\"col\"><button type=\"button\">%s</button></th>", heads[i]);
    ptd_buf_adds(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < r->outcomes.count; i++)
        add_row(r, &r->outcomes.rows[i], out);
    add_rest(r, out);
    ptd_buf_adds(out, "</tbody></table>\n");
    ptd_buf_adds(out, ptd_html_tail);
}
