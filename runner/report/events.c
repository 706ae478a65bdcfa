#include "report/events.h"

#include "base/json.h"

static void begin(const char *event, struct ptd_buf *out)
{
    ptd_buf_addf(out, "{\"event\":\"%s\"", event);
}

static void end(struct ptd_buf *out)
{
    ptd_buf_adds(out, "}\n");
}

static void add_text(const char *key, const char *value, struct ptd_buf *out)
{
    ptd_buf_addf(out, ",\"%s\":", key);
    ptd_json_string(out, value);
}

void ptd_events_selection(const struct ptd_summary *summary, struct ptd_buf *out)
{
    const struct ptd_selection *s = summary->selection;
    begin("selection", out);
    ptd_buf_addc(out, ',');
    ptd_summary_facts_json(summary, out);
    end(out);
    for (size_t i = 0; i < s->count; i++) {
        begin(s->items[i].is_file ? "file" : "test", out);
        ptd_buf_addc(out, ',');
        ptd_summary_item_json(summary, &s->items[i], out);
        end(out);
    }
}

void ptd_events_result(const struct ptd_run_report *report, const struct ptd_report_row *row,
                       struct ptd_buf *out)
{
    begin("result", out);
    add_text("nodeid", row->nodeid, out);
    add_text("outcome", ptd_outcome_name(row->outcome), out);
    ptd_buf_addf(out, ",\"duration\":%.6f", (double)row->duration_us / 1e6);
    if (row->path[0]) {
        add_text("path", ptd_run_report_path(report, row->path), out);
        if (row->line)
            ptd_buf_addf(out, ",\"line\":%u", row->line);
    }
    if (row->message[0])
        add_text("message", row->message, out);
    end(out);
}

void ptd_events_flaky(const char *nodeid, int before, int after, struct ptd_buf *out)
{
    begin("flaky", out);
    add_text("nodeid", nodeid, out);
    add_text("before", ptd_outcome_name(before), out);
    add_text("after", ptd_outcome_name(after), out);
    end(out);
}

void ptd_events_warning(const char *text, struct ptd_buf *out)
{
    begin("warning", out);
    add_text("message", text, out);
    end(out);
}

void ptd_events_error(const struct ptd_err *err, struct ptd_buf *out)
{
    begin("error", out);
    add_text("message", err->msg, out);
    if (err->hint[0])
        add_text("hint", err->hint, out);
    end(out);
}

void ptd_events_summary(const struct ptd_run_report *report, int exit_code, int signal,
                        struct ptd_buf *out)
{
    begin("summary", out);
    ptd_buf_addf(out, ",\"ran\":%s,\"exit_code\":%d", report->ran ? "true" : "false", exit_code);
    if (signal)
        ptd_buf_addf(out, ",\"signal\":%d", signal);
    if (report->ran)
        ptd_buf_addf(out, ",\"pytest_status\":%d", report->status);
    for (int i = 0; i <= PTD_OUTCOME_XPASSED; i++)
        ptd_buf_addf(out, ",\"%s\":%zu", ptd_outcome_name(i), report->outcomes.of[i]);
    ptd_buf_addf(out, ",\"flaky\":%zu", report->flaky_count);
    if (report->spared_us)
        ptd_buf_addf(out, ",\"saved_seconds\":%.6f", (double)report->spared_us / 1e6);
    end(out);
}
