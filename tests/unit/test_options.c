#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/shlex.h"

#define MAX_ARGS 32

/* The arguments, separated by single spaces; "_" in one stands for a space. */
struct line {
    char text[512];
    char *argv[MAX_ARGS];
    int argc;
};

static void split(struct line *line, const char *text)
{
    snprintf(line->text, sizeof(line->text), "%s", text);
    line->argc = 0;
    for (char *word = strtok(line->text, " "); word; word = strtok(NULL, " "))
        line->argv[line->argc++] = word;
    for (int i = 0; i < line->argc; i++)
        for (char *c = line->argv[i]; *c; c++)
            if (*c == '_')
                *c = ' ';
}

static struct line last;

static struct ptd_options parse(const char *text)
{
    struct ptd_options options;
    struct ptd_err err = {0};
    split(&last, text);
    if (ptd_options_parse(last.argc, last.argv, &options, &err) != 0)
        fail_msg("%s: %s", text, err.msg);
    return options;
}

static void refuse(const char *text, const char *message, const char *hint)
{
    struct ptd_options options;
    struct ptd_err err = {0};
    split(&last, text);
    assert_int_equal(ptd_options_parse(last.argc, last.argv, &options, &err), -1);
    assert_int_equal(err.code, PTD_E_USAGE);
    assert_string_equal(err.msg, message);
    assert_string_equal(err.hint, hint);
    ptd_options_release(&options);
}

static void same_list(const char **list, size_t count, const char *expected)
{
    struct ptd_buf got = PTD_BUF_INIT;
    ptd_buf_adds(&got, "");
    for (size_t i = 0; i < count; i++)
        ptd_buf_addf(&got, "%s%s", i ? "|" : "", list[i]);
    assert_string_equal(got.data, expected);
    ptd_buf_release(&got);
}

static void check_passed(const char *text, const char *expected)
{
    struct ptd_options o = parse(text);
    same_list(o.pytest_args, o.pytest_count, expected);
    ptd_options_release(&o);
}

static void check_paths(const char *text, const char *expected)
{
    struct ptd_options o = parse(text);
    same_list(o.paths, o.path_count, expected);
    ptd_options_release(&o);
}

static void check_outcome(const char *text, const char *expected)
{
    struct ptd_options o = parse(text);
    assert_string_equal(o.outcome_args, expected);
    ptd_options_release(&o);
}

static void test_own_options(void **state)
{
    (void)state;
    struct ptd_options o = parse("--baseline --force --python py --cache-dir=d/e --batch-size 7 "
                                 "--cache-size=9 --mode all --host preload --no-tests=fail "
                                 "--dry-run --json");
    assert_true(o.baseline && o.force && o.dry_run && o.json && o.fail_if_none);
    assert_string_equal(o.python, "py");
    assert_string_equal(o.cache_dir, "d/e");
    assert_int_equal(o.batch_size, 7);
    assert_int_equal(o.cache_size, 9);
    assert_int_equal(o.mode, PTD_MODE_ALL);
    assert_int_equal(o.host, PTD_HOST_PRELOAD);
    assert_int_equal(o.pytest_count, 0);
    ptd_options_release(&o);
    o = parse("--mode=affected --no-tests pass --host auto");
    assert_int_equal(o.mode, PTD_MODE_AFFECTED);
    assert_false(o.fail_if_none);
    ptd_options_release(&o);
}

static void test_differences(void **state)
{
    (void)state;
    struct ptd_options o = parse("--since main tests");
    assert_string_equal(o.since, "main");
    assert_int_equal(o.path_count, 1);
    ptd_options_release(&o);
    o = parse("--since=v1 tests");
    assert_string_equal(o.since, "v1");
    assert_int_equal(o.path_count, 1);
    ptd_options_release(&o);
    o = parse("--since -x tests");
    assert_string_equal(o.since, "");
    assert_int_equal(o.pytest_count, 2);
    ptd_options_release(&o);
    o = parse("tests --since");
    assert_string_equal(o.since, "");
    ptd_options_release(&o);
    o = parse("--staged");
    assert_true(o.staged && !o.working_tree && !o.since);
    ptd_options_release(&o);
    /* The value of --parallel is only taken from the same argument. */
    o = parse("--parallel 4");
    assert_int_equal(o.path_count, 1);
    ptd_options_release(&o);
}

static void test_aliases(void **state)
{
    (void)state;
    struct ptd_options o = parse("--diff");
    assert_true(o.since_baseline && o.no_record && !o.baseline);
    ptd_options_release(&o);
    o = parse("--diff-baseline --diff-force --diff-v --diff-batch-size 3 --diff-cache-size 4");
    assert_true(o.baseline && o.force && o.decision_log);
    assert_int_equal(o.batch_size, 3);
    assert_int_equal(o.cache_size, 4);
    ptd_options_release(&o);
    o = parse("--diff --diff-baseline");
    assert_true(o.baseline && !o.no_record && !o.since_baseline);
    ptd_options_release(&o);
    o = parse("--testmon --testmon-forceselect");
    assert_true(!o.no_record && !o.off && o.mode == PTD_MODE_AFFECTED && o.pytest_count == 0);
    ptd_options_release(&o);
    o = parse("--testmon-noselect --testmon-nocollect");
    assert_true(o.no_record && o.mode == PTD_MODE_ALL);
    ptd_options_release(&o);
    o = parse("--no-testmon");
    assert_true(o.off);
    ptd_options_release(&o);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("--basline", "unknown option --basline", "did you mean --baseline?");
    refuse("--basleine=3", "unknown option --basleine", "did you mean --baseline?");
    refuse("--diff-basline", "unknown option --diff-basline", "did you mean --diff-baseline?");
    refuse("--pyt-diff-something", "unknown option --pyt-diff-something",
           "run 'pyt-diff --help' for the options; behind \"--\" all are pytest's");
    refuse("--force", "--force is for --baseline only", "'--mode all' runs every test");
    refuse("--baseline --no-record", "--baseline and --no-record exclude each other", "");
    refuse("--baseline=1", "--baseline takes no value", "");
    refuse("--mode", "--mode needs a value: --mode affected|all", "");
    refuse("--mode --json", "--mode needs a value: --mode affected|all", "");
    refuse("--cache-dir=", "--cache-dir needs a value: --cache-dir DIR", "");
    refuse("--mode some", "--mode: expected affected|all, got \"some\"", "");
    refuse("--mode al", "--mode: expected affected|all, got \"al\"", "");
    refuse("--batch-size x", "--batch-size: expected a whole number, got \"x\"", "");
    refuse("--batch-size 3x", "--batch-size: expected a whole number, got \"3x\"", "");
    refuse("--batch-size 0", "--batch-size: expected a whole number, got \"0\"", "");
    refuse("--batch-size=-1", "--batch-size: expected a whole number, got \"-1\"", "");
    refuse("--diff-cache-size 99999999999",
           "--diff-cache-size: expected a whole number, got \"99999999999\"", "");
    refuse("--parallel=x", "--parallel: expected a whole number or auto, got \"x\"", "");
}

/* What some plugin may have must reach it. */
static void test_unknown_options_pass(void **state)
{
    (void)state;
    check_passed("--jason --dry --forc --diff-width 3 --diff-symbols --testmon-data x --base",
                 "--jason|--dry|--forc|--diff-width|3|--diff-symbols|--testmon-data|x|--base");
    check_passed("-- --basline --diff-x --baseline", "--basline|--diff-x|--baseline");
}

static void test_pass_through_in_order(void **state)
{
    (void)state;
    check_passed("-xvs --baseline tests -k a_or_b --json -m x tests/t.py::t[a]",
                 "-xvs|tests|-k|a or b|-m|x|tests/t.py::t[a]");
    check_passed("-k --baseline", "-k|--baseline");
    check_passed("-xk --json", "-xk|--json");
    check_passed("--tb --json", "--tb|--json");
    check_passed("--cov --json x", "--cov|x");
    check_passed("-- --help -- -h", "--help|--|-h");
    check_passed("--parallel", "-n|auto");
    check_passed("a --parallel=3 b", "a|-n|3|b");
    check_passed("--parallel 3", "-n|auto|3");
    struct ptd_options o = parse("-h --help --version");
    assert_true(o.short_help && o.help && o.version && !o.informational);
    ptd_options_release(&o);
    o = parse("-- -h");
    assert_true(!o.short_help && o.informational);
    ptd_options_release(&o);
}

static void test_verbosity(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        int verbosity;
    } cases[] = {
        {"", 0},     {"-v", 1},          {"-vv -v", 3},          {"-xvs", 1},
        {"-qq", -2}, {"--quiet -vv", 1}, {"--verbosity=2", 2},   {"-v --verbosity 2 -v", 3},
        {"-k v", 0}, {"-kvv", 0},        {"--verbosity=-1", -1}, {"--verbose", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ptd_options o = parse(cases[i].args);
        assert_int_equal(o.verbosity, cases[i].verbosity);
        ptd_options_release(&o);
    }
}

static void check_leaves_files(const char *text, bool expected)
{
    struct ptd_options o = parse(text);
    if (o.leaves_files != expected)
        fail_msg("%s: leaves_files %d", text, o.leaves_files);
    ptd_options_release(&o);
}

static void test_leaves_files(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "--lf",        "--last-failed",   "-x",          "-vx", "--maxfail=2",
        "--maxfail 1", "--ignore-glob=x", "--exitfirst",
    };
    static const char *const no[] = {
        "-k x",         "-kx",        "-m x",
        "--deselect=x", "--ignore x", "--ff",
        "--sw",         "--nf",       "-v -rA --tb short -p x -n 4 tests",
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        check_leaves_files(yes[i], true);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        check_leaves_files(no[i], false);
    check_leaves_files("--tb -x", false);
    check_leaves_files("-rx", false);
}

static void test_exclusions(void **state)
{
    (void)state;
    struct ptd_err err = {0};
    struct ptd_options o = parse("--ignore a --deselect=b.py::t --ignore=c");
    assert_int_equal(ptd_options_apply_addopts(&o, "--deselect d", &err), 0);
    same_list(o.ignores, o.ignore_count, "a|c");
    same_list(o.deselects, o.deselect_count, "d|b.py::t");
    ptd_options_release(&o);
}

static void test_flags(void **state)
{
    (void)state;
    struct ptd_options o = parse("--pdb --co -c x.ini --rootdir r --color=no");
    assert_true(o.debugger && o.collect_only && !o.parallel && !o.informational);
    assert_string_equal(o.inifile, "x.ini");
    assert_string_equal(o.rootdir, "r");
    assert_string_equal(o.color, "no");
    ptd_options_release(&o);
    static const char *const informs[] = {
        "-V",           "--markers",      "--fixtures",  "--fixtures-per-test",
        "--setup-plan", "--trace-config", "-- --version"};
    for (size_t i = 0; i < sizeof(informs) / sizeof(informs[0]); i++) {
        o = parse(informs[i]);
        assert_true(o.informational);
        ptd_options_release(&o);
    }
    static const char *const parallel[] = {
        "-n 4",       "-n4",       "-nauto", "-n=2",      "--numprocesses=1",
        "--parallel", "-n 0 -n 2", "-xn 2",  "--tx popen"};
    for (size_t i = 0; i < sizeof(parallel) / sizeof(parallel[0]); i++) {
        o = parse(parallel[i]);
        assert_true(o.parallel);
        ptd_options_release(&o);
    }
    o = parse("-n 3 -n0");
    assert_false(o.parallel);
    ptd_options_release(&o);
}

static void test_paths(void **state)
{
    (void)state;
    check_paths("tests a.py::t -k no -n 4 --cov src b", "tests|a.py::t|b");
    check_paths("--cov=src b", "b");
    check_paths("--unknown / --unknown=x y", "/|y");
    check_paths("--unknown /::t", "/::t");
    check_paths("--unknown nowhere/at/all z", "z");
    check_paths("-Z nowhere/at/all -Zx y", "y");
    check_paths("--metadata a b c", "c");
    check_paths("--benchmark-compare-fail a b -x c", "c");
    check_paths("-- -- -x y", "-x|y");
    check_paths("- x", "-|x");
    struct ptd_options o = parse("-n 4 --cov src -k a --unknown v b");
    same_list(o.rootdir_args, o.rootdir_count, "4|src|b");
    ptd_options_release(&o);
}

static void test_outcome_args(void **state)
{
    (void)state;
    check_outcome("", "");
    check_outcome("-xvs -k a -m b --lf --co --tb=short -ra --durations 3 --color no --junit-xml x "
                  "--cov x --cov-report=html -n 4 --dist loadfile --maxfail=1 tests",
                  "");
    check_outcome("-W error -Werror --pythonwarnings=x", "-W=error\n-W=error\n-W=x");
    check_outcome("-o a=b --override-ini c=d -p no:x", "-o=a=b\n-o=c=d\n-p=no:x");
    check_outcome("--strict-markers --foo --bar=1 --baz 2 -Zq", "--strict-markers\n--foo\n--bar=1\n"
                                                                "--baz=2\n-Z=q");
    check_outcome("--baseline --mode all", "");
    check_outcome("-p a\nb", "-p=a\\nb");
    check_outcome("--reruns 2 --timeout=3", "--reruns=2\n--timeout=3");
    struct ptd_options o = parse("-o a=b -oc=d");
    same_list(o.overrides, o.override_count, "a=b|c=d");
    ptd_options_release(&o);
}

static void test_environment(void **state)
{
    (void)state;
    setenv("PYTEST_ADDOPTS", "-k 'a b' -n 2 -v --foo=1 tests --rootdir=r1", 1);
    struct ptd_options o = parse("-v --rootdir=r2 b.py");
    same_list(o.pytest_args, o.pytest_count, "-v|--rootdir=r2|b.py");
    same_list(o.paths, o.path_count, "tests|b.py");
    assert_true(o.parallel);
    assert_int_equal(o.verbosity, 2);
    assert_string_equal(o.outcome_args, "--foo=1");
    assert_string_equal(o.rootdir, "r2");
    ptd_options_release(&o);
    setenv("PYTEST_ADDOPTS", "'open", 1);
    o = parse("-v");
    assert_int_equal(o.verbosity, 1);
    ptd_options_release(&o);
    unsetenv("PYTEST_ADDOPTS");
    setenv("PYT_DIFF_CACHE_DIR", "/c", 1);
    o = parse("");
    assert_string_equal(o.cache_dir, "/c");
    ptd_options_release(&o);
    o = parse("--cache-dir d");
    assert_string_equal(o.cache_dir, "d");
    ptd_options_release(&o);
    unsetenv("PYT_DIFF_CACHE_DIR");
}

static void test_addopts(void **state)
{
    (void)state;
    struct ptd_err err = {0};
    struct ptd_options o = parse("-v b -n 0");
    assert_int_equal(ptd_options_apply_addopts(&o, "-q -x -n 4 --foo 'a b'/c.py --color=yes", &err),
                     0);
    assert_true(o.leaves_files);
    assert_false(o.parallel);
    assert_int_equal(o.verbosity, 0);
    assert_string_equal(o.color, "yes");
    assert_string_equal(o.outcome_args, "");
    same_list(o.pytest_args, o.pytest_count, "-v|b|-n|0");
    same_list(o.paths, o.path_count, "b");
    ptd_options_release(&o);
    o = parse("b --verbosity=1 --color no");
    assert_int_equal(ptd_options_apply_addopts(&o, "a -n 4 -q --color=yes", &err), 0);
    same_list(o.paths, o.path_count, "a|b");
    assert_true(o.parallel);
    assert_int_equal(o.verbosity, 1);
    assert_string_equal(o.color, "no");
    assert_int_equal(ptd_options_apply_addopts(&o, "'open", &err), 0);
    ptd_options_release(&o);
}

static void test_args_file(void **state)
{
    (void)state;
    char name[] = "/tmp/ptd-options-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    static const char text[] = "tests/a.py::t[x y]\r\n-v\n-W\nerror\n";
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    char arg[64];
    snprintf(arg, sizeof(arg), "@%s", name);
    struct ptd_options o;
    assert_int_equal(ptd_options_parse(1, (char *[]){arg}, &o, NULL), 0);
    assert_true(o.args_file);
    assert_int_equal(o.verbosity, 1);
    assert_string_equal(o.outcome_args, "-W=error");
    same_list(o.paths, o.path_count, "tests/a.py::t[x y]");
    same_list(o.pytest_args, o.pytest_count, arg);
    ptd_options_release(&o);

    fd = open(name, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, arg, strlen(arg)), strlen(arg));
    close(fd);
    assert_int_equal(ptd_options_parse(1, (char *[]){arg}, &o, NULL), 0);
    assert_string_equal(o.outcome_args, arg);
    ptd_options_release(&o);
    unlink(name);
    o = parse("@/nowhere/at/all");
    assert_true(o.args_file);
    assert_string_equal(o.outcome_args, "@/nowhere/at/all");
    ptd_options_release(&o);
}

static void check_words(const char *text, const char *expected)
{
    char **words = NULL;
    size_t count;
    assert_int_equal(ptd_shlex_split(text, &words, &count, NULL), 0);
    same_list((const char **)words, count, expected);
    char *joined = ptd_shlex_join(words), **again = NULL;
    size_t again_count;
    assert_int_equal(ptd_shlex_split(joined, &again, &again_count, NULL), 0);
    same_list((const char **)again, again_count, expected);
    free(joined);
    ptd_strings_free(again);
    ptd_strings_free(words);
}

static void test_shlex(void **state)
{
    (void)state;
    check_words("", "");
    check_words("  a\tb\nc ", "a|b|c");
    check_words("a'b c'd \"e 'f\" '' # g", "ab cd|e 'f||#|g");
    check_words("a\\ b \"c\\\"d\\e\" 'f\\'", "a b|c\"d\\e|f\\");
    char **words = NULL;
    size_t count;
    assert_int_equal(ptd_shlex_split("a 'b", &words, &count, NULL), -1);
    assert_int_equal(ptd_shlex_split("a \"b\\", &words, &count, NULL), -1);
    assert_int_equal(ptd_shlex_split("a\\", &words, &count, NULL), -1);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_int_equal(ptd_nearest_distance("abc", "abc", 2), 0);
    assert_int_equal(ptd_nearest_distance("abc", "acb", 2), 1);
    assert_int_equal(ptd_nearest_distance("kitten", "sitting", 5), 3);
    assert_int_equal(ptd_nearest_distance("kitten", "sitting", 2), 3);
    assert_int_equal(ptd_nearest_distance("", "abc", 3), 3);
    static const char *const names[] = {"alpha", "beta", "betas"};
    assert_string_equal(ptd_nearest_find("bets", names, 3, 2), "beta");
    assert_null(ptd_nearest_find("omega", names, 3, 2));
}

/* Every option is there, lines are short, and the short page fits a screen. */
static void test_help(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        char *text = NULL;
        size_t size = 0, lines = 0;
        FILE *out = open_memstream(&text, &size);
        ptd_options_help(out, full);
        fclose(out);
        for (char *p = text; *p; p += strcspn(p, "\n") + 1, lines++)
            assert_true(strcspn(p, "\n") <= 80);
        assert_non_null(strstr(text, "pyt-diff -- --help"));
        assert_non_null(strstr(text, "--baseline"));
        if (!full)
            assert_true(lines <= 24);
        else
            for (const char *const *name =
                     (const char *const[]){"--no-tests", "--diff-v", "PYT_DIFF_CACHE_DIR",
                                           "Exit codes", "PYTEST_ADDOPTS", "VIRTUAL_ENV",
                                           "--testmon-noselect", NULL};
                 *name; name++)
                assert_non_null(strstr(text, *name));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_options),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown_options_pass),
        cmocka_unit_test(test_pass_through_in_order),
        cmocka_unit_test(test_verbosity),
        cmocka_unit_test(test_leaves_files),
        cmocka_unit_test(test_exclusions),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_outcome_args),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_addopts),
        cmocka_unit_test(test_args_file),
        cmocka_unit_test(test_shlex),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_help),
    };
    unsetenv("PYTEST_ADDOPTS");
    unsetenv("PYT_DIFF_CACHE_DIR");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
