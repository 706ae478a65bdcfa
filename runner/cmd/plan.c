#include "cmd/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/setting_table.h"
#include "contract/plan.h"
#include "select/order.h"

/* Slower tests than this are worth a place of their own among the workers, in microseconds. */
#define SLOW_US 100000

static void add_list(struct ptd_buf *out, const char *key, const char *const *items, size_t count)
{
    ptd_buf_addf(out, ",\n\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        ptd_buf_adds(out, i ? ",\n" : "\n");
        ptd_json_string(out, items[i]);
    }
    ptd_buf_addc(out, ']');
}

static size_t length(const char *const *strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

/* Unaffected tests, and those that passed elsewhere. */
static void add_deselected(struct ptd_buf *out, const struct ptd_plan *plan)
{
    const struct ptd_selection *s = plan->selection;
    ptd_buf_adds(out, ",\n\"deselect\":[");
    for (size_t i = 0; plan->select && i < s->deselect_count + s->passed_count; i++) {
        ptd_buf_adds(out, i ? ",\n" : "\n");
        ptd_json_string(out,
                        i < s->deselect_count ? s->deselect[i] : s->passed[i - s->deselect_count]);
    }
    ptd_buf_addc(out, ']');
}

static void add_shard(struct ptd_buf *out, const struct ptd_plan *plan)
{
    const struct ptd_selection *s = plan->selection;
    ptd_buf_addf(out, ",\n\"shard\":%u,\n\"shards\":%u,\n\"here\":[", plan->shard, plan->shards);
    for (size_t i = 0; plan->shards && i < s->tests; i++) {
        ptd_buf_adds(out, i ? ",\n" : "\n");
        ptd_json_string(out, s->items[i].name);
    }
    ptd_buf_addc(out, ']');
    add_list(out, "elsewhere", s->elsewhere, plan->shards ? s->elsewhere_count : 0);
}

/* The tests are sorted already (select/order.h). */
static void add_order(struct ptd_buf *out, const struct ptd_plan *plan)
{
    const struct ptd_selection *s = plan->selection;
    size_t at = 0;
    ptd_buf_addf(out, ",\n\"first\":%s,\n\"order\":[", plan->first ? "true" : "false");
    for (int rank = PTD_ORDER_FAILED; plan->first && rank <= PTD_ORDER_REST; rank++) {
        ptd_buf_adds(out, rank ? ",\n[" : "\n[");
        for (size_t from = at; at < s->tests && (int)ptd_order_rank_of(&s->items[at]) == rank;
             at++) {
            ptd_buf_adds(out, at > from ? ",\n" : "");
            ptd_json_string(out, s->items[at].name);
        }
        ptd_buf_addc(out, ']');
    }
    ptd_buf_addc(out, ']');
}

static int slower(const void *a, const void *b)
{
    const struct ptd_selected *x = *(const struct ptd_selected *const *)a;
    const struct ptd_selected *y = *(const struct ptd_selected *const *)b;
    if (x->duration_us != y->duration_us)
        return x->duration_us > y->duration_us ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void add_slow(struct ptd_buf *out, const struct ptd_plan *plan)
{
    const struct ptd_selection *s = plan->selection;
    const struct ptd_selected **slow = ptd_xcalloc(s->tests + 1, sizeof(*slow));
    size_t count = 0;
    for (size_t i = 0; plan->spread && !plan->first && i < s->tests; i++)
        if (s->items[i].duration_us >= SLOW_US)
            slow[count++] = &s->items[i];
    qsort(slow, count, sizeof(*slow), slower);
    ptd_buf_adds(out, ",\n\"slow\":[");
    for (size_t i = 0; i < count; i++) {
        ptd_buf_adds(out, i ? ",\n[" : "\n[");
        ptd_json_string(out, slow[i]->name);
        ptd_buf_addf(out, ",%.3f]", (double)slow[i]->duration_us / 1e6);
    }
    ptd_buf_addc(out, ']');
    free(slow);
}

static void add_settings(struct ptd_buf *out)
{
    const char *comma = "";
    ptd_buf_adds(out, ",\n\"settings\":[");
    for (size_t i = 0; i < ptd_setting_count; i++) {
        if (!ptd_setting_table[i].pytest)
            continue;
        ptd_buf_adds(out, comma);
        ptd_json_string(out, ptd_setting_table[i].pytest);
        comma = ",";
    }
    ptd_buf_addc(out, ']');
}

static void add_reports(struct ptd_buf *out, const struct ptd_plan *plan)
{
    const struct ptd_run_report *r = plan->reasons;
    ptd_buf_addf(out, ",\n\"reports\":%s", plan->reports ? "true" : "false");
    if (!r)
        return;
    ptd_buf_addf(out, ",\n\"total\":%zu,\n\"selected\":%zu,\n\"reasons\":{", r->total, r->selected);
    for (size_t i = 0; i < r->count; i++) {
        ptd_buf_adds(out, i ? ",\n" : "\n");
        ptd_json_string(out, r->items[i].name);
        ptd_buf_addc(out, ':');
        ptd_json_string(out, r->items[i].reason);
    }
    ptd_buf_adds(out, "},\n\"otherwise\":");
    ptd_json_string(out, r->otherwise);
}

static int write_file(const char *path, const struct ptd_buf *text, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->data + done, text->len - done);
        if (n < 0)
            return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
        done += (size_t)n;
    }
    return 0;
}

int ptd_plan_write(const char *session_dir, const struct ptd_plan *plan, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *path = ptd_path_join(session_dir, PTD_PLAN_FILE);
    const struct ptd_selection *s = plan->selection;
    ptd_buf_addf(&out, "{\"version\":%d,\n\"rootdir\":", PTD_PLAN_VERSION);
    ptd_json_string(&out, plan->rootdir);
    ptd_buf_addf(&out, ",\n\"record\":%s,\n\"lines\":%s,\n\"select\":%s,\n\"ignored_tests\":%zu",
                 plan->record ? "true" : "false", plan->lines ? "true" : "false",
                 plan->select ? "true" : "false", plan->select ? s->ignored_tests : 0);
    add_list(&out, "ignore", s->ignore, plan->select ? s->ignore_count : 0);
    add_deselected(&out, plan);
    add_list(&out, "keep", plan->keep, length(plan->keep));
    add_list(&out, "markers", plan->markers, length(plan->markers));
    add_settings(&out);
    add_shard(&out, plan);
    add_order(&out, plan);
    add_slow(&out, plan);
    add_reports(&out, plan);
    ptd_buf_adds(&out, "}\n");
    return write_file(path, &out, err);
}
