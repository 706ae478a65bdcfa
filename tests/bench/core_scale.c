/*
 * The engine between two runs at scale: 10,000 files, 10,000 tests, 190 dependencies each. Writes
 * such a project and the journal of a run of it into an empty directory and prints what recording
 * and selecting take (CPU seconds of this process) and the greatest memory.
 *
 *   core_scale EMPTY-DIRECTORY [FILES [TESTS [DEPENDENCIES]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/journal_builder.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/workspace.h"
#include "record/ingest.h"

#define FUNCTIONS   20 /* in a source */
#define PACKAGE     20 /* sources in a package */
#define TESTS_EACH  10 /* in a test file */
#define MODULES_HIT 40 /* sources that a test enters functions of: two packages */

static size_t files = 10000, tests = 10000, dependencies = 190;
static char root[512], session[512], cache[512];
static char *patterns[] = {(char *)"test_*.py", NULL};
static char environment[] = "bench";
static struct ptd_options options;
static unsigned seed = 1;

static unsigned next_random(unsigned limit)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % limit;
}

static void check(int failed, const struct ptd_err *err)
{
    if (!failed)
        return;
    fprintf(stderr, "core_scale: %s\n", err->msg);
    exit(1);
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *what, double *since)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-44s %8.1f ms   %6.1f MB at most\n", what, (cpu() - *since) * 1e3,
           (double)usage.ru_maxrss / 1024);
    fflush(stdout);
    *since = cpu();
}

static void write_file(const char *path, const struct ptd_buf *text)
{
    FILE *file = fopen(path, "w");
    if (!file || fwrite(text->data, 1, text->len, file) != text->len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void source_path(size_t i, char path[256])
{
    snprintf(path, 256, "p%zu/m%zu.py", i / PACKAGE, i % PACKAGE);
}

static void test_path(size_t i, char path[256])
{
    snprintf(path, 256, "tests/test_%zu.py", i);
}

static void write_source(const char *name, size_t changed)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *path = ptd_path_join(root, name);
    for (size_t f = 0; f < FUNCTIONS; f++)
        ptd_buf_addf(&text, "def f%zu(a, b):\n    c = a + %zu\n    return c * b\n\n\n", f,
                     f < changed ? 1000 + f : f);
    write_file(path, &text);
}

static void write_project(void)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    char path[1024], name[256];
    mkdir(root, 0755);
    for (size_t i = 0; i < files; i++) {
        snprintf(path, sizeof(path), "%s/p%zu", root, i / PACKAGE);
        if (i % PACKAGE == 0)
            mkdir(path, 0755);
        source_path(i, name);
        write_source(name, 0);
    }
    snprintf(path, sizeof(path), "%s/tests", root);
    mkdir(path, 0755);
    for (size_t t = 0; t < TESTS_EACH; t++)
        ptd_buf_addf(&text, "def test_%zu():\n    assert True\n\n\n", t);
    for (size_t i = 0; i * TESTS_EACH < tests; i++) {
        test_path(i, name);
        snprintf(path, sizeof(path), "%s/%s", root, name);
        write_file(path, &text);
    }
}

/* Ids in the journal + 1, of sources and of their functions; 0 = not defined yet. */
static uint32_t *file_ids, *code_ids;

static uint32_t define_file(struct journal_builder *b, const char *name)
{
    struct stat st;
    PTD_CLEANUP_FREE char *path = ptd_path_join(root, name);
    if (stat(path, &st) < 0)
        exit(1);
    return jb_file(b, path, (uint64_t)st.st_size,
                   (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec,
                   (uint64_t)st.st_ino);
}

static uint32_t source_id(struct journal_builder *b, size_t i)
{
    char name[256];
    source_path(i, name);
    if (!file_ids[i])
        file_ids[i] = define_file(b, name) + 1;
    return file_ids[i] - 1;
}

static uint32_t function_id(struct journal_builder *b, size_t i, size_t f)
{
    char name[32];
    uint32_t *id = &code_ids[i * FUNCTIONS + f];
    snprintf(name, sizeof(name), "f%zu", f);
    if (!*id)
        *id = jb_code(b, source_id(b, i), (uint32_t)(1 + f * 5), name) + 1;
    return *id - 1;
}

/* The first source of a package imports the others and the package before, up to every tenth. */
static void import_source(struct journal_builder *b, size_t i)
{
    char name[256];
    uint32_t imports[PACKAGE + 1], count = 0;
    size_t first = i / PACKAGE * PACKAGE;
    for (size_t k = first + 1; i == first && k < first + PACKAGE && k < files; k++)
        imports[count++] = source_id(b, k);
    if (i == first && i / PACKAGE % 10)
        imports[count++] = source_id(b, first - PACKAGE);
    if (i != first)
        imports[count++] = source_id(b, first);
    snprintf(name, sizeof(name), "p%zu.m%zu", i / PACKAGE, i % PACKAGE);
    uint32_t named = jb_name(b, name);
    uint32_t scope = jb_scope(b, PTD_SCOPE_MODULE, source_id(b, i), name);
    jb_delta(b, scope, 0, (struct jb_delta){.imports = {imports, count}, .names = JB_IDS(named)});
}

static void import_package(struct journal_builder *b, size_t first)
{
    if (file_ids[first])
        return;
    if (first / PACKAGE % 10)
        import_package(b, first - PACKAGE);
    for (size_t i = first; i < first + PACKAGE && i < files; i++)
        import_source(b, i);
}

/* The first source of the package that a test file is about; it imports the next one as well. */
static uint32_t imported_by(size_t test_file)
{
    return (uint32_t)(test_file * 7 * PACKAGE % files);
}

static void run_test(struct journal_builder *b, size_t at, uint32_t file, uint32_t code,
                     uint32_t collect, const char *path)
{
    char nodeid[512];
    PTD_CLEANUP_FREE uint32_t *codes = ptd_xcalloc(dependencies + 1, sizeof(*codes));
    uint32_t near = imported_by(at / TESTS_EACH);
    for (size_t i = 0; i < dependencies; i++) {
        uint32_t module = (near + next_random(MODULES_HIT)) % (uint32_t)files;
        codes[i] = function_id(b, module, next_random(FUNCTIONS));
    }
    codes[dependencies] = code;
    test_path(at / TESTS_EACH, nodeid);
    size_t n = strlen(nodeid);
    snprintf(nodeid + n, sizeof(nodeid) - n, "::test_%zu", at % TESTS_EACH);
    jb_begin_test(b, nodeid);
    uint32_t scope = jb_scope(b, PTD_SCOPE_TEST, file, nodeid);
    jb_delta(b, scope, 0,
             (struct jb_delta){.codes = {codes, dependencies + 1}, .imports = JB_IDS(file)});
    jb_test(b, scope, PTD_OUTCOME_PASSED, 0, 1000, collect, nodeid, path);
}

static void run_file(struct journal_builder *b, size_t at, size_t last)
{
    char name[256], ids[TESTS_EACH][512];
    const char *list[TESTS_EACH + 1] = {NULL};
    uint32_t codes[TESTS_EACH];
    test_path(at, name);
    PTD_CLEANUP_FREE char *path = ptd_path_join(root, name);
    uint32_t imported = imported_by(at), next = (imported + PACKAGE) % (uint32_t)files;
    import_package(b, imported);
    import_package(b, next);
    uint32_t file = define_file(b, name);
    for (size_t t = 0; t < TESTS_EACH; t++) {
        char function[32];
        snprintf(function, sizeof(function), "test_%zu", t);
        codes[t] = jb_code(b, file, (uint32_t)(1 + t * 4), function);
        snprintf(ids[t], sizeof(ids[t]), "%s::%s", name, function);
        list[t] = ids[t];
    }
    uint32_t module = jb_scope(b, PTD_SCOPE_MODULE, file, name);
    jb_delta(b, module, 0,
             (struct jb_delta){.imports = JB_IDS(source_id(b, imported), source_id(b, next))});
    uint32_t collect = jb_scope(b, PTD_SCOPE_COLLECT, file, name);
    jb_delta(b, collect, 0, (struct jb_delta){.imports = JB_IDS(file)});
    jb_collect(b, collect, PTD_OUTCOME_PASSED, 0, path, list);
    for (size_t t = 0; t < TESTS_EACH && at * TESTS_EACH + t < last; t++)
        run_test(b, at * TESTS_EACH + t, file, codes[t], collect, path);
}

/* The journal of a run of the first `count` tests. */
static void write_journal(size_t count)
{
    struct journal_builder b;
    char path[1024];
    PTD_CLEANUP_BUF struct ptd_buf plan = PTD_BUF_INIT;
    mkdir(session, 0755);
    snprintf(path, sizeof(path), "%s/plan.json", session);
    ptd_buf_adds(&plan, "{}");
    write_file(path, &plan);
    seed = 1;
    file_ids = ptd_xcalloc(files, sizeof(*file_ids));
    code_ids = ptd_xcalloc(files * FUNCTIONS, sizeof(*code_ids));
    jb_start(&b);
    jb_scope(&b, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    jb_fact(&b, "role", "main");
    jb_fact(&b, "rootdir", root);
    jb_fact(&b, "tracer", "eval");
    for (size_t i = 0; i * TESTS_EACH < count; i++)
        run_file(&b, i, count);
    jb_finish(&b, 0);
    snprintf(path, sizeof(path), "%s/1-0.ptdj", session);
    write_file(path, &b.out);
    jb_release(&b);
    free(file_ids);
    free(code_ids);
}

/* The generator's memory is not the engine's. */
static void in_child(void (*work)(size_t), size_t argument)
{
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        work(argument);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
        exit(1);
}

static void write_all(size_t count)
{
    write_project();
    write_journal(count);
}

static void look(struct ptd_workspace *w)
{
    struct ptd_err err = {0};
    struct ptd_state_inputs inputs = {.root = root};
    if (w->state_loaded)
        ptd_state_release(&w->state);
    w->state_loaded = true;
    check(ptd_state_load(&w->state, w->store, true, &inputs, &err), &err);
}

static bool is_test_file(const char *path, void *arg)
{
    return ptd_workspace_is_test_file(arg, path);
}

static void ingest(struct ptd_workspace *w, bool complete)
{
    struct ptd_err err = {0};
    struct ptd_ingest_result result;
    struct ptd_ingest_request request = {.session_dir = session,
                                         .state = &w->state,
                                         .environment = environment,
                                         .complete = complete,
                                         .is_test_file = is_test_file,
                                         .is_test_file_arg = w};
    check(ptd_ingest(&request, &result, &err), &err);
    ptd_ingest_result_release(&result);
}

static void choose(struct ptd_workspace *w)
{
    struct ptd_err err = {0};
    struct ptd_verdict verdict;
    check(ptd_workspace_select(w, NULL, false, &verdict, &err), &err);
    printf("  (%zu of %zu selected)\n", verdict.selection.tests, verdict.selection.total);
    ptd_verdict_release(&verdict);
}

static void measure(struct ptd_workspace *w)
{
    struct ptd_err err = {0};
    char *note = NULL, name[256];
    double since = cpu();
    check(ptd_store_open(cache, false, &w->store, &note, &err), &err);
    look(w);
    say("first look", &since);
    ingest(w, true);
    say("first recording", &since);
    look(w);
    say("look: nothing changed", &since);
    choose(w);
    say("selection: nothing changed", &since);
    ingest(w, true);
    say("recording of the same again", &since);
    for (size_t i = 0; i < 20; i++) {
        source_path(i * 7 * PACKAGE % files + i, name);
        write_source(name, 1);
    }
    since = cpu();
    look(w);
    say("look: 20 files changed", &since);
    choose(w);
    say("selection: 20 blocks changed", &since);
    in_child(write_journal, tests < 1000 ? tests : 1000);
    since = cpu();
    ingest(w, false);
    say("recording of 1,000 tests in a new state", &since);
    in_child(write_journal, 1);
    since = cpu();
    ingest(w, false);
    say("recording of one test", &since);
    check(ptd_store_begin(w->store, &err), &err);
    check(ptd_store_collect_garbage(w->store, &err), &err);
    check(ptd_store_commit(w->store, &err), &err);
    say("garbage", &since);
}

int main(int argc, char **argv)
{
    struct ptd_workspace w = {.options = &options};
    struct stat st;
    char path[1024];
    if (argc < 2 || !realpath(argv[1], path)) {
        fputs("usage: core_scale EMPTY-DIRECTORY [FILES [TESTS [DEPENDENCIES]]]\n", stderr);
        return 4;
    }
    if (argc > 2)
        files = strtoull(argv[2], NULL, 10);
    if (argc > 3)
        tests = strtoull(argv[3], NULL, 10);
    if (argc > 4)
        dependencies = strtoull(argv[4], NULL, 10);
    snprintf(root, sizeof(root), "%.400s/project", path);
    snprintf(session, sizeof(session), "%.400s/session", path);
    snprintf(cache, sizeof(cache), "%.400s/cache", path);
    w.writable = true;
    w.environment.name = environment;
    w.project.rootdir = root;
    w.project.python_files = patterns;
    in_child(write_all, tests);
    measure(&w);
    snprintf(path, sizeof(path), "%s/pyt-diff.db", cache);
    if (stat(path, &st) == 0)
        printf("database %.1f MB\n", (double)st.st_size / 1e6);
    ptd_state_release(&w.state);
    ptd_store_close(w.store);
    return 0;
}
