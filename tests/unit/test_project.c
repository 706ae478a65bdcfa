#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/pattern.h"
#include "config/project.h"
#include "config/setting_table.h"

static char top[] = "/tmp/ptd-project-XXXXXX"; /* a new one per test */
static char *real_top;

static int set_up(void **state)
{
    (void)state;
    memcpy(top + strlen(top) - 6, "XXXXXX", 6);
    if (!mkdtemp(top) || chdir(top) != 0)
        return -1;
    real_top = realpath(top, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    free(real_top);
    if (chdir("/") != 0)
        return -1;
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command) == 0 ? 0 : -1;
}

/* Writes a file below the top, making the directories above it. */
static void put(const char *name, const char *text)
{
    char *path = ptd_path_join(top, name);
    for (char *slash = path + strlen(top) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    free(path);
}

static int find(char **argv, int version, struct ptd_project *project, struct ptd_err *err)
{
    struct ptd_options options;
    int argc = 0;
    while (argv[argc])
        argc++;
    if (ptd_options_parse(argc, argv, &options, err) != 0)
        fail_msg("%s", err->msg);
    int status = ptd_project_find_as(&options, version, project, err);
    ptd_options_release(&options);
    return status;
}

#define ARGS(...) ((char **)(const char *[]){__VA_ARGS__, NULL})
#define NO_ARGS   ((char *[]){NULL})

static struct ptd_project found_as(char **argv, int version)
{
    struct ptd_project project;
    struct ptd_err err = {0};
    if (find(argv, version, &project, &err) != 0)
        fail_msg("%s", err.msg);
    return project;
}

static struct ptd_project found(char **argv)
{
    return found_as(argv, 0);
}

static void refuse(char **argv, enum ptd_code code, const char *message)
{
    struct ptd_project project;
    struct ptd_err err = {0};
    assert_int_equal(find(argv, 0, &project, &err), -1);
    assert_int_equal(err.code, code);
    assert_string_equal(err.msg, message);
}

/* Both relative to the top; "" is the top itself, NULL no file. */
static void check(char **argv, int version, const char *rootdir, const char *inifile)
{
    struct ptd_project project = found_as(argv, version);
    PTD_CLEANUP_FREE char *root =
        *rootdir ? ptd_path_join(real_top, rootdir) : ptd_xstrdup(real_top);
    PTD_CLEANUP_FREE char *ini = inifile ? ptd_path_join(real_top, inifile) : NULL;
    assert_string_equal(project.rootdir, root);
    if (!ini || !project.inifile)
        assert_ptr_equal(project.inifile, ini);
    else
        assert_string_equal(project.inifile, ini);
    ptd_project_release(&project);
}

static void check_list(char **list, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf got = PTD_BUF_INIT;
    ptd_buf_adds(&got, "");
    for (char **item = list; *item; item++)
        ptd_buf_addf(&got, "%s%s", item == list ? "" : "|", *item);
    assert_string_equal(got.data, expected);
}

static void check_origin(const struct ptd_project *p, const char *key, const char *where)
{
    const struct ptd_setting_spec *spec = ptd_setting_spec_find(key);
    assert_non_null(spec);
    const struct ptd_setting_origin *origin = &p->origins[spec - ptd_setting_table];
    if (!where)
        assert_null(origin->where);
    else
        assert_string_equal(origin->where, where);
}

static void test_nothing_there(void **state)
{
    (void)state;
    struct ptd_project p = found(NO_ARGS);
    assert_string_equal(p.rootdir, real_top);
    assert_string_equal(p.cwd, real_top);
    assert_null(p.inifile);
    assert_string_equal(p.addopts, "");
    check_list(p.python_files, "test_*.py|*_test.py");
    check_list(p.testpaths, "");
    assert_int_equal(p.batch_size, 20);
    assert_null(p.python);
    assert_int_equal(p.warning_count, 0);
    PTD_CLEANUP_FREE char *cache = ptd_path_join(real_top, ".pytest_cache/pyt-diff");
    assert_string_equal(p.cache_dir, cache);
    ptd_project_release(&p);
}

static void test_rootdir(void **state)
{
    (void)state;
    put("a/b/test_x.py", "");
    put("a/c/test_y.py", "");
    check(NO_ARGS, 0, "", NULL);
    check(ARGS("a/b"), 0, "", NULL);
    put("a/setup.py", "");
    check(ARGS("a/b/test_x.py::t"), 0, "a", NULL);
    check(ARGS("a/b", "a/c"), 0, "a", NULL);
    put("a/tox.ini", "[tox]\n");
    check(ARGS("a/b"), 0, "a", NULL);
    put("a/tox.ini", "[pytest]\n");
    check(ARGS("a/b"), 0, "a", "a/tox.ini");
    put("a/b/setup.cfg", "[tool:pytest]\n");
    check(ARGS("a/b"), 0, "a/b", "a/b/setup.cfg");
    check(ARGS("a/b", "a/c"), 0, "a", "a/tox.ini");
    check(ARGS("a/b", "nowhere"), 0, "a/b", "a/b/setup.cfg");
    put("a/pytest.ini", "");
    check(ARGS("a/c"), 0, "a", "a/pytest.ini");
    check(ARGS("--rootdir", "a/c", "a/b"), 0, "a/c", "a/b/setup.cfg");
    check(ARGS("-c", "a/b/setup.cfg"), 0, "a/b", "a/b/setup.cfg");
    check(ARGS("-c", "a/b/setup.cfg", "--rootdir=a"), 0, "a", "a/b/setup.cfg");
}

static void test_versions(void **state)
{
    (void)state;
    put("pyproject.toml", "[project]\nname = 'x'\n");
    check(NO_ARGS, 704, "", NULL);
    check(NO_ARGS, 801, "", "pyproject.toml");
    put("sub/test_a.py", "");
    put("sub/pyproject.toml", "[tool.pytest]\naddopts = ['-q']\n");
    put("sub/setup.py", "");
    check(ARGS("sub"), 704, "sub", NULL);
    check(ARGS("sub"), 900, "sub", "sub/pyproject.toml");
    put("sub/pytest.toml", "");
    check(ARGS("sub"), 804, "sub", "sub/pyproject.toml");
    check(ARGS("sub"), 0, "sub", "sub/pytest.toml");
}

static void test_refused(void **state)
{
    (void)state;
    char message[512];
    snprintf(message, sizeof(message), "configuration file %s/no.ini not found", real_top);
    refuse(ARGS("-c", "no.ini"), PTD_E_CONFIG, message);
    snprintf(message, sizeof(message), "--rootdir: directory %s/no not found", real_top);
    refuse(ARGS("--rootdir=no"), PTD_E_USAGE, message);
    put("pytest.ini", "[pytest]\ndiff_batch_size = many\n");
    refuse(NO_ARGS, PTD_E_CONFIG,
           "pytest.ini: [pytest] diff_batch_size: expected a whole number, got \"many\"");
    refuse(ARGS("-o", "diff_batch_size=1", "-odiff_cache_size=-2"), PTD_E_USAGE,
           "-o diff_cache_size: expected a whole number, got \"-2\"");
    put("pytest.ini", "[pytest]\n");
    put("pyproject.toml", "[tool.pyt-diff]\nbatch-size = \"x\"\n");
    refuse(NO_ARGS, PTD_E_CONFIG,
           "pyproject.toml: [tool.pyt-diff] batch-size: expected a whole number, got \"x\"");
    put("pyproject.toml", "[tool.pyt-diff]\ncache_size = [1]\n");
    refuse(NO_ARGS, PTD_E_CONFIG,
           "pyproject.toml: [tool.pyt-diff] cache_size: expected a whole number, got \"[1]\"");
    put("pyproject.toml", "[tool.pyt-diff]\npython = 3\n");
    refuse(NO_ARGS, PTD_E_CONFIG,
           "pyproject.toml: [tool.pyt-diff] python: expected a path, got \"3\"");
}

static void test_values(void **state)
{
    (void)state;
    put("tox.ini", "[pytest]\naddopts = -q\n  -k 'a b'\npython_files = a_*.py 'b c.py'\n"
                   "testpaths = tests more\ndiff_batch_size = 5\ndiff_cache_size: 6\n");
    struct ptd_project p = found(NO_ARGS);
    assert_string_equal(p.addopts, "-q\n-k 'a b'");
    check_list(p.python_files, "a_*.py|b c.py");
    check_list(p.testpaths, "tests|more");
    assert_int_equal(p.batch_size, 5);
    assert_int_equal(p.cache_size, 6);
    ptd_project_release(&p);
    p = found(ARGS("-o", "python_files=z.py", "--override-ini=diff_batch_size=9"));
    check_list(p.python_files, "z.py");
    assert_int_equal(p.batch_size, 9);
    ptd_project_release(&p);

    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ['-k', 'a b']\ndiff_batch_size=8\n"
                          "[tool.pyt-diff]\nbatch_size = 7\npython = 'venv/bin/python'\n");
    p = found(NO_ARGS);
    assert_string_equal(p.addopts, "-k 'a b'");
    assert_int_equal(p.batch_size, 7);
    assert_string_equal(p.python, "venv/bin/python");
    ptd_project_release(&p);
}

/* -o before the variable, before [tool.pyt-diff], before pytest's section. */
static void test_order_of_places(void **state)
{
    (void)state;
    put("pytest.ini", "[pytest]\ndiff_batch_size = 2\ndiff_opaque = trust\ndiff_env = A\n");
    struct ptd_project p = found(NO_ARGS);
    assert_int_equal(p.batch_size, 2);
    assert_true(p.trust_opaque);
    check_origin(&p, "batch-size", "pytest.ini: [pytest] diff_batch_size");
    check_origin(&p, "cache-size", NULL);
    ptd_project_release(&p);
    put("pyproject.toml", "[tool.pyt-diff]\nbatch_size = 3\nopaque = 'run'\nenv = ['B']\n"
                          "[tool.pyt-diff.dependencies]\na = 'b'\nc = 'd'\n");
    p = found(NO_ARGS);
    assert_int_equal(p.batch_size, 3);
    assert_false(p.trust_opaque);
    check_list(p.env, "A|B");
    check_origin(&p, "batch-size", "pyproject.toml: [tool.pyt-diff] batch_size");
    check_origin(&p, "env", "pytest.ini: [pytest] diff_env, pyproject.toml: [tool.pyt-diff] env");
    check_origin(&p, "dependencies", "pyproject.toml: [tool.pyt-diff] dependencies");
    ptd_project_release(&p);
}

static void test_variables(void **state)
{
    (void)state;
    put("pyproject.toml", "[tool.pyt-diff]\nbatch_size = 3\nopaque = 'trust'\nenv = ['B']\n");
    setenv("PYT_DIFF_BATCH_SIZE", "4", 1);
    setenv("PYT_DIFF_PYTHON", "env/bin/python", 1);
    setenv("PYT_DIFF_OPAQUE", "", 1);
    struct ptd_project p = found(NO_ARGS);
    assert_int_equal(p.batch_size, 4);
    assert_int_equal(p.python[0], '/');
    assert_true(p.trust_opaque);
    check_origin(&p, "batch-size", "PYT_DIFF_BATCH_SIZE");
    ptd_project_release(&p);
    p = found(ARGS("-o", "diff_batch_size=5", "-odiff_env=C"));
    assert_int_equal(p.batch_size, 5);
    check_list(p.env, "B|C");
    check_origin(&p, "batch-size", "-o diff_batch_size");
    ptd_project_release(&p);
    setenv("PYT_DIFF_BATCH_SIZE", "x", 1);
    refuse(NO_ARGS, PTD_E_USAGE, "PYT_DIFF_BATCH_SIZE: expected a whole number, got \"x\"");
    unsetenv("PYT_DIFF_BATCH_SIZE");
    unsetenv("PYT_DIFF_PYTHON");
    unsetenv("PYT_DIFF_OPAQUE");
}

/* What is ours in a file that nobody can read may not get lost. */
static void test_broken_own_table(void **state)
{
    (void)state;
    put("pytest.ini", "[pytest]\n");
    put("pyproject.toml", "[tool.pyt-diff]\npython = \"x\n");
    refuse(NO_ARGS, PTD_E_CONFIG, "pyproject.toml: line 2: string without an end");
    put("pyproject.toml", "[tool.other]\npython = \"x\n");
    struct ptd_project p = found(NO_ARGS);
    ptd_project_release(&p);
}

/* Other keys of this beginning may be another plugin's. */
static void test_unknown_keys_of_pytest(void **state)
{
    (void)state;
    put("tox.ini", "[pytest]\ndiff_batchsize = 3\ndiff_symbols = true\n");
    struct ptd_project p = found(NO_ARGS);
    assert_int_equal(p.warning_count, 1);
    assert_string_equal(
        p.warnings[0],
        "tox.ini: [pytest] unknown key \"diff_batchsize\", did you mean diff_batch_size?");
    ptd_project_release(&p);
}

static void test_unknown_keys(void **state)
{
    (void)state;
    put("pyproject.toml", "[tool.pyt-diff]\nbatchsize = 3\nentirely = 1\n[tool.pyt-diff.rules]\n"
                          "a = 1\nb = 2\n");
    struct ptd_project p = found(NO_ARGS);
    assert_int_equal(p.warning_count, 3);
    assert_string_equal(
        p.warnings[0],
        "pyproject.toml: [tool.pyt-diff] unknown key \"batchsize\", did you mean batch-size?");
    assert_string_equal(p.warnings[1], "pyproject.toml: [tool.pyt-diff] unknown key \"entirely\"");
    assert_string_equal(p.warnings[2], "pyproject.toml: [tool.pyt-diff] unknown key \"rules\"");
    ptd_project_release(&p);
}

static void check_cache(char **argv, const char *expected)
{
    struct ptd_project p = found(argv);
    PTD_CLEANUP_FREE char *path = ptd_path_join(real_top, expected);
    assert_string_equal(p.cache_dir, path);
    ptd_project_release(&p);
}

static void test_cache_dir(void **state)
{
    (void)state;
    setenv("PROBE", "p", 1);
    put("pytest.ini", "[pytest]\ncache_dir = $PROBE/x/${PROBE}/$NONE_SUCH\n");
    check_cache(NO_ARGS, "p/x/p/$NONE_SUCH/pyt-diff");
    check_cache(ARGS("-o", "cache_dir=/abs/dir"), "/abs/dir/pyt-diff");
    setenv("HOME", "/people/me/", 1);
    check_cache(ARGS("-ocache_dir=~/c"), "/people/me/c/pyt-diff");
    put("pytest.ini", "[pytest]\naddopts = -o cache_dir=deep\n");
    check_cache(NO_ARGS, "deep/pyt-diff");
    check_cache(ARGS("-ocache_dir=c"), "c/pyt-diff");
    check_cache(ARGS("--cache-dir", "mine/../own"), "own");
    setenv("PYT_DIFF_CACHE_DIR", "/from/env", 1);
    check_cache(NO_ARGS, "/from/env");
    check_cache(ARGS("--cache-dir=own"), "own");
    unsetenv("PYT_DIFF_CACHE_DIR");
    put("pytest.ini", "");
    setenv("TOX_ENV_DIR", "/tox", 1);
    check_cache(NO_ARGS, "/tox/.pytest_cache/pyt-diff");
    unsetenv("TOX_ENV_DIR");
}

static struct ptd_hash128 hash_now(char **argv)
{
    struct ptd_project p = found(argv);
    struct ptd_hash128 hash = p.config_hash;
    ptd_project_release(&p);
    return hash;
}

static void check_hash(const struct ptd_hash128 *before, bool same)
{
    struct ptd_hash128 now = hash_now(NO_ARGS);
    assert_int_equal(ptd_hash128_equal(before, &now), same);
}

static void test_config_hash(void **state)
{
    (void)state;
    struct ptd_hash128 none = hash_now(NO_ARGS);
    put("pyproject.toml", "[project]\nversion = '1'\n[tool.pytest.ini_options]\naddopts = '-q'\n");
    struct ptd_hash128 first = hash_now(NO_ARGS);
    check_hash(&none, false);
    put("pyproject.toml", "# new\n[tool.pytest.ini_options] # x\naddopts =  '-q' # y\n\n"
                          "[project]\nversion = '2'\n[tool.black]\nx = 1\n");
    check_hash(&first, true);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-q'\ndiff_batch_size = 3\n");
    check_hash(&first, true);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-qq --tb=short -n2'\n");
    check_hash(&first, true);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts=['-p', 'no:cacheprovider']\n"
                          "testpaths=['a']\ncache_dir='c'\nminversion='7'\njunit_family='x'\n"
                          "log_cli=true\nconsole_output_style='x'\nmarkers=['m: x']\n");
    check_hash(&first, true);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-p no:randomly'\n");
    check_hash(&first, false);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-q'\nlog_cli_level='DEBUG'\n");
    check_hash(&first, false);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-q'\nsomething_new='x'\n");
    check_hash(&first, false);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-q'\nxfail_strict = true\n");
    check_hash(&first, false);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-q'\n[tool.pytest.ini_options.x]\n");
    check_hash(&first, false);
    put("pyproject.toml", "[tool.pytest.ini_options]\naddopts='-q'\n");
    check_hash(&first, true);
    put("pytest.ini", "[pytest]\naddopts = -q\n");
    check_hash(&first, false);
    struct ptd_hash128 ini = hash_now(NO_ARGS);
    put("pytest.ini", "[other]\nx = 1\n[pytest]\n; c\naddopts: -q\n");
    check_hash(&ini, true);
    put("pytest.ini", "[pytest]\naddopts = -q\n  -x\n");
    check_hash(&ini, true);
    put("pytest.ini", "[pytest]\naddopts = -q\n  --runxfail\n");
    check_hash(&ini, false);
}

/* Which markers are registered matters where another one is an error. */
static void test_markers_in_hash(void **state)
{
    (void)state;
    static const char *const heads[] = {"addopts = --strict-markers\n",
                                        "filterwarnings =\n  error\n", "strict_markers = true\n",
                                        "addopts = -W error\n"};
    put("pytest.ini", "[pytest]\nxfail_strict = true\nmarkers = a\n");
    struct ptd_hash128 lax = hash_now(NO_ARGS);
    put("pytest.ini", "[pytest]\nxfail_strict = true\nmarkers = b\n");
    check_hash(&lax, true);
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        char text[128];
        snprintf(text, sizeof(text), "[pytest]\n%smarkers = a\n", heads[i]);
        put("pytest.ini", text);
        struct ptd_hash128 strict = hash_now(NO_ARGS);
        snprintf(text, sizeof(text), "[pytest]\n%smarkers = b\n", heads[i]);
        put("pytest.ini", text);
        check_hash(&strict, false);
    }
}

static void check_rules(const char *text, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf got = PTD_BUF_INIT;
    put("pyproject.toml", text);
    struct ptd_project p = found(NO_ARGS);
    ptd_buf_adds(&got, "");
    for (size_t i = 0; i < p.rule_count; i++) {
        ptd_buf_addf(&got, "%s:", p.rules[i].left);
        for (char **r = p.rules[i].right; *r; r++)
            ptd_buf_addf(&got, " %s", *r);
        ptd_buf_adds(&got, ";");
    }
    for (char **e = p.env; e && *e; e++)
        ptd_buf_addf(&got, "+%s", *e);
    for (char **e = p.ignore_env; e && *e; e++)
        ptd_buf_addf(&got, "-%s", *e);
    assert_string_equal(got.data ? got.data : "", expected);
    assert_int_equal(p.warning_count, 0);
    ptd_project_release(&p);
}

static void test_rules(void **state)
{
    (void)state;
    check_rules("[tool.pyt-diff.dependencies]\n\"tests/**\" = [\"a.md\", 'b/*.json']\nx = \"y\"\n",
                "tests/**: a.md b/*.json;x: y;");
    check_rules("[tool.pyt-diff]\nenv = [\"A\", \"B_*\"]\nignore-env = [\"C\"]\n"
                "dependencies = { \"a.py\" = \"b\" }\n",
                "a.py: b;+A+B_*-C");
    check_rules("[tool.pytest.ini_options]\ndiff_env = \"A B\"\ndiff_ignore_env = [\"C\"]\n"
                "diff_dependencies = [\"'t 1/*' -> a b\", \"c -> d\"]\n",
                "t 1/*: a b;c: d;+A+B-C");
    check_rules("[tool.pyt-diff.dependencies]\n", "");
}

static void check_refused(const char *text, const char *message)
{
    struct ptd_options options;
    struct ptd_project p;
    struct ptd_err err = {0};
    put("pyproject.toml", text);
    assert_int_equal(ptd_options_parse(0, NO_ARGS, &options, &err), 0);
    assert_int_equal(ptd_project_find(&options, &p, &err), -1);
    assert_int_equal(err.code, PTD_E_CONFIG);
    assert_string_equal(err.msg, message);
    ptd_options_release(&options);
}

static void test_bad_rules(void **state)
{
    (void)state;
    check_refused("[tool.pyt-diff.dependencies]\n\"t/*\" = [\"/abs\"]\n",
                  "pyproject.toml: [tool.pyt-diff.dependencies] t/*: the pattern \"/abs\" is "
                  "absolute; patterns are relative to the rootdir");
    check_refused("[tool.pyt-diff.dependencies]\n\"[x\" = \"y\"\n",
                  "pyproject.toml: [tool.pyt-diff.dependencies] [x: the pattern \"[x\" has a '[' "
                  "without a ']'");
    check_refused("[tool.pyt-diff.dependencies]\nx = 3\n",
                  "pyproject.toml: [tool.pyt-diff.dependencies] x: expected a pattern or a list of "
                  "patterns");
    check_refused("[tool.pyt-diff.dependencies]\nx = []\n",
                  "pyproject.toml: [tool.pyt-diff.dependencies] x: names nothing that is depended "
                  "on");
    check_refused("[tool.pyt-diff]\ndependencies = 3\n",
                  "pyproject.toml: [tool.pyt-diff] dependencies: expected a table, got 3");
    check_refused("[tool.pyt-diff]\nenv = 3\n",
                  "pyproject.toml: [tool.pyt-diff] env: expected a list of names, got \"3\"");
    check_refused("[tool.pytest.ini_options]\ndiff_dependencies = \"a b\"\n",
                  "pyproject.toml: [tool.pytest.ini_options] diff_dependencies: expected \"PATTERN "
                  "-> PATTERN [PATTERN ...]\", got \"a b\"");
}

/* A file with a mistake is the one that is chosen, and every change of it counts. */
static void test_broken_files(void **state)
{
    (void)state;
    put("tox.ini", "[pytest\nx\n");
    check(NO_ARGS, 0, "", "tox.ini");
    struct ptd_hash128 first = hash_now(NO_ARGS);
    check_hash(&first, true);
    put("tox.ini", "[pytest\ny\n");
    check_hash(&first, false);
    put("pyproject.toml", "[tool.pytest.ini_options]\nx = \n[tool.pyt-diff]\nbatch-size='x'\n");
    check(NO_ARGS, 0, "", "pyproject.toml");
}

static void check_test_file(const char *python_files, const char *path, bool expected)
{
    char over[256];
    snprintf(over, sizeof(over), "-opython_files=%s", python_files);
    struct ptd_project p = found(ARGS(over));
    if (ptd_project_is_test_file(&p, path) != expected)
        fail_msg("%s in %s", path, python_files);
    ptd_project_release(&p);
}

static void test_is_test_file(void **state)
{
    (void)state;
    struct ptd_project p = found(NO_ARGS);
    assert_true(ptd_project_is_test_file(&p, "test_a.py"));
    assert_true(ptd_project_is_test_file(&p, "x/y/a_test.py"));
    assert_false(ptd_project_is_test_file(&p, "test_dir/a.py"));
    assert_false(ptd_project_is_test_file(&p, "x/test_a.pyc"));
    assert_false(ptd_project_is_test_file(&p, "x/test_a.txt"));
    ptd_project_release(&p);
    check_test_file("*.py", "a.py", true);
    check_test_file("*", "a.txt", false);
    check_test_file("tests/*.py", "tests/a.py", true);
    check_test_file("tests/*.py", "x/tests/y/a.py", true);
    check_test_file("tests/*.py", "mytests/a.py", false);
    check_test_file("tests.py", "x/tests.py", true);
    check_test_file("", "test_a.py", false);
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool match;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"a*b*c", "aXbXbXc", true},
        {"a*b*c", "aXbXb", false},
        {"?", "\xc3\xa9", true},
        {"?", "", false},
        {"[ab]x", "bx", true},
        {"[!ab]x", "bx", false},
        {"[!ab]x", "cx", true},
        {"[^a]", "^", true},
        {"[^a]", "b", false},
        {"[]]", "]", true},
        {"[!]]", "a", true},
        {"[a-c]", "b", true},
        {"[a-c]", "d", false},
        {"[a-]", "-", true},
        {"[-a]", "-", true},
        {"[z-a]", "b", false},
        {"[ab", "[ab", true},
        {"\\*", "\\x", true},
        {"*.py", "a/b.py", true},
        {"a", "A", false},
        {"***a", "bca", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (ptd_pattern_match(cases[i].pattern, cases[i].name) != cases[i].match)
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_there),
        TEST(test_rootdir),
        TEST(test_versions),
        TEST(test_refused),
        TEST(test_values),
        TEST(test_unknown_keys),
        TEST(test_unknown_keys_of_pytest),
        TEST(test_order_of_places),
        TEST(test_variables),
        TEST(test_broken_own_table),
        TEST(test_cache_dir),
        TEST(test_config_hash),
        TEST(test_markers_in_hash),
        TEST(test_rules),
        TEST(test_bad_rules),
        TEST(test_broken_files),
        TEST(test_is_test_file),
        cmocka_unit_test(test_patterns),
    };
    unsetenv("PYTEST_ADDOPTS");
    unsetenv("PYT_DIFF_CACHE_DIR");
    unsetenv("TOX_ENV_DIR");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
