/*
 * A small project in a temporary directory, sessions of it written as journals, and what is
 * selected afterwards: everything that the engine does between two runs, without Python.
 */
#ifndef PTD_TESTS_INGEST_WORLD_H
#define PTD_TESTS_INGEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/workspace.h"
#include "contract/plan.h"
#include "journal_builder.h"
#include "record/ingest.h"
#include "report/summary.h"

struct world {
    char top[64];   /* real path of a directory for this test alone: project/, cache/, session/ */
    char root[128]; /* top/project */
    char session_dir[128];
    struct ptd_options options;
    struct ptd_workspace w;
    struct ptd_verdict verdict;
    bool selected;
    /* Facts of the run at hand. */
    const char *config, *arguments, *packages;
};

/* One journal while it is written: ids by what they stand for. */
struct session {
    struct world *world;
    struct journal_builder jb;
    struct ptd_map files, codes, names, scopes, collects;
    int number;
};

static char *patterns[] = {(char *)"test_*.py", NULL};

static inline void must(int failed, const struct ptd_err *err)
{
    if (failed)
        fail_msg("%s", err->msg);
}

/* ---- the tree ---- */

static inline void world_path(const struct world *world, const char *name, char path[512])
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(world->root, name);
    assert_true(strlen(full) < 512);
    memcpy(path, full, strlen(full) + 1);
}

static inline void put(struct world *world, const char *name, const char *text)
{
    char path[512];
    world_path(world, name, path);
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static inline void drop(struct world *world, const char *name)
{
    char path[512];
    world_path(world, name, path);
    assert_int_equal(unlink(path), 0);
}

/* Sets the time of the last change to `seconds` from now. */
static inline void age(struct world *world, const char *name, int seconds)
{
    char path[512];
    struct timeval times[2];
    world_path(world, name, path);
    gettimeofday(&times[0], NULL);
    times[0].tv_sec += seconds;
    times[1] = times[0];
    assert_int_equal(utimes(path, times), 0);
}

/* ---- opening and looking ---- */

static inline void look(struct world *world)
{
    struct ptd_err err = {0};
    const char *arguments = world->arguments ? world->arguments : "";
    const char *config = world->config ? world->config : "";
    const char *packages = world->packages ? world->packages : "";
    struct ptd_state_inputs inputs = {
        .root = world->root,
        .config = ptd_hash128(config, strlen(config)),
        .options = ptd_hash128(arguments, strlen(arguments)),
        .packages_hash = ptd_hash128(packages, strlen(packages)),
    };
    if (world->selected)
        ptd_verdict_release(&world->verdict);
    world->selected = false;
    if (world->w.state_loaded)
        ptd_state_release(&world->w.state);
    world->w.state_loaded = true;
    must(ptd_state_load(&world->w.state, world->w.store, world->w.writable, &inputs, &err), &err);
}

static inline void open_world(struct world *world, bool read_only)
{
    struct ptd_err err = {0};
    char cache[512], *note = NULL;
    snprintf(cache, sizeof(cache), "%s/cache", world->top);
    must(ptd_store_open(cache, read_only, &world->w.store, &note, &err), &err);
    assert_null(note);
    world->w.writable = !read_only;
    look(world);
}

static inline void close_world(struct world *world)
{
    if (world->selected)
        ptd_verdict_release(&world->verdict);
    world->selected = false;
    if (world->w.state_loaded)
        ptd_state_release(&world->w.state);
    world->w.state_loaded = false;
    ptd_store_close(world->w.store);
    world->w.store = NULL;
}

static inline int make_world(void **state)
{
    struct world *world = ptd_xcalloc(1, sizeof(*world));
    snprintf(world->top, sizeof(world->top), "/tmp/ptd-ingest-XXXXXX");
    if (!mkdtemp(world->top))
        return -1;
    PTD_CLEANUP_FREE char *real = realpath(world->top, NULL);
    snprintf(world->top, sizeof(world->top), "%s", real);
    snprintf(world->root, sizeof(world->root), "%s/project", world->top);
    snprintf(world->session_dir, sizeof(world->session_dir), "%s/session", world->top);
    mkdir(world->root, 0755);
    world->w.options = &world->options;
    world->w.project.rootdir = world->root;
    world->w.project.python_files = patterns;
    world->w.environment.name = (char *)"cpython 3.11.7 linux x86_64";
    *state = world;
    return 0;
}

static inline int remove_world(void **state)
{
    struct world *world = *state;
    char command[512];
    close_world(world);
    snprintf(command, sizeof(command), "rm -rf '%s'", world->top);
    int result = system(command);
    free(world);
    return result;
}

/* ---- sessions ---- */

static inline void write_bytes(const char *path, const struct ptd_buf *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static inline void clear_session_dir(struct world *world)
{
    char command[512];
    snprintf(command, sizeof(command), "rm -rf '%s' && mkdir '%s'", world->session_dir,
             world->session_dir);
    assert_int_equal(system(command), 0);
}

/* The plan is what says when the session began. */
static inline void start_sessions(struct world *world)
{
    char path[512];
    struct ptd_buf none = PTD_BUF_INIT;
    clear_session_dir(world);
    snprintf(path, sizeof(path), "%s/%s", world->session_dir, PTD_PLAN_FILE);
    ptd_buf_adds(&none, "{}");
    write_bytes(path, &none, none.len);
    ptd_buf_release(&none);
}

static inline void begin_as(struct world *world, struct session *s, int number, const char *role)
{
    *s = (struct session){.world = world, .number = number};
    if (number == 1)
        start_sessions(world);
    jb_start(&s->jb);
    jb_scope(&s->jb, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    jb_fact(&s->jb, "role", role);
    jb_fact(&s->jb, "rootdir", world->root);
    jb_fact(&s->jb, "tracer", "eval");
    jb_fact(&s->jb, "collected", "1");
}

static inline void begin(struct world *world, struct session *s)
{
    begin_as(world, s, 1, "main");
}

static inline uint32_t file_id(struct session *s, const char *name)
{
    uint64_t known = ptd_map_get(&s->files, name, UINT64_MAX);
    if (known != UINT64_MAX)
        return (uint32_t)known;
    char path[512];
    struct stat st = {0};
    world_path(s->world, name, path);
    if (stat(path, &st) < 0)
        memset(&st, 0, sizeof(st));
    uint32_t id = jb_file(&s->jb, path, (uint64_t)st.st_size,
                          (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec,
                          (uint64_t)st.st_ino);
    ptd_map_puts(&s->files, name, id);
    return id;
}

/* Number of the line that holds `what`; 1 when there is none. */
static inline uint32_t line_of(struct world *world, const char *name, const char *what)
{
    char path[512];
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    world_path(world, name, path);
    if (ptd_buf_read_file(&text, path, 1u << 20, NULL) < 0)
        return 1;
    uint32_t line = 1;
    const char *end = strstr(text.data, what);
    for (const char *p = text.data; end && p < end; p++)
        line += *p == '\n';
    return line;
}

/* "a.py:f" is the function f in a.py, "a.py" the module's own code. */
static inline uint32_t code_id(struct session *s, const char *spec)
{
    uint64_t known = ptd_map_get(&s->codes, spec, UINT64_MAX);
    if (known != UINT64_MAX)
        return (uint32_t)known;
    const char *colon = strchr(spec, ':');
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(spec, strcspn(spec, ":"));
    PTD_CLEANUP_FREE char *what = ptd_xasprintf("def %s(", colon ? colon + 1 : "");
    uint32_t file = file_id(s, name);
    uint32_t line = colon ? line_of(s->world, name, what) : 1;
    uint32_t id = jb_code(&s->jb, file, line, colon ? colon + 1 : "<module>");
    ptd_map_puts(&s->codes, spec, id);
    return id;
}

static inline uint32_t name_id(struct session *s, const char *name)
{
    uint64_t known = ptd_map_get(&s->names, name, UINT64_MAX);
    if (known != UINT64_MAX)
        return (uint32_t)known;
    uint32_t id = jb_name(&s->jb, name);
    ptd_map_puts(&s->names, name, id);
    return id;
}

/* Words of a delta, each with its kind in front: "c:" code, "i:" imported file, "n:" name, "u:"
 * scope by its label, "p:" code of a pair (line 1), "!" incomplete. */
static inline void delta(struct session *s, uint32_t scope, const char *words)
{
    uint32_t lists[5][64];
    size_t counts[5] = {0};
    uint32_t flags = 0;
    PTD_CLEANUP_FREE char *copy = ptd_xstrdup(words);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, " "));) {
        if (!*word)
            continue;
        char kind = word[0];
        const char *what = word + 2;
        size_t k = strcspn("cuinp", (const char[]){kind, 0});
        if (kind == '!')
            flags |= PTD_SCOPE_INCOMPLETE;
        else if (kind == 'u')
            lists[k][counts[k]++] = (uint32_t)ptd_map_get(&s->scopes, what, 0xfffffffe);
        else if (kind == 'i')
            lists[k][counts[k]++] = file_id(s, what);
        else if (kind == 'n')
            lists[k][counts[k]++] = name_id(s, what);
        else
            lists[k][counts[k]++] = code_id(s, what);
        if (kind == 'p')
            lists[k][counts[k]++] = 1;
    }
    jb_delta(&s->jb, scope, flags,
             (struct jb_delta){.codes = {lists[0], counts[0]},
                               .uses = {lists[1], counts[1]},
                               .imports = {lists[2], counts[2]},
                               .names = {lists[3], counts[3]},
                               .pairs = {lists[4], counts[4]}});
}

static inline uint32_t scope(struct session *s, uint32_t kind, const char *file, const char *label,
                             const char *words)
{
    uint32_t file_number = file ? file_id(s, file) : PTD_J_NO_FILE;
    uint32_t id = jb_scope(&s->jb, kind, file_number, label);
    ptd_map_puts(&s->scopes, label, id);
    delta(s, id, words);
    return id;
}

static inline void module(struct session *s, const char *file, const char *words)
{
    PTD_CLEANUP_FREE char *all = ptd_xasprintf("c:%s %s", file, words);
    scope(s, PTD_SCOPE_MODULE, file, file, all);
}

/* A file with its tests (node ids without the file, words); its collection imports the file. */
static inline void collect_as(struct session *s, const char *file, const char *tests,
                              uint32_t outcome, uint32_t flags, const char *words)
{
    char path[512];
    PTD_CLEANUP_FREE char *all = ptd_xasprintf("i:%s %s", file, words);
    PTD_CLEANUP_FREE char *label = ptd_xasprintf("collect %s", file);
    PTD_CLEANUP_FREE char *copy = ptd_xstrdup(tests);
    char *ids[32], *rest = copy;
    size_t count = 0;
    uint32_t id = scope(s, PTD_SCOPE_COLLECT, file, label, all);
    ptd_map_puts(&s->collects, file, id);
    for (char *word; (word = strsep(&rest, " "));)
        if (*word)
            ids[count++] = ptd_xasprintf("%s::%s", file, word);
    ids[count] = NULL;
    world_path(s->world, file, path);
    jb_collect(&s->jb, id, outcome, flags, path, (const char *const *)ids);
    while (count)
        free(ids[--count]);
}

static inline void collect(struct session *s, const char *file, const char *tests)
{
    collect_as(s, file, tests, PTD_OUTCOME_PASSED, 0, "");
}

/* A test that ran; it enters its own function. */
static inline void ran_as(struct session *s, const char *file, const char *test, uint32_t outcome,
                          const char *words)
{
    char path[512];
    PTD_CLEANUP_FREE char *nodeid = ptd_xasprintf("%s::%s", file, test);
    PTD_CLEANUP_FREE char *all = ptd_xasprintf("c:%s:%s i:%s %s", file, test, file, words);
    jb_begin_test(&s->jb, nodeid);
    uint32_t id = scope(s, PTD_SCOPE_TEST, file, nodeid, all);
    world_path(s->world, file, path);
    jb_test(&s->jb, id, outcome, 0, 1000, (uint32_t)ptd_map_get(&s->collects, file, PTD_J_NO_SCOPE),
            nodeid, path);
}

static inline void ran(struct session *s, const char *file, const char *test, const char *words)
{
    ran_as(s, file, test, PTD_OUTCOME_PASSED, words);
}

static inline void release_session(struct session *s)
{
    jb_release(&s->jb);
    ptd_map_release(&s->files);
    ptd_map_release(&s->codes);
    ptd_map_release(&s->names);
    ptd_map_release(&s->scopes);
    ptd_map_release(&s->collects);
}

/* Writes the first `len` bytes of the journal (SIZE_MAX: all). */
static inline void save_cut(struct session *s, size_t len)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%d-0" PTD_JOURNAL_SUFFIX, s->world->session_dir, s->number);
    write_bytes(path, &s->jb.out, len < s->jb.out.len ? len : s->jb.out.len);
    release_session(s);
}

static inline void save(struct session *s)
{
    save_cut(s, SIZE_MAX);
}

static bool is_test_file(const char *path, void *arg)
{
    return ptd_workspace_is_test_file(arg, path);
}

static inline struct ptd_ingest_request request_of(struct world *world, bool complete)
{
    return (struct ptd_ingest_request){
        .session_dir = world->session_dir,
        .state = &world->w.state,
        .environment = world->w.environment.name,
        .complete = complete,
        .is_test_file = is_test_file,
        .is_test_file_arg = &world->w,
    };
}

/* Ingests what lies in the session directory; the number of tests. */
static inline size_t ingest(struct world *world, bool complete)
{
    struct ptd_err err = {0};
    struct ptd_ingest_result result;
    struct ptd_ingest_request request = request_of(world, complete);
    must(ptd_ingest(&request, &result, &err), &err);
    size_t tests = result.tests;
    ptd_ingest_result_release(&result);
    return tests;
}

/* A normal end: J_END, written, ingested. */
static inline void end(struct session *s)
{
    jb_finish(&s->jb, 0);
    save(s);
    ingest(s->world, true);
}

/* ---- expectations ---- */

static inline void choose(struct world *world, const char *const *paths)
{
    struct ptd_err err = {0};
    look(world);
    must(ptd_workspace_select(&world->w, paths, false, &world->verdict, &err), &err);
    world->selected = true;
}

static inline void reasons(struct world *world, struct ptd_buf *text)
{
    struct ptd_summary summary = {.selection = &world->verdict.selection,
                                  .describe = ptd_verdict_describe,
                                  .arg = &world->verdict,
                                  .python = ""};
    ptd_summary_reasons(&summary, text);
}

static inline const struct ptd_selected *selected(const struct world *world, size_t at)
{
    assert_true(at < world->verdict.selection.count);
    return &world->verdict.selection.items[at];
}

/* Looks anew and compares what is selected, a line "  NAME: REASON\n" each. */
static inline void expect(struct world *world, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    choose(world, NULL);
    reasons(world, &text);
    assert_string_equal(text.data ? text.data : "", expected);
}

#endif
