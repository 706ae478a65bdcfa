#include "cmd/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "cmd/databases.h"
#include "cmd/inspect_parts.h"
#include "cmd/prior.h"
#include "config/project.h"
#include "record/settle.h"
#include "remote/remote.h"
#include "store/transplant.h"
#include "store/unsettled.h"

/* One environment's records, counted. */
struct environment {
    ptd_id id;
    char *name; /* owned */
    size_t tests, files, records, baseline, outcomes[6];
    ptd_id last_node;
};

struct summary {
    struct ptd_store *store;
    const char *name;                 /* of the database, as it was given */
    struct environment *environments; /* owned */
    size_t environment_count, environment_cap;
    struct ptd_map test_nodes; /* ids of nodes that are tests */
    size_t tests, test_files, sources, others, dependencies, sets, runs, baselines;
    uint64_t size;
    const char *comma;
    struct ptd_buf list; /* of baselines, then of flaky tests */
    bool json;
    struct environment *current;
};

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct summary *s = arg;
    *(node->is_file ? &s->test_files : &s->tests) += 1;
    if (!node->is_file)
        ptd_map_put(&s->test_nodes, &node->id, sizeof(node->id), 1, NULL);
    return 0;
}

static int see_environment(ptd_id id, const char *name, void *arg)
{
    struct summary *s = arg;
    s->environments = ptd_xgrow(s->environments, &s->environment_cap, s->environment_count + 1,
                                sizeof(*s->environments));
    s->environments[s->environment_count++] =
        (struct environment){.id = id, .name = ptd_xstrdup(name)};
    return 0;
}

static int see_record(const struct ptd_record *r, void *arg)
{
    struct summary *s = arg;
    struct environment *e = s->current;
    bool test = ptd_map_find(&s->test_nodes, &r->node, sizeof(r->node)) != PTD_MAP_NONE;
    e->records++;
    e->baseline += r->baseline && test;
    if (r->node == e->last_node)
        return 0;
    e->last_node = r->node;
    *(test ? &e->tests : &e->files) += 1;
    if (test && r->outcome >= 0 && r->outcome < 6)
        e->outcomes[r->outcome]++;
    return 0;
}

static int see_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    struct summary *s = arg;
    struct ptd_reader r = ptd_reader_init(data, len);
    (void)id;
    s->sets++;
    while (r.pos < r.end && !r.bad) {
        ptd_reader_varint(&r);
        s->dependencies += !r.bad;
    }
    return 0;
}

static int see_run(const struct ptd_store_run *run, void *arg)
{
    struct summary *s = arg;
    s->runs++;
    if (!run->baseline)
        return 0;
    s->baselines++;
    if (s->json) {
        ptd_buf_addf(&s->list, "%s{\"date\":\"%s\",\"commit\":", s->comma, run->started);
        if (run->commit)
            ptd_json_string(&s->list, run->commit);
        else
            ptd_buf_adds(&s->list, "null");
        ptd_buf_addc(&s->list, '}');
    } else {
        ptd_buf_addf(&s->list, "  %s UTC  %s\n", run->started,
                     run->commit ? run->commit : "no commit");
    }
    s->comma = ",";
    return 0;
}

static const char *environment_name(const struct summary *s, ptd_id id)
{
    for (size_t i = 0; i < s->environment_count; i++)
        if (s->environments[i].id == id)
            return s->environments[i].name;
    return "";
}

static int see_flaky(const struct ptd_store_flaky *f, void *arg)
{
    struct summary *s = arg;
    const char *before = ptd_outcome_name(f->before);
    if (s->json) {
        ptd_buf_addf(&s->list, "%s{\"nodeid\":", s->comma);
        ptd_json_string(&s->list, f->name);
        ptd_buf_adds(&s->list, ",\"environment\":");
        ptd_json_string(&s->list, environment_name(s, f->environment));
        ptd_buf_addf(&s->list, ",\"times\":%lld,\"last\":\"%s\",\"before\":\"%s\"",
                     (long long)f->times, f->last, before);
        ptd_buf_addf(&s->list, ",\"after\":\"%s\"}", ptd_outcome_name(f->after));
    } else {
        ptd_buf_addf(&s->list, "  %s  %lld time%s, last %s UTC", f->name, (long long)f->times,
                     f->times == 1 ? "" : "s", f->last);
        ptd_buf_addf(&s->list, " (%s, then %s)\n", before, ptd_outcome_name(f->after));
    }
    s->comma = ",";
    return 0;
}

static int count(struct summary *s, struct ptd_err *err)
{
    struct stat st;
    if (stat(s->name, &st) == 0 || stat(ptd_store_path(s->store), &st) == 0)
        s->size = (uint64_t)st.st_size;
    if (ptd_store_each_node(s->store, see_node, s, err) < 0 ||
        ptd_store_count_files(s->store, &s->sources, &s->others, err) < 0 ||
        ptd_store_each_environment(s->store, see_environment, s, err) < 0 ||
        ptd_store_each_depset(s->store, see_depset, s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->environment_count; i++) {
        s->current = &s->environments[i];
        if (ptd_store_each_record(s->store, s->current->id, see_record, s, err) < 0)
            return -1;
    }
    return 0;
}

static void add_outcomes(const struct environment *e, struct ptd_buf *out)
{
    const char *comma = "";
    for (int i = 0; i < 6; i++) {
        if (!e->outcomes[i])
            continue;
        ptd_buf_addf(out, "%s%zu %s", comma, e->outcomes[i], ptd_outcome_name(i));
        comma = ", ";
    }
}

static void add_text(const struct summary *s, struct ptd_buf *out)
{
    ptd_buf_addf(out, "%s\n", s->name);
    ptd_buf_addf(out, "%-14s%.1f kB\n", "size", (double)s->size / 1000);
    ptd_buf_addf(out, "%-14s%zu in %zu file%s\n", "tests", s->tests, s->test_files,
                 s->test_files == 1 ? "" : "s");
    ptd_buf_addf(out, "%-14s%zu of Python, %zu of other kinds\n", "files", s->sources, s->others);
    ptd_buf_addf(out, "%-14s%zu in %zu sets\n", "dependencies", s->dependencies, s->sets);
    ptd_buf_addf(out, "environments\n");
    for (size_t i = 0; i < s->environment_count; i++) {
        const struct environment *e = &s->environments[i];
        ptd_buf_addf(out, "  %s: %zu test%s, %zu record%s", e->name, e->tests,
                     e->tests == 1 ? "" : "s", e->records, e->records == 1 ? "" : "s");
        if (e->tests)
            ptd_buf_adds(out, "; ");
        add_outcomes(e, out);
        if (e->baseline)
            ptd_buf_addf(out, "; %zu in the baseline", e->baseline);
        ptd_buf_addc(out, '\n');
    }
}

static void add_json(const struct summary *s, struct ptd_buf *out)
{
    ptd_buf_adds(out, "{\"version\":1,\"database\":");
    ptd_json_string(out, s->name);
    ptd_buf_addf(out, ",\"size\":%llu,\"tests\":%zu,\"test_files\":%zu",
                 (unsigned long long)s->size, s->tests, s->test_files);
    ptd_buf_addf(out, ",\"sources\":%zu,\"other_files\":%zu,\"dependencies\":%zu,\"sets\":%zu",
                 s->sources, s->others, s->dependencies, s->sets);
    ptd_buf_adds(out, ",\"environments\":[");
    for (size_t i = 0; i < s->environment_count; i++) {
        const struct environment *e = &s->environments[i];
        ptd_buf_adds(out, i ? ",{\"name\":" : "{\"name\":");
        ptd_json_string(out, e->name);
        ptd_buf_addf(out, ",\"tests\":%zu,\"records\":%zu,\"baseline\":%zu,\"outcomes\":{",
                     e->tests, e->records, e->baseline);
        const char *comma = "";
        for (int k = 0; k < 6; k++)
            if (e->outcomes[k]) {
                ptd_buf_addf(out, "%s\"%s\":%zu", comma, ptd_outcome_name(k), e->outcomes[k]);
                comma = ",";
            }
        ptd_buf_adds(out, "}}");
    }
    ptd_buf_addc(out, ']');
}

/* A list that a visitor writes to s->list, under its name. */
static void add_list(struct summary *s, const char *name, struct ptd_buf *out)
{
    const char *items = s->list.data ? s->list.data : "";
    if (s->json)
        ptd_buf_addf(out, ",\"%s\":[", name);
    else
        ptd_buf_addf(out, "%s\n", name);
    ptd_buf_adds(out, !s->json && !*items ? "  none\n" : items);
    if (s->json)
        ptd_buf_addc(out, ']');
    ptd_buf_reset(&s->list);
    s->comma = "";
}

static int summarise(struct ptd_store *store, const char *name, bool json, struct ptd_buf *out,
                     struct ptd_err *err)
{
    struct summary s = {.store = store, .name = name, .json = json, .comma = ""};
    int failed = count(&s, err) < 0 || ptd_store_each_run(store, see_run, &s, err) < 0;
    if (!failed) {
        (json ? add_json : add_text)(&s, out);
        add_list(&s, "baselines", out);
        failed = ptd_store_each_flaky(store, see_flaky, &s, err) < 0;
        add_list(&s, "flaky", out);
        if (json)
            ptd_buf_adds(out, "}\n");
    }
    for (size_t i = 0; i < s.environment_count; i++)
        free(s.environments[i].name);
    free(s.environments);
    ptd_map_release(&s.test_nodes);
    ptd_buf_release(&s.list);
    return failed ? -1 : 0;
}

/* The database that is meant: a file or URL, a directory that holds one, or that of the project. */
static int find_database(const struct ptd_options *o, const char *name, struct ptd_databases *list,
                         struct ptd_err *err)
{
    struct stat st;
    struct ptd_project project;
    PTD_CLEANUP_FREE char *path = NULL;
    if (!name) {
        if (ptd_project_find(o, &project, err) < 0)
            return -1;
        path = ptd_path_join(project.cache_dir, "pyt-diff.db");
        ptd_project_release(&project);
        if (access(path, F_OK) < 0) {
            ptd_err_sys(err, PTD_E_STORE, "cannot open %s", path);
            return ptd_err_hint(err, "nothing is recorded yet; run pyt-diff once");
        }
        return ptd_databases_add(list, path, err);
    }
    bool directory = !ptd_remote_is_url(name) && stat(name, &st) == 0 && S_ISDIR(st.st_mode);
    path = directory ? ptd_path_join(name, "pyt-diff.db") : ptd_xstrdup(name);
    if (ptd_databases_add(list, path, err) < 0)
        return -1;
    return list->count == 1 ? 0
                            : ptd_err_set(err, PTD_E_USAGE, "there are %zu databases in %s",
                                          list->count, list->items[0].name);
}

/* Settled for good where it is the project's own and can be written to, else in a copy. */
static int settle(struct ptd_databases *list, bool own, struct ptd_err *err)
{
    struct ptd_database *item = &list->items[0];
    bool needed, settled = false;
    if (own && ptd_settle_in_place(item->store, &settled, err) < 0)
        return -1;
    if (settled)
        return 0;
    if (ptd_store_unsettled_any(item->store, &needed, err) < 0)
        return -1;
    if (!needed)
        return 0;
    if (!list->scratch.dir && ptd_scratch_make(&list->scratch, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *copy = ptd_scratch_name(&list->scratch);
    if (ptd_store_copy_to(item->store, copy, err) < 0)
        return -1;
    ptd_store_close(item->store);
    item->store = NULL;
    return ptd_store_open_existing(copy, &item->store, err) < 0
               ? -1
               : ptd_settle_store(item->store, err);
}

static int open_database(const struct ptd_options *options, const char *name,
                         struct ptd_databases *list, struct ptd_err *err)
{
    if (find_database(options, name, list, err) < 0 || ptd_databases_open(list, err) < 0)
        return -1;
    return settle(list, !name, err);
}

int ptd_inspect_open(const struct ptd_options *options, const char *name, struct ptd_store **out,
                     struct ptd_err *err)
{
    struct ptd_databases list = {0};
    int failed = open_database(options, name, &list, err);
    if (!failed) {
        *out = list.items[0].store; /* a temporary file is there as long as it is open */
        list.items[0].store = NULL;
    }
    ptd_databases_release(&list);
    return failed ? -1 : 0;
}

static int inspect(struct ptd_store *store, const char *name, const struct ptd_options *o,
                   struct ptd_buf *out, struct ptd_err *err)
{
    if (o->inspect_test)
        return ptd_inspect_test(store, o->inspect_test, o->json, out, err);
    if (o->inspect_file)
        return ptd_inspect_file(store, o->inspect_file, o->json, out, err);
    return summarise(store, name, o->json, out, err);
}

int ptd_cmd_inspect(struct ptd_options *options, int *status, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct ptd_databases list = {0};
    *status = 0;
    if (options->inspect_test && options->inspect_file)
        return ptd_err_set(err, PTD_E_USAGE, "--test and --file exclude each other");
    int failed = open_database(options, options->words[0], &list, err) < 0 ||
                 inspect(list.items[0].store, list.items[0].name, options, &out, err) < 0;
    ptd_databases_release(&list);
    return failed ? -1 : ptd_cmd_answer(&out, err);
}
