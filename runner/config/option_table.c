#include "config/option_table.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(struct ptd_options *options, const struct ptd_option_spec *spec)
{
    return (char *)options + spec->offset;
}

static int set_flag(struct ptd_options *options, const struct ptd_option_spec *spec,
                    const char *value, struct ptd_err *err)
{
    (void)value, (void)err;
    *(bool *)field(options, spec) = true;
    return 0;
}

static int set_text(struct ptd_options *options, const struct ptd_option_spec *spec,
                    const char *value, struct ptd_err *err)
{
    (void)err;
    *(const char **)field(options, spec) = value;
    return 0;
}

int ptd_option_set_text(struct ptd_options *options, const struct ptd_option_spec *spec,
                        const char *value, struct ptd_err *err)
{
    return set_text(options, spec, value, err);
}

/* A name of git's; without one the default branch. */
int ptd_option_set_since(struct ptd_options *options, const struct ptd_option_spec *spec,
                         const char *value, struct ptd_err *err)
{
    if (value && *value == '-')
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected a branch or commit, got \"%s\"",
                           spec->name, value);
    options->since = value ? value : "";
    return 0;
}

static int set_number(struct ptd_options *options, const struct ptd_option_spec *spec,
                      const char *value, struct ptd_err *err)
{
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (end == value || *end || errno || number < 1 || number > INT_MAX || value[0] == ' ')
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected a whole number, got \"%s\"", spec->name,
                           value);
    *(int *)field(options, spec) = (int)number;
    return 0;
}

int ptd_option_set_number(struct ptd_options *options, const struct ptd_option_spec *spec,
                          const char *value, struct ptd_err *err)
{
    return set_number(options, spec, value, err);
}

int ptd_option_set_flag(struct ptd_options *options, const struct ptd_option_spec *spec,
                        const char *value, struct ptd_err *err)
{
    return set_flag(options, spec, value, err);
}

/* Position of `value` in "a|b|c", -1 when it is not there. */
static int choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (int i = 0;; i++) {
        size_t n = strcspn(choices, "|");
        if (n == len && memcmp(choices, value, n) == 0)
            return i;
        if (choices[n] == '\0')
            return -1;
        choices += n + 1;
    }
}

static int wrong_choice(const struct ptd_option_spec *spec, const char *value, struct ptd_err *err)
{
    return ptd_err_set(err, PTD_E_USAGE, "%s: expected %s, got \"%s\"", spec->name, spec->choices,
                       value);
}

static int set_mode(struct ptd_options *options, const struct ptd_option_spec *spec,
                    const char *value, struct ptd_err *err)
{
    int at = choice(spec->choices, value);
    if (at < 0)
        return wrong_choice(spec, value, err);
    options->mode = (enum ptd_mode)at;
    return 0;
}

static int set_host(struct ptd_options *options, const struct ptd_option_spec *spec,
                    const char *value, struct ptd_err *err)
{
    int at = choice(spec->choices, value);
    if (at < 0)
        return wrong_choice(spec, value, err);
    options->host = (enum ptd_host)at;
    return 0;
}

static int set_no_tests(struct ptd_options *options, const struct ptd_option_spec *spec,
                        const char *value, struct ptd_err *err)
{
    int at = choice(spec->choices, value);
    if (at < 0)
        return wrong_choice(spec, value, err);
    options->fail_if_none = at == 1;
    return 0;
}

static int set_format(struct ptd_options *options, const struct ptd_option_spec *spec,
                      const char *value, struct ptd_err *err)
{
    int at = choice(spec->choices, value);
    if (at < 0)
        return wrong_choice(spec, value, err);
    options->format = (enum ptd_format)(at + 1);
    return 0;
}

/* The count of workers becomes pytest's "-n"; the parser does that. */
static int check_parallel(struct ptd_options *options, const struct ptd_option_spec *spec,
                          const char *value, struct ptd_err *err)
{
    (void)options;
    bool number = value && *value && value[strspn(value, "0123456789")] == '\0';
    if (value && !number && strcmp(value, "auto") != 0 && strcmp(value, "logical") != 0)
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected a whole number or auto, got \"%s\"",
                           spec->name, value);
    return 0;
}

static int set_all(struct ptd_options *options, const struct ptd_option_spec *spec,
                   const char *value, struct ptd_err *err)
{
    (void)spec, (void)value, (void)err;
    options->mode = PTD_MODE_ALL;
    return 0;
}

#define SHARDS_MAX 10000

/* "I/N" */
static int set_shard(struct ptd_options *options, const struct ptd_option_spec *spec,
                     const char *value, struct ptd_err *err)
{
    unsigned shard = 0, shards = 0;
    int used = 0;
    bool digits = value[strspn(value, "0123456789/")] == '\0' && strlen(value) < 12;
    if (!digits || sscanf(value, "%u/%u%n", &shard, &shards, &used) != 2 || value[used])
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected I/N as in 1/4, got \"%s\"", spec->name,
                           value);
    if (shard < 1 || shard > shards || shards > SHARDS_MAX)
        return ptd_err_set(err, PTD_E_USAGE,
                           "%s: there is no shard %s: I goes from 1 to N, and N up to %d",
                           spec->name, value, SHARDS_MAX);
    options->shard = shard;
    options->shards = shards;
    return 0;
}

static int exclude_e2e(struct ptd_options *options, const struct ptd_option_spec *spec,
                       const char *value, struct ptd_err *err)
{
    (void)spec, (void)value, (void)err;
    options->e2e = PTD_E2E_EXCLUDE;
    return 0;
}

static int include_e2e(struct ptd_options *options, const struct ptd_option_spec *spec,
                       const char *value, struct ptd_err *err)
{
    (void)spec, (void)value, (void)err;
    options->e2e = PTD_E2E_INCLUDE;
    return 0;
}

/* The spelling of what is done anyway. */
static int set_nothing(struct ptd_options *options, const struct ptd_option_spec *spec,
                       const char *value, struct ptd_err *err)
{
    (void)options, (void)spec, (void)value, (void)err;
    return 0;
}

#define AT(member) offsetof(struct ptd_options, member)

/* clang-format off */
const struct ptd_option_spec ptd_option_table[] = {
    {"--baseline", NULL, false, set_flag, AT(baseline), NULL, PTD_GROUP_RECORD,
     "Build the baseline, or bring it up to date",
     "Build the baseline: the first time all tests run, later those that changes affect."},
    {"--force", NULL, false, set_flag, AT(force), NULL, PTD_GROUP_RECORD,
     NULL,
     "With --baseline: run every test and record it anew."},
    {"--no-record", NULL, false, set_flag, AT(no_record), NULL, PTD_GROUP_RECORD,
     "Leave the recorded data as it is",
     "Run the affected tests but leave the recorded data as it is."},
    {"--cache-dir", "DIR", false, set_text, AT(cache_dir), NULL, PTD_GROUP_RECORD,
     "Where the data lies",
     "Where the data lies; default: pyt-diff in pytest's cache directory (.pytest_cache)."
     " [env: PYT_DIFF_CACHE_DIR]"},
    {"--environment-name", "NAME", false, set_text, AT(environment_name), NULL, PTD_GROUP_RECORD,
     NULL,
     "Keep records of their own under NAME, apart from those without a name and from those of other"
     " names: for runs that differ in something that cannot be seen, such as the service that the"
     " tests talk to. [env: PYT_DIFF_ENVIRONMENT_NAME] [config: environment-name,"
     " diff_environment_name]"},
    {"--remote", "URL", false, set_text, AT(remote), NULL, PTD_GROUP_RECORD,
     "Fetch the shared baseline from there",
     "Before the run, fetch the baseline from URL when it has changed, and merge it beneath what is"
     " recorded here: file:///DIR/, s3://BUCKET/PREFIX/, https://HOST/PATH, redis://HOST/DB. Any"
     " failure stops the run. [env: PYT_DIFF_REMOTE] [config: remote, diff_remote_url]"},
    {"--upload", NULL, false, set_flag, AT(upload), NULL, PTD_GROUP_RECORD, NULL,
     "After the run, upload what is recorded to that URL, usually with --baseline."},
    {"--offline", NULL, false, set_flag, AT(offline), NULL, PTD_GROUP_RECORD, NULL,
     "Fetch nothing, whatever is configured."},
    {"--batch-size", "N", false, set_number, AT(batch_size), NULL, PTD_GROUP_RECORD, NULL,
     "Accepted for the sake of those who have it in their scripts (20); changes neither what runs"
     " nor what is recorded. [config: batch-size, diff_batch_size]"},
    {"--cache-size", "N", false, set_number, AT(cache_size), NULL, PTD_GROUP_RECORD, NULL,
     "Accepted likewise (100000). [config: cache-size, diff_cache_size]"},

    {"--since-baseline", NULL, false, set_flag, AT(since_baseline), NULL, PTD_GROUP_SELECT,
     NULL,
     "Compare with the last baseline instead of the newest record of each test."},
    {"--since", "REF", true, ptd_option_set_since, 0, NULL, PTD_GROUP_SELECT,
     "Run what changes since a branch or commit affect",
     "Run what the changes since REF affect: since the merge base of HEAD and REF, with what is not"
     " committed. Without REF the default branch is taken (origin/HEAD, else main or master). Where"
     " git cannot tell, the recorded data decides."},
    {"--staged", NULL, false, set_flag, AT(staged), NULL, PTD_GROUP_SELECT, NULL,
     "Run what the staged changes affect, and leave out what only other changes affect."},
    {"--working-tree", NULL, false, set_flag, AT(working_tree), NULL, PTD_GROUP_SELECT, NULL,
     "Run what the changes affect that are not staged, new files included."},
    {"--mode", "MODE", false, set_mode, 0, "affected|all", PTD_GROUP_SELECT,
     "Run affected tests (default) or all",
     "affected (default): run what changes affect; all: run every test and record it."},
    {"--first", NULL, false, set_flag, AT(first), NULL, PTD_GROUP_SELECT,
     NULL,
     "Run all tests: those that failed when they last ran, then the affected ones, then the rest, in"
     " each of these the shortest first."},
    {"--shard", "I/N", false, set_shard, 0, NULL, PTD_GROUP_SELECT,
     NULL,
     "Share what is selected out among N machines by recorded durations, and run part I (1 to N)."
     " Machines with the same recorded data come to the same parts; only what ran is recorded."},
    {"--exclude-e2e", NULL, false, exclude_e2e, 0, NULL, PTD_GROUP_SELECT,
     NULL,
     "Leave end-to-end tests out: those with the marker e2e or below a directory of that name."
     " [config: exclude-e2e, e2e-markers, e2e-paths]"},
    {"--no-exclude-e2e", NULL, false, include_e2e, 0, NULL, PTD_GROUP_SELECT, NULL,
     "Run end-to-end tests like others (default, unless exclude-e2e is configured)."},
    {"--dry-run", NULL, false, set_flag, AT(dry_run), NULL, PTD_GROUP_SELECT,
     "Print what would run",
     "Print the node ids of the tests that would run, then their number; run nothing."},
    {"--audit", NULL, false, set_flag, AT(audit), NULL, PTD_GROUP_SELECT,
     "Run all tests, and report what the selection missed",
     "Run all tests and list those whose outcome changed without being selected, with what changed"
     " since; exit 1 when there are any, else with pytest's code. With --json the answer is on"
     " standard output, and pytest's output on standard error."},
    {"--pass-cache", "URL", false, set_text, AT(passes.url), NULL, PTD_GROUP_SELECT, NULL,
     "Ask this server which affected tests passed elsewhere with exactly the dependencies that they"
     " have now, skip those, and tell it what passed. off: ask nobody."
     " [env: DRYCI_SERVER, config: pass-cache, diff_pass_cache]"},
    {"--pass-token", "TOKEN", false, set_text, AT(passes.token), NULL, PTD_GROUP_SELECT, NULL,
     "What the pass cache knows us by; @FILE: the first line of that file."
     " [env: DRYCI_TOKEN, config: pass-token, diff_pass_token]"},
    {"--pass-salt", "TEXT", false, set_text, AT(passes.salt), NULL, PTD_GROUP_SELECT, NULL,
     "Part of every key of the pass cache: with another one nothing is found."
     " [env: DRYCI_SALT, config: pass-salt, diff_pass_salt]"},
    {"--pass-timeout", "SECONDS", false, set_number, AT(passes.timeout), NULL, PTD_GROUP_SELECT,
     NULL,
     "How long one request to the pass cache may take (3)."
     " [env: DRYCI_TIMEOUT, config: pass-timeout, diff_pass_timeout]"},
    {"--json", NULL, false, set_flag, AT(json), NULL, PTD_GROUP_SELECT,
     "Print what would run, with reasons, as JSON",
     "Print the answer as JSON on standard output: the selection with its reasons (nothing runs), the"
     " audit, or what a command says."},
    {"--output-format", "FORMAT", false, set_format, 0, "text|json|jsonl|github", PTD_GROUP_SELECT,
     NULL,
     "text; json: the same as --json; jsonl: the tests run, and what was selected, each result and a"
     " summary are JSON objects on standard output, a line each as it happens (pytest's output is on"
     " standard error then); github: annotations for what was selected, for failures, flaky tests"
     " and warnings, and a section of the job summary ($GITHUB_STEP_SUMMARY). Default: github when"
     " GITHUB_ACTIONS is true, else text. [env: GITHUB_ACTIONS]"},
    {"--output-file", "FILE", false, set_text, AT(output_file), NULL, PTD_GROUP_SELECT, NULL,
     "Write the answer into FILE instead: what --json, --dry-run, --audit, a command, or the output"
     " formats jsonl and github say. FILE is replaced in one step; with jsonl and github lines are"
     " added as things happen."},
    {"--no-tests", "WHAT", false, set_no_tests, 0, "pass|fail", PTD_GROUP_SELECT, NULL,
     "When no test is affected: pass (exit 0, default) or fail (exit 5)."},

    {"--parallel", "N", true, check_parallel, 0, NULL, PTD_GROUP_RUN,
     "Run in N processes (pytest-xdist)",
     "Run in N processes, or as many as there are processors: pytest-xdist's -n N."},
    {"--line-coverage", "FILE", false, set_text, AT(line_coverage), NULL, PTD_GROUP_RUN,
     NULL,
     "Write the lines that each test executes into FILE, a data file of coverage.py with a context"
     " for each phase of each test; FILE is replaced, and has what ran."},
    {"--report-html", "FILE", false, set_text, AT(report_html), NULL, PTD_GROUP_RUN,
     NULL,
     "Write a page about the run into FILE: what was selected and the way from the change to it, how it"
     " came out and how long it took. FILE is replaced, and needs nothing else to be looked at."},
    {"--python", "PATH", false, set_text, AT(python), NULL, PTD_GROUP_RUN,
     "Interpreter or virtual environment",
     "Interpreter or virtual environment to run pytest in; default: $VIRTUAL_ENV, .venv or venv"
     " in the project or above it, then PATH. [config: python]"},
    {"--host", "HOW", false, set_host, 0, "auto|embed|preload|exec", PTD_GROUP_RUN, NULL,
     "How the interpreter is started: embed (its library in our process), preload or exec (its"
     " own executable); auto (default) takes the first that works."},

    {"--diff", NULL, false, set_flag, AT(diff), NULL, PTD_GROUP_ALIAS, NULL,
     "--since-baseline --no-record"},
    {"--diff-baseline", NULL, false, set_flag, AT(baseline), NULL, PTD_GROUP_ALIAS, NULL,
     "--baseline"},
    {"--diff-force", NULL, false, set_flag, AT(force), NULL, PTD_GROUP_ALIAS, NULL, "--force"},
    {"--diff-v", NULL, false, set_flag, AT(decision_log), NULL, PTD_GROUP_ALIAS, NULL,
     "Write every decision to standard error."},
    {"--diff-batch-size", "N", false, set_number, AT(batch_size), NULL, PTD_GROUP_ALIAS, NULL,
     "--batch-size N"},
    {"--diff-cache-size", "N", false, set_number, AT(cache_size), NULL, PTD_GROUP_ALIAS, NULL,
     "--cache-size N"},
    {"--diff-remote", "URL", false, set_text, AT(remote), NULL, PTD_GROUP_ALIAS, NULL,
     "--remote URL"},
    {"--diff-upload", NULL, false, set_flag, AT(upload), NULL, PTD_GROUP_ALIAS, NULL, "--upload"},
    {"--testmon", NULL, false, set_nothing, 0, NULL, PTD_GROUP_ALIAS, NULL,
     "What is done anyway."},
    {"--testmon-noselect", NULL, false, set_all, 0, NULL, PTD_GROUP_ALIAS, NULL, "--mode all"},
    {"--testmon-nocollect", NULL, false, set_flag, AT(no_record), NULL, PTD_GROUP_ALIAS, NULL,
     "--no-record"},
    {"--testmon-forceselect", NULL, false, set_nothing, 0, NULL, PTD_GROUP_ALIAS, NULL,
     "What is done anyway: -k, -m and paths narrow within what is affected."},
    {"--testmon-env", "NAME", false, set_text, AT(environment_name), NULL, PTD_GROUP_ALIAS, NULL,
     "--environment-name NAME"},
    {"--no-testmon", NULL, false, set_flag, AT(off), NULL, PTD_GROUP_ALIAS, NULL,
     "Plain pytest: nothing is selected, nothing recorded."},

    {"--dryci", NULL, false, set_flag, AT(passes.wanted), NULL, PTD_GROUP_ALIAS, NULL,
     "What is done anyway when a pass cache is known; an error when none is."},
    {"--dryci-no-skip", NULL, false, set_flag, AT(passes.no_ask), NULL, PTD_GROUP_ALIAS, NULL,
     "Do not ask the pass cache; tell it what passed."},
    {"--dryci-no-publish", NULL, false, set_flag, AT(passes.no_publish), NULL, PTD_GROUP_ALIAS,
     NULL, "Ask the pass cache; tell it nothing."},

    {"-h", NULL, false, set_flag, AT(short_help), NULL, PTD_GROUP_INFO,
     "This page", "This page."},
    {"--help", NULL, false, set_flag, AT(help), NULL, PTD_GROUP_INFO,
     "All options, exit codes, environment",
     "All options, exit codes and the environment."},
    {"--version", NULL, false, set_flag, AT(version), NULL, PTD_GROUP_INFO,
     "Version",
     "Version of pyt-diff and what it is built with."},
};
/* clang-format on */

const size_t ptd_option_count = sizeof(ptd_option_table) / sizeof(ptd_option_table[0]);

bool ptd_option_reaches(const struct ptd_option_spec *spec)
{
    return spec->apply == ptd_option_set_since;
}

const struct ptd_option_spec *ptd_option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < ptd_option_count; i++) {
        const struct ptd_option_spec *spec = &ptd_option_table[i];
        if (strncmp(spec->name, name, len) == 0 && spec->name[len] == '\0')
            return spec;
    }
    return NULL;
}
