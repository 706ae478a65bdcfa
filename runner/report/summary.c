#include "report/summary.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "report/duration.h"

/* Causes named in the line before the rest is only counted. */
#define CAUSES_SHOWN 3
/* Times below are not worth a word, in microseconds. */
#define NOTEWORTHY_US 1000000

const char *ptd_summary_reason(const struct ptd_summary *s, const struct ptd_selected *item)
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

const char *ptd_summary_slug(enum ptd_reason reason)
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
        if (!s->first || sel->items[i].reason != PTD_REASON_ALL)
            ptd_map_puts(&causes, ptd_summary_reason(s, &sel->items[i]), 0);
    for (size_t i = 0; i < causes.count && i < CAUSES_SHOWN; i++)
        ptd_buf_addf(out, "%s%s", i ? "; " : "", causes.entries[i].key);
    if (causes.count > CAUSES_SHOWN)
        ptd_buf_addf(out, "; %zu more", causes.count - CAUSES_SHOWN);
}

void ptd_summary_causes(const struct ptd_summary *s, struct ptd_buf *out)
{
    ptd_buf_adds(out, " (");
    add_causes(s, out);
    ptd_buf_addc(out, ')');
}

/* Of all shards together. */
static size_t running(const struct ptd_summary *s)
{
    return s->shards ? s->selection->all_shards : s->selection->tests;
}

static const char *since_label(const struct ptd_summary *s)
{
    return s->since ? s->since->label : NULL;
}

/* What else there is to say about a difference of git's. */
static void add_since(const struct ptd_summary *s, struct ptd_buf *out)
{
    if (!since_label(s))
        return;
    if (s->since->elsewhere)
        ptd_buf_addf(out, "%s%zu of them last recorded in neither state", out->len ? "; " : "",
                     s->since->elsewhere);
    if (s->since->left_out)
        ptd_buf_addf(out, "%s%zu affected by other changes left out", out->len ? "; " : "",
                     s->since->left_out);
}

void ptd_summary_since_text(const struct ptd_summary *s, struct ptd_buf *out)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (since_label(s))
        ptd_buf_addf(out, " %s", since_label(s));
    add_since(s, &text);
    if (text.len)
        ptd_buf_addf(out, " (%s)", text.data);
}

static void add_counts(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    const char *label = since_label(s), *blank = label ? " " : "";
    size_t files = sel->count - sel->tests, tests = running(s);
    label = label ? label : "";
    size_t affected = tests + (s->shards ? 0 : sel->all_passed);
    if (affected || !files)
        ptd_buf_addf(out, "%zu of %zu test%s affected%s%s", affected, sel->total,
                     plural(sel->total), blank, label);
    if (sel->all_passed && !s->shards)
        ptd_buf_addf(out, ", %zu of them passed elsewhere in this state", sel->all_passed);
    if (files) {
        const char *kind = sel->new_files == files ? "new " : "";
        ptd_buf_addf(out, "%s%zu %stest file%s to collect", affected ? ", " : "", files, kind,
                     plural(files));
        if (!affected)
            ptd_buf_addf(out, ", 0 of %zu known test%s affected%s%s", sel->total,
                         plural(sel->total), blank, label);
    }
}

static void add_first(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_addf(out, "running all %zu tests, ", sel->total);
    if (sel->affected)
        ptd_buf_addf(out, "%zu affected%s%s first", sel->affected, since_label(s) ? " " : "",
                     since_label(s) ? since_label(s) : "");
    else
        ptd_buf_adds(out, "none of them affected");
}

/* What is behind the counts, in parentheses: causes, and what does not run. */
static void add_remarks(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    add_causes(s, &text);
    if (sel->outside)
        ptd_buf_addf(&text, "%s%zu more affected outside the given paths", text.len ? "; " : "",
                     sel->outside);
    if (sel->left_out)
        ptd_buf_addf(&text, "%s%zu affected end-to-end test%s left out", text.len ? "; " : "",
                     sel->left_out, plural(sel->left_out));
    add_since(s, &text);
    if (text.len)
        ptd_buf_addf(out, " (%s)", text.data);
}

static void add_shard(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    if (!s->shards)
        return;
    ptd_buf_addf(out, ", shard %u/%u runs ", s->shard, s->shards);
    if (!sel->all_shards)
        ptd_buf_adds(out, "its part");
    else if (sel->tests)
        ptd_buf_addf(out, "%zu of them", sel->tests);
    else
        ptd_buf_adds(out, "none of them");
    if (sel->all_passed)
        ptd_buf_addf(out, ", %zu of its own passed elsewhere in this state", sel->all_passed);
    if (sel->all_shards && sel->count > sel->tests)
        ptd_buf_adds(out, " and its part of the new ones");
}

/* ", about 12 s". Tests that were never timed can only add to it; how many files hold is unknown.
 */
static void add_estimate(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    bool open_ended = sel->unknown || sel->count > sel->tests;
    if (s->narrowed || sel->known_us < NOTEWORTHY_US)
        return;
    ptd_buf_adds(out, open_ended ? ", " : ", about ");
    ptd_duration_add(sel->known_us, out);
    ptd_buf_adds(out, s->parallel ? " of test time" : "");
    ptd_buf_adds(out, open_ended ? " or more" : "");
}

static void add_nothing(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    const char *label = since_label(s), *blank = label ? " " : "";
    label = label ? label : "";
    if (sel->all_passed)
        ptd_buf_addf(out,
                     "nothing to run (%zu of %zu test%s affected%s%s, passed elsewhere in this"
                     " state",
                     sel->all_passed, sel->total, plural(sel->total), blank, label);
    else
        ptd_buf_addf(out, "no tests affected%s%s (0 of %zu", blank, label, sel->total);
    if (s->changed_files)
        ptd_buf_addf(out, "; %zu file%s changed", s->changed_files, plural(s->changed_files));
    else
        ptd_buf_adds(out, "; nothing changed");
    if (sel->outside)
        ptd_buf_addf(out, "; %zu affected outside the given paths", sel->outside);
    if (sel->left_out)
        ptd_buf_addf(out, "; %zu affected end-to-end test%s left out", sel->left_out,
                     plural(sel->left_out));
    add_since(s, out);
    ptd_buf_addc(out, ')');
}

void ptd_summary_line(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_adds(out, "pyt-diff: ");
    if (s->no_data && s->shards) {
        ptd_buf_addf(out, "no data for %s yet: running shard %u/%u of all tests and recording",
                     s->python, s->shard, s->shards);
    } else if (s->no_data) {
        ptd_buf_addf(out, "no data for %s yet: running all tests and recording", s->python);
    } else if (s->everything) {
        ptd_buf_adds(out, "running all tests, as asked");
        add_shard(s, out);
        add_estimate(s, out);
    } else if (!s->first && sel->count == 0 && !running(s)) {
        add_nothing(s, out);
    } else {
        if (s->first)
            add_first(s, out);
        else
            add_counts(s, out);
        add_remarks(s, out);
        add_shard(s, out);
        add_estimate(s, out);
    }
    ptd_buf_addc(out, '\n');
}

/* Of a shard nobody knows what the others have saved; what pytest leaves out by itself it would
 * have left out anyway. */
uint64_t ptd_summary_spared(const struct ptd_summary *s)
{
    const struct ptd_selection *sel = s->selection;
    if (s->no_data || s->everything || s->first || s->shards || s->narrowed ||
        sel->total <= sel->tests)
        return 0;
    return sel->spared_us;
}

void ptd_summary_saved(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    if (ptd_summary_spared(s) <= NOTEWORTHY_US)
        return;
    size_t count = sel->total - sel->tests;
    ptd_buf_addf(out, "pyt-diff: %zu test%s not run, about ", count, plural(count));
    ptd_duration_add(sel->spared_us, out);
    ptd_buf_adds(out, s->parallel ? " of test time saved\n" : " saved\n");
}

void ptd_summary_reasons(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    for (size_t i = 0; i < sel->count; i++)
        ptd_buf_addf(out, "  %s: %s\n", sel->items[i].name, ptd_summary_reason(s, &sel->items[i]));
}

void ptd_summary_list(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    for (size_t i = 0; i < sel->count; i++)
        ptd_buf_addf(out, "%s\n", sel->items[i].name);
    if (sel->count)
        ptd_buf_addc(out, '\n');
    ptd_buf_addf(out, "%zu/%zu tests", sel->tests, sel->total);
    if (s->first)
        ptd_buf_addf(out, ", %zu affected", sel->affected);
    else
        ptd_buf_adds(out, " affected");
    if (sel->all_passed)
        ptd_buf_addf(out, ", %zu more passed elsewhere", sel->all_passed);
    if (s->shards)
        ptd_buf_addf(out, " in shard %u/%u", s->shard, s->shards);
    size_t files = sel->count - sel->tests;
    if (files)
        ptd_buf_addf(out, ", %zu file%s to collect", files, plural(files));
    ptd_buf_addc(out, '\n');
}

void ptd_summary_since_json(const struct ptd_summary_since *since, struct ptd_buf *out)
{
    ptd_buf_adds(out, "{\"request\":");
    ptd_json_string(out, since->request);
    if (since->ref) {
        ptd_buf_adds(out, ",\"ref\":");
        ptd_json_string(out, since->ref);
    }
    if (since->commit)
        ptd_buf_addf(out, ",\"commit\":\"%s\"", since->commit);
    if (since->problem) {
        ptd_buf_adds(out, ",\"compared_with\":\"records\",\"problem\":");
        ptd_json_string(out, since->problem);
    } else {
        ptd_buf_addf(out, ",\"compared_with\":\"git\",\"recorded_elsewhere\":%zu,\"left_out\":%zu",
                     since->elsewhere, since->left_out);
    }
    ptd_buf_addc(out, '}');
}

void ptd_summary_item_json(const struct ptd_summary *s, const struct ptd_selected *item,
                           struct ptd_buf *out)
{
    ptd_buf_adds(out, item->is_file ? "\"path\":" : "\"nodeid\":");
    ptd_json_string(out, item->name);
    ptd_buf_addf(out, ",\"reason\":\"%s\",\"detail\":", ptd_summary_slug(item->reason));
    ptd_json_string(out, ptd_summary_reason(s, item));
    if (item->duration_us)
        ptd_buf_addf(out, ",\"duration\":%.6f", (double)item->duration_us / 1e6);
}

static void add_json_item(const struct ptd_summary *s, const struct ptd_selected *item,
                          struct ptd_buf *out)
{
    ptd_buf_addc(out, '{');
    ptd_summary_item_json(s, item, out);
    ptd_buf_addc(out, '}');
}

void ptd_summary_items_json(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_adds(out, "\"tests\":[");
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
    ptd_buf_addc(out, ']');
}

static void add_json_head(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_addf(out, "\"version\":1,\"total\":%zu,\"affected\":%zu,\"changed_files\":%zu",
                 sel->total, s->first ? sel->affected : sel->tests, s->changed_files);
    ptd_buf_addf(out, ",\"no_data\":%s", s->no_data ? "true" : "false");
    if (s->since) {
        ptd_buf_adds(out, ",\"since\":");
        ptd_summary_since_json(s->since, out);
    }
}

static void add_json_tail(const struct ptd_summary *s, struct ptd_buf *out)
{
    const struct ptd_selection *sel = s->selection;
    ptd_buf_addf(out, ",\"seconds\":%.6f,\"untimed\":%zu", (double)sel->known_us / 1e6,
                 sel->unknown);
    if (sel->all_passed)
        ptd_buf_addf(out, ",\"passed_elsewhere\":%zu", sel->all_passed);
    if (s->shards)
        ptd_buf_addf(out, ",\"shard\":{\"index\":%u,\"count\":%u,\"split\":\"%016" PRIx64 "\"}",
                     s->shard, s->shards, sel->split);
}

void ptd_summary_json(const struct ptd_summary *s, struct ptd_buf *out)
{
    ptd_buf_addc(out, '{');
    add_json_head(s, out);
    ptd_buf_addc(out, ',');
    ptd_summary_items_json(s, out);
    add_json_tail(s, out);
    ptd_buf_adds(out, "}\n");
}

void ptd_summary_facts_json(const struct ptd_summary *s, struct ptd_buf *out)
{
    add_json_head(s, out);
    add_json_tail(s, out);
}
