/*
 * Outcomes and durations are taken over, dependencies are not: testmon does not see what runs when
 * modules are imported, nor files that are no Python, installed packages one by one or environment
 * variables, and its checksums are of another cut of the source. So an imported record never holds:
 * each test runs once more, and until then failures, order, estimates and shards know it.
 */
#include "cmd/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/workspace.h"
#include "contract/journal.h"
#include "report/duration.h"
#include "store/details.h"
#include "store/testmon.h"

/* A file of tests, with the names of those in it. */
struct test_file {
    ptd_id id;            /* 0: nothing of it is imported yet */
    struct ptd_buf names; /* owned; each with a NUL behind */
};

struct migration {
    struct ptd_workspace *w;
    struct ptd_err *err;
    ptd_id environment, run;
    struct ptd_map recorded; /* ids of nodes that have a record of our own */
    struct ptd_map seen;     /* node ids: a test may be there in several environments */
    struct ptd_map paths;    /* path → position in `files` */
    struct test_file *files; /* owned */
    size_t cap;
    struct ptd_buf depsets, labels; /* of all imported records */
    char python[64];                /* version of ours */
    char other[64];                 /* the first other version that something was recorded with */
    size_t imported, failed, kept, elsewhere, others;
    uint64_t us;
};

static int see_record(const struct ptd_record *record, void *arg)
{
    struct migration *m = arg;
    ptd_map_put(&m->recorded, &record->node, sizeof(record->node), 0, NULL);
    return 0;
}

static bool is_recorded(const struct migration *m, ptd_id node)
{
    return ptd_map_find(&m->recorded, &node, sizeof(node)) != PTD_MAP_NONE;
}

/* The dependency of all imported records: a fact that never holds. */
static int make_dependency(struct migration *m)
{
    PTD_CLEANUP_BUF struct ptd_buf set = PTD_BUF_INIT;
    struct ptd_store *store = m->w->store;
    ptd_id file, fingerprint, depset;
    if (ptd_store_file(store, PTD_FILE_CONFIG, PTD_IMPORTED_PATH, &file, m->err) < 0 ||
        ptd_store_fingerprint(store, file, PTD_VERSION_UNKNOWN, "", 0, &fingerprint, m->err) < 0)
        return -1;
    ptd_buf_add_varint(&set, (uint64_t)fingerprint);
    if (ptd_store_depset(store, set.data, set.len, &depset, m->err) < 0)
        return -1;
    ptd_buf_add_varint(&m->depsets, (uint64_t)depset);
    ptd_buf_add_varint(&m->labels, PTD_LABEL_IMPORTED);
    return 0;
}

static int add_record(struct migration *m, ptd_id node, int outcome, uint64_t us,
                      const struct ptd_buf *tests)
{
    const struct ptd_record record = {
        .node = node,
        .outcome = outcome,
        .duration_us = us,
        .run = m->run,
        .depsets = m->depsets.data,
        .depsets_len = m->depsets.len,
        .tests = tests ? tests->data : NULL,
        .tests_len = tests ? tests->len : 0,
        .labels = m->labels.data,
        .labels_len = m->labels.len,
    };
    return ptd_store_record(m->w->store, m->environment, &record, m->err);
}

static void list_test_files(struct migration *m)
{
    for (size_t i = 0; i < m->w->state.tree.count; i++) {
        const char *path = m->w->state.tree.entries[i].path;
        if (!ptd_workspace_is_test_file(m->w, path))
            continue;
        size_t at = ptd_map_puts(&m->paths, path, 0);
        m->files = ptd_xgrow(m->files, &m->cap, at + 1, sizeof(*m->files));
        m->files[at] = (struct test_file){0};
    }
}

/* Of the test file that a node id begins with; NULL when it is none of this tree. */
static struct test_file *file_of(struct migration *m, const char *nodeid, const char **path)
{
    const char *colons = strstr(nodeid, "::");
    size_t at =
        ptd_map_find(&m->paths, nodeid, colons ? (size_t)(colons - nodeid) : strlen(nodeid));
    if (at == PTD_MAP_NONE)
        return NULL;
    *path = m->paths.entries[at].key;
    return &m->files[at];
}

static int make_file(struct migration *m, struct test_file *file, const char *path)
{
    size_t n = strlen(path);
    bool source = n > 3 && strcmp(path + n - 3, ".py") == 0;
    return file->id ? 0
                    : ptd_store_file(m->w->store, source ? PTD_FILE_SOURCE : PTD_FILE_OPAQUE, path,
                                     &file->id, m->err);
}

static void note_python(struct migration *m, const char *python)
{
    if (strcmp(python, m->python) == 0)
        return;
    m->others++;
    if (!m->other[0])
        strncpy(m->other, *python ? python : "unknown", sizeof(m->other) - 1);
}

static int import_test(const struct ptd_testmon_test *test, void *arg)
{
    struct migration *m = arg;
    const char *path;
    ptd_id node;
    bool added;
    ptd_map_put(&m->seen, test->name, strlen(test->name), 0, &added);
    if (!added)
        return 0; /* the environment that is more like ours came before */
    struct test_file *file = file_of(m, test->name, &path);
    if (!file) {
        m->elsewhere++;
        return 0;
    }
    if (make_file(m, file, path) < 0 ||
        ptd_store_node(m->w->store, test->name, file->id, false, &node, m->err) < 0)
        return -1;
    ptd_buf_add(&file->names, test->name, strlen(test->name) + 1);
    if (is_recorded(m, node)) {
        m->kept++;
        return 0;
    }
    note_python(m, test->python);
    m->imported++;
    m->failed += test->failed;
    m->us += test->us;
    return add_record(m, node, test->failed ? PTD_OUTCOME_FAILED : PTD_OUTCOME_PASSED, test->us,
                      NULL);
}

/* Which tests a file has is known of those that were never collected by us. */
static int import_files(struct migration *m)
{
    for (size_t i = 0; i < m->paths.count; i++) {
        ptd_id node;
        if (!m->files[i].names.len)
            continue;
        if (ptd_store_node(m->w->store, m->paths.entries[i].key, m->files[i].id, true, &node,
                           m->err) < 0)
            return -1;
        if (!is_recorded(m, node) &&
            add_record(m, node, PTD_OUTCOME_PASSED, 0, &m->files[i].names) < 0)
            return -1;
    }
    return 0;
}

static int import_all(struct migration *m, struct ptd_testmon *from)
{
    struct ptd_store *store = m->w->store;
    return ptd_store_environment(store, m->w->environment.name, &m->environment, m->err) < 0 ||
                   ptd_store_each_record(store, m->environment, see_record, m, m->err) < 0 ||
                   make_dependency(m) < 0 ||
                   ptd_store_run_start(store, false, NULL, &m->run, m->err) < 0 ||
                   ptd_testmon_each(from, m->python, import_test, m, m->err) < 0 ||
                   import_files(m) < 0 ||
                   /* whatever was known of this state, more is known now */
                   ptd_store_meta_set(store, "idle", "", m->err) < 0
               ? -1
               : 0;
}

static int import(struct migration *m, struct ptd_testmon *from)
{
    struct ptd_store *store = m->w->store;
    if (ptd_store_begin(store, m->err) < 0)
        return -1;
    if (import_all(m, from) < 0) {
        ptd_store_rollback(store);
        return -1;
    }
    if (m->imported)
        return ptd_store_commit(store, m->err);
    ptd_store_rollback(store);
    return 0;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void describe(const struct migration *m, const char *from, struct ptd_buf *out)
{
    ptd_buf_addf(out, "%s: %zu test%s imported, %zu of them failed\n", from, m->imported,
                 plural(m->imported), m->failed);
    if (m->others)
        ptd_buf_addf(out, "  %zu recorded with another Python (%s; here it is %s)\n", m->others,
                     m->other, m->python);
    if (m->kept)
        ptd_buf_addf(out, "  %zu left as recorded here\n", m->kept);
    if (m->elsewhere)
        ptd_buf_addf(out, "  %zu left out: no test file of that name is here\n", m->elsewhere);
    if (!m->imported)
        return;
    ptd_buf_adds(out, "  each runs once more before it is skipped");
    if (m->us) {
        ptd_buf_adds(out, " (");
        ptd_duration_add(m->us, out);
        ptd_buf_adds(out, " in all)");
    }
    ptd_buf_adds(out, ": what it depends on is not imported\n");
}

/* "3.11.7" of "cpython 3.11.7 linux x86_64" */
static void find_version(struct migration *m)
{
    const char *name = m->w->environment.name;
    const char *version = name + strcspn(name, " ");
    version += *version == ' ';
    size_t n = strcspn(version, " ");
    memcpy(m->python, version, n < sizeof(m->python) ? n : sizeof(m->python) - 1);
}

static int migrate(struct ptd_workspace *w, struct ptd_testmon *from, const char *name,
                   struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct migration m = {.w = w, .err = err};
    if (!w->store || !w->writable)
        return ptd_err_set(err, PTD_E_STORE,
                           "nothing is imported: the recorded data cannot be"
                           " written");
    find_version(&m);
    list_test_files(&m);
    int failed = import(&m, from);
    if (!failed) {
        if (w->options->verbosity >= 0)
            describe(&m, name, &text);
        failed = ptd_cmd_answer(&text, err);
    }
    for (size_t i = 0; i < m.paths.count; i++)
        ptd_buf_release(&m.files[i].names);
    free(m.files);
    ptd_map_release(&m.recorded);
    ptd_map_release(&m.seen);
    ptd_map_release(&m.paths);
    ptd_buf_release(&m.depsets);
    ptd_buf_release(&m.labels);
    return failed;
}

int ptd_cmd_migrate(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_workspace w;
    struct ptd_testmon *from;
    *status = 0;
    if (ptd_testmon_open(options->words[0], &from, err) < 0)
        return -1;
    int failed = ptd_workspace_open(&w, options, err);
    if (!failed)
        failed = migrate(&w, from, options->words[0], err);
    ptd_workspace_close(&w);
    ptd_testmon_close(from);
    return failed;
}
