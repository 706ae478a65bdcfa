/* `pyt-diff map`: which test depends on which modules, and the other way round. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/questions.h"
#include "cmd/workspace.h"
#include "config/nearest.h"
#include "record/uses.h"
#include "select/select.h"

struct mapping {
    const struct ptd_uses *uses;
    unsigned char *tests, *files; /* which are asked for; owned */
    uint32_t *pool;               /* per file its tests, behind each other; owned */
    size_t *first;                /* where those of a file begin; owned */
    struct ptd_buf out;
};

/* Python sources only: what else a test depends on is no module. */
static bool is_module(const struct ptd_uses *u, size_t file)
{
    return u->used[file].kind == PTD_FILE_SOURCE;
}

static void turn_round(struct mapping *m)
{
    const struct ptd_uses *u = m->uses;
    m->pool = ptd_xcalloc(u->pool_count + 1, sizeof(uint32_t));
    m->first = ptd_xcalloc(u->used_count + 2, sizeof(size_t));
    for (size_t t = 0; t < u->count; t++)
        for (size_t i = 0; i < u->tests[t].count; i++)
            m->first[u->pool[u->tests[t].first + i] + 2]++;
    for (size_t i = 2; i <= u->used_count; i++)
        m->first[i] += m->first[i - 1];
    for (size_t t = 0; t < u->count; t++)
        for (size_t i = 0; i < u->tests[t].count; i++)
            m->pool[m->first[u->pool[u->tests[t].first + i] + 1]++] = (uint32_t)t;
}

static void add_key(struct ptd_buf *out, const char *key, const char *comma)
{
    ptd_buf_adds(out, comma);
    ptd_json_string(out, key);
    ptd_buf_adds(out, ":[");
}

/* Text: the name and, below, what belongs to it; JSON: "name":[...]. */
static void add_test(struct mapping *m, size_t test, bool json, const char *comma)
{
    const struct ptd_uses *u = m->uses;
    const struct ptd_use *t = &u->tests[test];
    const char *between = "";
    if (json)
        add_key(&m->out, t->nodeid, comma);
    else
        ptd_buf_addf(&m->out, "%s\n", t->nodeid);
    for (size_t i = 0; i < t->count; i++) {
        size_t file = u->pool[t->first + i];
        if (!is_module(u, file))
            continue;
        if (json) {
            ptd_buf_adds(&m->out, between);
            ptd_json_string(&m->out, u->used[file].path);
        } else {
            ptd_buf_addf(&m->out, "  %s\n", u->used[file].path);
        }
        between = ",";
    }
    ptd_buf_adds(&m->out, json ? "]" : "");
}

static void add_file(struct mapping *m, size_t file, bool json, const char *comma)
{
    const struct ptd_uses *u = m->uses;
    if (json)
        add_key(&m->out, u->used[file].path, comma);
    else
        ptd_buf_addf(&m->out, "%s\n", u->used[file].path);
    for (size_t i = m->first[file]; i < m->first[file + 1]; i++) {
        const char *nodeid = u->tests[m->pool[i]].nodeid;
        if (json) {
            ptd_buf_adds(&m->out, i > m->first[file] ? "," : "");
            ptd_json_string(&m->out, nodeid);
        } else {
            ptd_buf_addf(&m->out, "  %s\n", nodeid);
        }
    }
    ptd_buf_adds(&m->out, json ? "]" : "");
}

static void print(struct mapping *m, bool json)
{
    const char *comma = "";
    ptd_buf_adds(&m->out, json ? "{\"version\":1,\"tests\":{" : "");
    for (size_t i = 0; i < m->uses->count; i++) {
        if (!m->tests[i])
            continue;
        add_test(m, i, json, comma);
        comma = ",";
    }
    comma = "";
    ptd_buf_adds(&m->out, json ? "},\"modules\":{" : "");
    for (size_t i = 0; i < m->uses->used_count; i++) {
        if (!m->files[i])
            continue;
        add_file(m, i, json, comma);
        comma = ",";
    }
    ptd_buf_adds(&m->out, json ? "}}\n" : "");
}

static int refuse(const struct ptd_uses *u, const char *word, struct ptd_err *err)
{
    PTD_CLEANUP_FREE const char **names = ptd_xcalloc(u->count + u->used_count + 1, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < u->used_count; i++)
        names[count++] = u->used[i].path;
    for (size_t i = 0; i < u->count; i++)
        names[count++] = u->tests[i].nodeid;
    const char *near = ptd_nearest_find(word, names, count, 4);
    ptd_err_set(err, PTD_E_USAGE,
                "\"%s\" is no recorded test, and no test is known to depend on it", word);
    return near ? ptd_err_hint(err, "did you mean %s?", near) : -1;
}

/* A node id, with what lies below it, or a file. */
static int mark(struct mapping *m, const struct ptd_project *project, const char *word,
                struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *relative = ptd_project_relative(project, word);
    size_t file = ptd_uses_file(m->uses, relative), found = 0;
    if (file == SIZE_MAX)
        file = ptd_uses_file(m->uses, word);
    if (file != SIZE_MAX) {
        m->files[file] = 1;
        return 0;
    }
    for (size_t i = 0; i < m->uses->count; i++) {
        if (!ptd_select_is_below(m->uses->tests[i].nodeid, word))
            continue;
        m->tests[i] = 1;
        found++;
    }
    return found ? 0 : refuse(m->uses, word, err);
}

static int choose(struct mapping *m, const struct ptd_options *o, const struct ptd_project *project,
                  struct ptd_err *err)
{
    for (size_t i = 0; i < o->word_count; i++)
        if (mark(m, project, o->words[i], err) < 0)
            return -1;
    if (o->word_count)
        return 0;
    if (!o->map_modules || o->json)
        memset(m->tests, 1, m->uses->count);
    for (size_t i = 0; (o->map_modules || o->json) && i < m->uses->used_count; i++)
        m->files[i] = is_module(m->uses, i) && m->first[i] < m->first[i + 1];
    return 0;
}

int ptd_cmd_map(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_project project;
    struct ptd_store *store;
    struct ptd_uses uses;
    *status = 0;
    if (ptd_inspect_open(options, NULL, &store, err) < 0)
        return -1;
    int failed = ptd_uses_load(store, &uses, err);
    ptd_store_close(store);
    if (failed || ptd_project_find(options, &project, err) < 0) {
        if (!failed)
            ptd_uses_release(&uses);
        return -1;
    }
    struct mapping m = {.uses = &uses,
                        .tests = ptd_xcalloc(uses.count + 1, 1),
                        .files = ptd_xcalloc(uses.used_count + 1, 1)};
    turn_round(&m);
    failed = choose(&m, options, &project, err);
    if (!failed) {
        print(&m, options->json);
        failed = ptd_cmd_answer(&m.out, err);
    }
    free(m.tests);
    free(m.files);
    free(m.pool);
    free(m.first);
    ptd_buf_release(&m.out);
    ptd_project_release(&project);
    ptd_uses_release(&uses);
    return failed;
}
