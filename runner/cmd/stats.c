/* `pyt-diff stats`: numbers about the tests that are recorded. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/prior.h"
#include "cmd/questions.h"
#include "report/duration.h"
#include "store/details.h"

#define SLOWEST  10
#define OUTCOMES 6

struct timed {
    ptd_id node;
    uint64_t us;
};

/* The newest record of each test in one environment. */
struct environment {
    ptd_id id, last_node;
    char *name; /* owned */
    size_t tests, records, outcomes[OUTCOMES];
    uint64_t us;
    struct timed slowest[SLOWEST]; /* the slowest first */
    size_t slowest_count;
};

struct stats {
    struct ptd_store *store;
    struct ptd_map nodes; /* id of a test → 0 */
    struct ptd_map names; /* id of one of the slowest → position in `texts` */
    char **texts;         /* owned */
    size_t text_cap;
    size_t test_files, sources, others, runs, baselines, flaky, flakes;
    struct environment *environments; /* owned */
    size_t count, cap;
    struct environment *current;
    char last_run[32];
    uint64_t saved_us;
    size_t saving_runs;
};

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct stats *s = arg;
    s->test_files += node->is_file;
    if (!node->is_file)
        ptd_map_put(&s->nodes, &node->id, sizeof(node->id), 0, NULL);
    return 0;
}

static int see_environment(ptd_id id, const char *name, void *arg)
{
    struct stats *s = arg;
    s->environments = ptd_xgrow(s->environments, &s->cap, s->count + 1, sizeof(*s->environments));
    s->environments[s->count++] = (struct environment){.id = id, .name = ptd_xstrdup(name)};
    return 0;
}

static void rank(struct environment *e, ptd_id node, uint64_t us)
{
    size_t at = e->slowest_count;
    while (at > 0 && e->slowest[at - 1].us < us)
        at--;
    if (at == SLOWEST)
        return;
    size_t last = e->slowest_count < SLOWEST ? e->slowest_count++ : SLOWEST - 1;
    memmove(&e->slowest[at + 1], &e->slowest[at], (last - at) * sizeof(e->slowest[0]));
    e->slowest[at] = (struct timed){node, us};
}

static int see_record(const struct ptd_record *r, void *arg)
{
    struct stats *s = arg;
    struct environment *e = s->current;
    if (ptd_map_find(&s->nodes, &r->node, sizeof(r->node)) == PTD_MAP_NONE)
        return 0;
    e->records++;
    if (r->node == e->last_node)
        return 0;
    e->last_node = r->node;
    e->tests++;
    e->us += r->duration_us;
    if (r->outcome >= 0 && r->outcome < OUTCOMES)
        e->outcomes[r->outcome]++;
    rank(e, r->node, r->duration_us);
    return 0;
}

static int see_run(const struct ptd_store_run *run, void *arg)
{
    struct stats *s = arg;
    s->runs++;
    s->baselines += run->baseline;
    if (strcmp(run->started, s->last_run) > 0)
        strncpy(s->last_run, run->started, sizeof(s->last_run) - 1);
    return 0;
}

static int see_flaky(const struct ptd_store_flaky *f, void *arg)
{
    struct stats *s = arg;
    s->flaky++;
    s->flakes += (size_t)f->times;
    return 0;
}

static int see_name(const struct ptd_store_node *node, void *arg)
{
    struct stats *s = arg;
    size_t at = ptd_map_find(&s->names, &node->id, sizeof(node->id));
    if (at != PTD_MAP_NONE)
        s->texts[at] = ptd_xstrdup(node->name);
    return 0;
}

static int load_saved(struct stats *s, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *text = NULL;
    char *end = NULL;
    if (ptd_store_meta_get(s->store, PTD_SAVED_KEY, &text, err) < 0)
        return -1;
    if (text) {
        s->saved_us = strtoull(text, &end, 10);
        s->saving_runs = strtoull(end, NULL, 10);
    }
    return 0;
}

static int load(struct stats *s, struct ptd_err *err)
{
    if (ptd_store_each_node(s->store, see_node, s, err) < 0 ||
        ptd_store_count_files(s->store, &s->sources, &s->others, err) < 0 ||
        ptd_store_each_environment(s->store, see_environment, s, err) < 0 ||
        ptd_store_each_run(s->store, see_run, s, err) < 0 ||
        ptd_store_each_flaky(s->store, see_flaky, s, err) < 0 || load_saved(s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->count; i++) {
        s->current = &s->environments[i];
        if (ptd_store_each_record(s->store, s->current->id, see_record, s, err) < 0)
            return -1;
        for (size_t k = 0; k < s->current->slowest_count; k++)
            ptd_map_put(&s->names, &s->current->slowest[k].node, sizeof(ptd_id), 0, NULL);
    }
    s->texts = ptd_xcalloc(s->names.count + 1, sizeof(char *));
    return ptd_store_each_node(s->store, see_name, s, err);
}

static const char *name_of(const struct stats *s, ptd_id node)
{
    size_t at = ptd_map_find(&s->names, &node, sizeof(node));
    return at == PTD_MAP_NONE || !s->texts[at] ? "" : s->texts[at];
}

static uint64_t size_of(const struct stats *s)
{
    struct stat st;
    return stat(ptd_store_path(s->store), &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* ---- the answer ---- */

static void add_outcomes(const struct environment *e, struct ptd_buf *out)
{
    const char *comma = "";
    for (int i = 0; i < OUTCOMES; i++) {
        if (!e->outcomes[i])
            continue;
        ptd_buf_addf(out, "%s%zu %s", comma, e->outcomes[i], ptd_outcome_name(i));
        comma = ", ";
    }
}

static void add_environment(const struct stats *s, const struct environment *e, struct ptd_buf *out)
{
    ptd_buf_addf(out, "%s\n  %-12s%zu", e->name, "tests", e->tests);
    ptd_buf_adds(out, e->tests ? ": " : "");
    add_outcomes(e, out);
    ptd_buf_addf(out, "\n  %-12s%zu\n  %-12s", "records", e->records, "time");
    ptd_duration_add(e->us, out);
    ptd_buf_adds(out, " for all tests, as they last ran\n  slowest\n");
    for (size_t i = 0; i < e->slowest_count; i++) {
        ptd_buf_adds(out, "    ");
        ptd_buf_addf(out, "%.3f s  %s\n", (double)e->slowest[i].us / 1e6,
                     name_of(s, e->slowest[i].node));
    }
}

static void add_text(const struct stats *s, struct ptd_buf *out)
{
    ptd_buf_addf(out, "%-14s%s, %.1f kB\n", "database", ptd_store_path(s->store),
                 (double)size_of(s) / 1000);
    ptd_buf_addf(out, "%-14s%zu, %zu baseline%s", "runs", s->runs, s->baselines,
                 s->baselines == 1 ? "" : "s");
    if (s->last_run[0])
        ptd_buf_addf(out, ", last %s UTC", s->last_run);
    ptd_buf_addf(out, "\n%-14s%zu with tests; tests depend on %zu of Python, %zu of other kinds\n",
                 "files", s->test_files, s->sources, s->others);
    ptd_buf_addf(out, "%-14s%zu test%s, %zu time%s\n", "flaky", s->flaky, s->flaky == 1 ? "" : "s",
                 s->flakes, s->flakes == 1 ? "" : "s");
    ptd_buf_addf(out, "%-14s", "saved");
    ptd_duration_add(s->saved_us, out);
    ptd_buf_addf(out, " of test time in %zu run%s\n", s->saving_runs,
                 s->saving_runs == 1 ? "" : "s");
    for (size_t i = 0; i < s->count; i++)
        add_environment(s, &s->environments[i], out);
}

static void add_environment_json(const struct stats *s, const struct environment *e,
                                 struct ptd_buf *out)
{
    const char *comma = "";
    ptd_buf_adds(out, "{\"name\":");
    ptd_json_string(out, e->name);
    ptd_buf_addf(out, ",\"tests\":%zu,\"records\":%zu,\"seconds\":%.6f,\"outcomes\":{", e->tests,
                 e->records, (double)e->us / 1e6);
    for (int i = 0; i < OUTCOMES; i++) {
        if (!e->outcomes[i])
            continue;
        ptd_buf_addf(out, "%s\"%s\":%zu", comma, ptd_outcome_name(i), e->outcomes[i]);
        comma = ",";
    }
    ptd_buf_adds(out, "},\"slowest\":[");
    for (size_t i = 0; i < e->slowest_count; i++) {
        ptd_buf_adds(out, i ? ",{\"nodeid\":" : "{\"nodeid\":");
        ptd_json_string(out, name_of(s, e->slowest[i].node));
        ptd_buf_addf(out, ",\"duration\":%.6f}", (double)e->slowest[i].us / 1e6);
    }
    ptd_buf_adds(out, "]}");
}

static void add_json(const struct stats *s, struct ptd_buf *out)
{
    ptd_buf_adds(out, "{\"version\":1,\"database\":");
    ptd_json_string(out, ptd_store_path(s->store));
    ptd_buf_addf(out, ",\"size\":%llu,\"runs\":%zu,\"baselines\":%zu,\"last_run\":",
                 (unsigned long long)size_of(s), s->runs, s->baselines);
    if (s->last_run[0])
        ptd_json_string(out, s->last_run);
    else
        ptd_buf_adds(out, "null");
    ptd_buf_addf(out, ",\"test_files\":%zu,\"sources\":%zu,\"other_files\":%zu", s->test_files,
                 s->sources, s->others);
    ptd_buf_addf(out, ",\"flaky\":{\"tests\":%zu,\"times\":%zu}", s->flaky, s->flakes);
    ptd_buf_addf(out, ",\"saved\":{\"seconds\":%.6f,\"runs\":%zu},\"environments\":[",
                 (double)s->saved_us / 1e6, s->saving_runs);
    for (size_t i = 0; i < s->count; i++) {
        ptd_buf_adds(out, i ? "," : "");
        add_environment_json(s, &s->environments[i], out);
    }
    ptd_buf_adds(out, "]}\n");
}

int ptd_cmd_stats(struct ptd_options *options, int *status, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct stats s = {0};
    *status = 0;
    if (ptd_inspect_open(options, options->words[0], &s.store, err) < 0)
        return -1;
    int failed = load(&s, err);
    if (!failed) {
        (options->json ? add_json : add_text)(&s, &out);
        failed = ptd_cmd_answer(&out, err);
    }
    for (size_t i = 0; i < s.count; i++)
        free(s.environments[i].name);
    for (size_t i = 0; s.texts && i < s.names.count; i++)
        free(s.texts[i]);
    free(s.texts);
    free(s.environments);
    ptd_map_release(&s.nodes);
    ptd_map_release(&s.names);
    ptd_store_close(s.store);
    return failed;
}
