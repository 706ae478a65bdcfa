#include "cmd/e2e.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "contract/plan.h"

#define KEY        "e2e"
#define MARKED_MAX (64u << 20)

/* Kept as lines. */
int ptd_e2e_open(const struct ptd_workspace *w, struct ptd_e2e *out, struct ptd_err *err)
{
    *out = (struct ptd_e2e){.project = &w->project};
    out->excluded = w->options->e2e == PTD_E2E_CONFIGURED ? w->project.exclude_e2e
                                                          : w->options->e2e == PTD_E2E_EXCLUDE;
    PTD_CLEANUP_FREE char *text = NULL;
    if (!out->excluded || !w->store)
        return 0;
    if (ptd_store_meta_get(w->store, KEY, &text, err) < 0)
        return -1;
    for (char *p = text; p && *p;) {
        size_t n = strcspn(p, "\n");
        ptd_map_put(&out->marked, p, n, 0, NULL);
        p += n + (p[n] == '\n');
    }
    return 0;
}

void ptd_e2e_release(struct ptd_e2e *e2e)
{
    ptd_map_release(&e2e->marked);
    *e2e = (struct ptd_e2e){0};
}

/* The key of a test in `marked`; owned. */
static char *key_of(ptd_id collection, const char *name)
{
    return ptd_xasprintf("%" PRId64 "\t%s", collection, name);
}

static bool is_below(const struct ptd_project *project, const char *path)
{
    for (char **p = project->e2e_paths; *p; p++)
        if (ptd_glob_match(*p, path) || ptd_path_within(path, *p))
            return true;
    return false;
}

bool ptd_e2e_left_out(int64_t collection, const char *name, void *arg)
{
    const struct ptd_e2e *e2e = arg;
    if (!e2e->excluded)
        return false;
    if (!collection)
        return is_below(e2e->project, name);
    PTD_CLEANUP_FREE char *key = key_of(collection, name);
    return ptd_map_find(&e2e->marked, key, strlen(key)) != PTD_MAP_NONE;
}

const char *const *ptd_e2e_markers(const struct ptd_e2e *e2e)
{
    return e2e->excluded ? (const char *const *)e2e->project->e2e_markers : NULL;
}

void ptd_e2e_describe(const struct ptd_e2e *e2e, struct ptd_buf *out)
{
    if (!e2e->excluded)
        return;
    for (char **m = e2e->project->e2e_markers; *m; m++)
        ptd_buf_addf(out, "\nmarker %s", *m);
    for (char **p = e2e->project->e2e_paths; *p; p++)
        ptd_buf_addf(out, "\npath %s", *p);
    for (size_t i = 0; i < e2e->marked.count; i++)
        ptd_buf_addf(out, "\n%s", e2e->marked.entries[i].key);
}

struct learner {
    struct ptd_map files; /* collected, with the record of that; 0: not found yet */
    struct ptd_map nodes; /* id of the node, as bytes → number in `files` */
    struct ptd_map live;  /* ids of all records, as text */
    ptd_id run;
};

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct learner *l = arg;
    size_t at =
        node->is_file ? ptd_map_find(&l->files, node->name, strlen(node->name)) : PTD_MAP_NONE;
    if (at != PTD_MAP_NONE)
        ptd_map_put(&l->nodes, &node->id, sizeof(node->id), at, NULL);
    return 0;
}

static int see_record(const struct ptd_record *record, void *arg)
{
    struct learner *l = arg;
    char id[32];
    int n = snprintf(id, sizeof(id), "%" PRId64, record->id);
    size_t at = ptd_map_find(&l->nodes, &record->node, sizeof(record->node));
    if (at != PTD_MAP_NONE && record->run == l->run)
        l->files.entries[l->nodes.entries[at].value].value = (uint64_t)record->id;
    if (record->tests)
        ptd_map_put(&l->live, id, (size_t)n, 0, NULL);
    return 0;
}

static int find_records(struct learner *l, struct ptd_workspace *w, struct ptd_err *err)
{
    ptd_id environment;
    return ptd_store_environment(w->store, w->environment.name, &environment, err) < 0 ||
                   ptd_store_each_node(w->store, see_node, l, err) < 0 ||
                   ptd_store_each_record(w->store, environment, see_record, l, err) < 0
               ? -1
               : 0;
}

/* What earlier sessions noted for records that are still there. */
static void add_known(const struct ptd_e2e *e2e, const struct learner *l, struct ptd_buf *out)
{
    for (size_t i = 0; i < e2e->marked.count; i++) {
        const char *key = e2e->marked.entries[i].key;
        if (ptd_map_find(&l->live, key, strcspn(key, "\t")) != PTD_MAP_NONE)
            ptd_buf_addf(out, "%s\n", key);
    }
}

/* `names`: of the marked tests, NUL-terminated each. */
static void add_noted(const struct ptd_e2e *e2e, const struct learner *l, const char *names,
                      const char *end, struct ptd_buf *out)
{
    for (const char *name = names; name < end; name += strlen(name) + 1) {
        const char *colons = strstr(name, "::");
        size_t n = colons ? (size_t)(colons - name) : strlen(name);
        size_t at = ptd_map_find(&l->files, name, n);
        if (at == PTD_MAP_NONE || !l->files.entries[at].value || strchr(name, '\n'))
            continue;
        PTD_CLEANUP_FREE char *key = key_of((ptd_id)l->files.entries[at].value, name);
        if (ptd_map_find(&e2e->marked, key, strlen(key)) == PTD_MAP_NONE)
            ptd_buf_addf(out, "%s\n", key);
    }
}

int ptd_e2e_learn(const struct ptd_e2e *e2e, struct ptd_workspace *w, const char *session_dir,
                  ptd_id run, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf noted = PTD_BUF_INIT, lines = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *path = ptd_path_join(session_dir, PTD_MARKED_FILE);
    struct learner l = {.run = run};
    if (!e2e->excluded || !run || ptd_buf_read_file(&noted, path, MARKED_MAX, NULL) < 0 ||
        !noted.len)
        return 0; /* pytest did not get as far as that */
    size_t at = 0;
    for (size_t n; at < noted.len && (n = strlen(noted.data + at)) > 0; at += n + 1)
        ptd_map_put(&l.files, noted.data + at, n, 0, NULL);
    int failed = find_records(&l, w, err);
    if (!failed) {
        add_known(e2e, &l, &lines);
        if (at < noted.len)
            add_noted(e2e, &l, noted.data + at + 1, noted.data + noted.len, &lines);
        failed = ptd_store_meta_set(w->store, KEY, lines.data ? lines.data : "", err);
    }
    ptd_map_release(&l.files);
    ptd_map_release(&l.nodes);
    ptd_map_release(&l.live);
    return failed;
}
