#include "config/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/commands.h"
#include "config/nearest.h"
#include "config/option_table.h"
#include "config/pytest_args.h"
#include "config/shlex.h"

struct parser {
    struct ptd_options *out;
    struct ptd_pytest_args args;
    bool no_record; /* asked for by its own name, not by --diff */
    const struct ptd_command *command;
    const struct ptd_option_spec *seen[64]; /* options in front of the command */
    size_t seen_count;
    struct ptd_err *err;
};

static void pass_on(struct parser *p, const char *arg)
{
    struct ptd_options *out = p->out;
    out->pytest_args =
        ptd_xrealloc(out->pytest_args, (out->pytest_count + 1) * sizeof(*out->pytest_args));
    out->pytest_args[out->pytest_count++] = arg;
}

/* Passes on one pytest argument and what belongs to it; how many that is. */
static size_t pass_on_group(struct parser *p, const char *const *argv, size_t count)
{
    size_t n = ptd_pytest_args_scan(&p->args, argv, count);
    for (size_t i = 0; i < n; i++)
        pass_on(p, argv[i]);
    return n;
}

static int store(struct parser *p, const struct ptd_option_spec *spec, const char *value)
{
    if (spec->apply(p->out, spec, value, p->err) != 0)
        return -1;
    if (spec->offset == offsetof(struct ptd_options, no_record) && !spec->metavar)
        p->no_record = true;
    if (strcmp(spec->name, "--parallel") == 0)
        pass_on_group(p, (const char *[]){"-n", value ? value : "auto"}, 2);
    return 0;
}

static void note_given(struct parser *p, const char *const *argv, size_t count)
{
    struct ptd_options *out = p->out;
    out->given = ptd_xrealloc(out->given, (out->given_count + count) * sizeof(*out->given));
    for (size_t i = 0; i < count; i++)
        out->given[out->given_count++] = argv[i];
}

/* One of our own options, with its value in the same argument or the next; *used arguments. */
static int own_option(struct parser *p, const struct ptd_option_spec *spec, const char *const *argv,
                      size_t count, size_t *used)
{
    const char *equals = strchr(argv[0], '=');
    const char *value = equals ? equals + 1 : NULL;
    *used = 1;
    if (!spec->metavar && value)
        return ptd_err_set(p->err, PTD_E_USAGE, "%s takes no value", spec->name);
    if (spec->metavar && (!spec->optional || ptd_option_reaches(spec)) && !value && count > 1 &&
        argv[1][0] != '-') {
        value = argv[1];
        *used = 2;
    }
    if (spec->metavar && (value ? *value == '\0' : !spec->optional))
        return ptd_err_set(p->err, PTD_E_USAGE, "%s needs a value: %s %s", spec->name, spec->name,
                           spec->choices ? spec->choices : spec->metavar);
    if (ptd_option_find(spec->name, strlen(spec->name)) == spec)
        note_given(p, argv, *used);
    return store(p, spec, value);
}

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static const char *nearest_option(const char *name, size_t limit, size_t shortest)
{
    const char *candidates[64];
    size_t count = 0;
    for (size_t i = 0; i < ptd_option_count && count < 64; i++)
        if (strlen(ptd_option_table[i].name) >= shortest)
            candidates[count++] = ptd_option_table[i].name;
    return ptd_nearest_find(name, candidates, count, limit);
}

/*
 * An option that is nobody's we know is some plugin's and must reach it. Only what can hardly be
 * anything but a slip of the pen is refused: one edit away from a long name of ours, or with our
 * prefix.
 */
static int check_misspelt(struct parser *p, const char *arg)
{
    size_t len = strcspn(arg, "=");
    if (!starts_with(arg, "--") || len < 4 || ptd_pytest_args_known(arg, len))
        return 0;
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(arg, len);
    bool ours = starts_with(name, "--diff") || starts_with(name, "--pyt-diff");
    const char *near =
        ours ? nearest_option(name, 3, 0) : nearest_option(name, 1, strlen("--") + 6);
    if (!ours && !near)
        return 0;
    ptd_err_set(p->err, PTD_E_USAGE, "unknown option %s", name);
    if (near)
        return ptd_err_hint(p->err, "did you mean %s?", near);
    return ptd_err_hint(p->err, "run 'pyt-diff --help' for the options; behind \"--\" all are "
                                "pytest's");
}

static int refuse_option(struct parser *p, const char *arg)
{
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(arg, strcspn(arg, "="));
    const char *near = strlen(name) > 3 ? ptd_command_nearest_option(p->command, name) : NULL;
    ptd_err_set(p->err, PTD_E_USAGE, "%s has no option %s", p->command->name, name);
    if (near)
        return ptd_err_hint(p->err, "did you mean %s?", near);
    if (p->command->pytest)
        return ptd_err_hint(p->err, "arguments of pytest go behind \"--\"");
    return ptd_err_hint(p->err, "run 'pyt-diff %s --help' for its options", p->command->name);
}

/* -v, -q, -vv: true when it was one of these. */
static bool take_verbosity(struct parser *p, const char *arg)
{
    size_t n = strlen(arg);
    if (n < 2 || arg[0] != '-' || strspn(arg + 1, "v") + strspn(arg + 1, "q") != n - 1)
        return false;
    p->out->verbosity += arg[1] == 'v' ? (int)n - 1 : 1 - (int)n;
    return true;
}

static int check_words(struct parser *p)
{
    const struct ptd_command *c = p->command;
    if (p->out->help || p->out->short_help)
        return 0;
    if (p->out->word_count >= c->least && p->out->word_count <= c->most)
        return 0;
    ptd_err_set(p->err, PTD_E_USAGE, "%s needs %s: %s", c->name,
                p->out->word_count < c->least ? "an argument" : "fewer arguments", c->arguments);
    return ptd_err_hint(p->err, "run 'pyt-diff %s --help'", c->name);
}

/* What stands behind the name of a command. */
static int parse_command(struct parser *p, const char *const *argv, size_t count)
{
    for (size_t i = 0; i < p->seen_count; i++)
        if (!ptd_command_option(p->command, p->seen[i]->name, strlen(p->seen[i]->name)))
            return refuse_option(p, p->seen[i]->name);
    p->out->words = ptd_xcalloc(count + 1, sizeof(char *));
    for (size_t i = 0, used; i < count; i += used) {
        const struct ptd_option_spec *spec =
            ptd_command_option(p->command, argv[i], strcspn(argv[i], "="));
        used = 1;
        if (strcmp(argv[i], "--") == 0 && p->command->pytest) {
            for (i++; i < count; i += used)
                used = pass_on_group(p, argv + i, count - i);
            break;
        }
        if (spec) {
            if (own_option(p, spec, argv + i, count - i, &used) != 0)
                return -1;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            if (!take_verbosity(p, argv[i]))
                return refuse_option(p, argv[i]);
            note_given(p, argv + i, 1);
        } else {
            p->out->words[p->out->word_count++] = argv[i];
        }
    }
    return check_words(p);
}

/* A word that is no path, and nearly the name of a command. */
static int check_misspelt_command(struct parser *p, const char *word)
{
    const char *near = ptd_command_nearest(word);
    if (!near || strlen(word) < 5 || access(word, F_OK) == 0)
        return 0;
    ptd_err_set(p->err, PTD_E_USAGE, "there is no command and no path \"%s\"", word);
    return ptd_err_hint(p->err, "did you mean %s?", near);
}

static int parse_args(struct parser *p, const char *const *argv, size_t count)
{
    bool ours = true; /* until "--" */
    for (size_t i = 0, used; i < count; i += used) {
        used = 1;
        if (ours && strcmp(argv[i], "--") == 0) {
            ours = false;
            continue;
        }
        const struct ptd_option_spec *spec =
            ours ? ptd_option_find(argv[i], strcspn(argv[i], "=")) : NULL;
        if (spec) {
            if (own_option(p, spec, argv + i, count - i, &used) != 0)
                return -1;
            if (p->seen_count < sizeof(p->seen) / sizeof(p->seen[0]))
                p->seen[p->seen_count++] = spec;
            continue;
        }
        if (ours && !p->out->pytest_count && argv[i][0] != '-') {
            p->command = ptd_command_find(argv[i]);
            if (p->command) {
                p->out->verb = p->command->name;
                return parse_command(p, argv + i + 1, count - i - 1);
            }
            if (check_misspelt_command(p, argv[i]) != 0)
                return -1;
        }
        if (ours && check_misspelt(p, argv[i]) != 0)
            return -1;
        used = pass_on_group(p, argv + i, count - i);
    }
    return 0;
}

/* Words that pytest takes from elsewhere; it will refuse what cannot be split. */
static void scan_words(struct ptd_pytest_args *args, const char *text)
{
    char **words = NULL;
    size_t count = 0;
    if (ptd_shlex_split(text, &words, &count, NULL) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        ptd_strings_add(&args->out->owned, &args->out->owned_count, words[i]);
    ptd_pytest_args_scan_all(args, (const char *const *)words, count);
    free(words);
}

/* One difference at a time, and not what compares with something else. */
static int check_difference(struct parser *p)
{
    const struct ptd_options *out = p->out;
    const char *asked[] = {out->since ? "--since" : NULL, out->staged ? "--staged" : NULL,
                           out->working_tree ? "--working-tree" : NULL};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        if (first && asked[i])
            return ptd_err_set(p->err, PTD_E_USAGE, "%s and %s exclude each other", first,
                               asked[i]);
        first = first ? first : asked[i];
    }
    if (first && (out->baseline || out->since_baseline || out->audit || out->diff))
        return ptd_err_set(p->err, PTD_E_USAGE, "%s and %s exclude each other", first,
                           out->diff       ? "--diff"
                           : out->baseline ? "--baseline"
                           : out->audit    ? "--audit"
                                           : "--since-baseline");
    return 0;
}

/* --output-format and --output-file */
static int check_format(struct parser *p)
{
    static const char *const names[] = {
        [PTD_FORMAT_TEXT] = "text", [PTD_FORMAT_JSONL] = "jsonl", [PTD_FORMAT_GITHUB] = "github"};
    const struct ptd_options *out = p->out;
    bool lines = out->format == PTD_FORMAT_JSONL || out->format == PTD_FORMAT_GITHUB;
    if (out->json && out->format != PTD_FORMAT_AUTO && out->format != PTD_FORMAT_JSON)
        return ptd_err_set(p->err, PTD_E_USAGE, "--json and --output-format %s exclude each other",
                           names[out->format]);
    if (out->verb && lines) {
        ptd_err_set(p->err, PTD_E_USAGE, "%s has no output format %s", out->verb,
                    names[out->format]);
        return ptd_err_hint(p->err, "it has text and json");
    }
    if (out->format == PTD_FORMAT_JSONL && (out->off || out->collect_only))
        return ptd_err_set(p->err, PTD_E_USAGE, "--output-format jsonl and %s exclude each other",
                           out->off ? "--no-testmon" : "--collect-only");
    if (out->output_file && out->off)
        return ptd_err_set(p->err, PTD_E_USAGE,
                           "--output-file and --no-testmon exclude each other");
    if (out->output_file && !out->verb && !lines && !out->json && !out->dry_run && !out->audit) {
        ptd_err_set(p->err, PTD_E_USAGE, "--output-file: this run has no answer to be written");
        return ptd_err_hint(p->err, "it is for --json, --dry-run, --audit, and --output-format"
                                    " jsonl or github");
    }
    return 0;
}

static int check_combination(struct parser *p)
{
    struct ptd_options *out = p->out;
    out->json = out->json || out->format == PTD_FORMAT_JSON;
    if (check_difference(p) != 0)
        return -1;
    if (out->force && !out->baseline) {
        ptd_err_set(p->err, PTD_E_USAGE, "--force is for --baseline only");
        return ptd_err_hint(p->err, "'--mode all' runs every test");
    }
    if (out->audit && (p->no_record || out->diff || out->dry_run))
        return ptd_err_set(p->err, PTD_E_USAGE, "--audit and %s exclude each other",
                           out->dry_run ? "--dry-run"
                           : out->diff  ? "--diff"
                                        : "--no-record");
    if (out->audit && out->first)
        return ptd_err_set(p->err, PTD_E_USAGE, "--audit and --first exclude each other");
    if (out->off && (out->first || out->shards))
        return ptd_err_set(p->err, PTD_E_USAGE, "--no-testmon and %s exclude each other",
                           out->first ? "--first" : "--shard");
    if (out->baseline && p->no_record)
        return ptd_err_set(p->err, PTD_E_USAGE, "--baseline and --no-record exclude each other");
    if (out->line_coverage && (out->off || out->dry_run || out->json || out->collect_only))
        return ptd_err_set(p->err, PTD_E_USAGE, "--line-coverage and %s exclude each other",
                           out->off       ? "--no-testmon"
                           : out->dry_run ? "--dry-run"
                           : out->json    ? "--json"
                                          : "--collect-only");
    if (out->report_html && (out->off || out->dry_run || out->json || out->collect_only))
        return ptd_err_set(p->err, PTD_E_USAGE, "--report-html and %s exclude each other",
                           out->off       ? "--no-testmon"
                           : out->dry_run ? "--dry-run"
                           : out->json    ? "--json"
                                          : "--collect-only");
    if (check_format(p) != 0)
        return -1;
    bool as_diff = out->diff && !out->baseline;
    if (out->upload && (out->no_record || as_diff || out->offline || out->off || out->dry_run ||
                        out->json || out->collect_only))
        return ptd_err_set(p->err, PTD_E_USAGE, "--upload and %s exclude each other",
                           out->offline        ? "--offline"
                           : out->off          ? "--no-testmon"
                           : out->dry_run      ? "--dry-run"
                           : out->json         ? "--json"
                           : out->collect_only ? "--collect-only"
                           : out->no_record    ? "--no-record"
                                               : "--diff");
    if (as_diff)
        out->since_baseline = out->no_record = true;
    return 0;
}

int ptd_options_parse(int argc, char **argv, struct ptd_options *out, struct ptd_err *err)
{
    *out = (struct ptd_options){0};
    struct parser p = {.out = out, .args = {.out = out}, .err = err};
    const char *env = getenv("PYTEST_ADDOPTS"), *dir = getenv("PYT_DIFF_CACHE_DIR");
    if (env)
        scan_words(&p.args, env);
    int status = parse_args(&p, (const char *const *)argv, (size_t)argc);
    if (status == 0)
        status = check_combination(&p);
    if (!out->cache_dir && dir && *dir)
        out->cache_dir = dir;
    out->outcome_args = ptd_buf_steal(&p.args.outcome);
    return status;
}

/* Puts the strings of `front` in front of *array. */
static void prepend(const char ***array, size_t *count, const char **front, size_t front_count)
{
    if (!front_count)
        return;
    *array = ptd_xrealloc(*array, (*count + front_count) * sizeof(**array));
    memmove(*array + front_count, *array, *count * sizeof(**array));
    memcpy(*array, front, front_count * sizeof(**array));
    *count += front_count;
}

int ptd_options_apply_addopts(struct ptd_options *options, const char *addopts, struct ptd_err *err)
{
    (void)err;
    struct ptd_options said = {0};
    struct ptd_pytest_args args = {.out = &said};
    scan_words(&args, addopts);
    ptd_buf_release(&args.outcome);
    options->leaves_files |= said.leaves_files;
    options->informational |= said.informational;
    options->collect_only |= said.collect_only;
    options->debugger |= said.debugger;
    options->narrowed |= said.narrowed;
    options->junit |= said.junit;
    options->args_file |= said.args_file;
    if (!options->parallel_set)
        options->parallel = said.parallel;
    if (!options->verbosity_set)
        options->verbosity += said.verbosity;
    if (!options->color)
        options->color = said.color;
    prepend(&options->paths, &options->path_count, said.paths, said.path_count);
    prepend(&options->ignores, &options->ignore_count, said.ignores, said.ignore_count);
    prepend(&options->deselects, &options->deselect_count, said.deselects, said.deselect_count);
    prepend(&options->overrides, &options->override_count, said.overrides, said.override_count);
    for (size_t i = 0; i < said.owned_count; i++)
        ptd_strings_add(&options->owned, &options->owned_count, said.owned[i]);
    free(said.owned);
    said.owned = NULL;
    ptd_options_release(&said);
    return 0;
}

bool ptd_options_github(const struct ptd_options *options)
{
    const char *actions = getenv("GITHUB_ACTIONS");
    bool there = actions && strcmp(actions, "true") == 0;
    return options->format == PTD_FORMAT_GITHUB ||
           (options->format == PTD_FORMAT_AUTO && there && !options->json);
}

char *ptd_options_outcome_of(const char *addopts)
{
    struct ptd_options said = {0};
    struct ptd_pytest_args args = {.out = &said};
    scan_words(&args, addopts);
    ptd_options_release(&said);
    return ptd_buf_steal(&args.outcome);
}

void ptd_options_release(struct ptd_options *options)
{
    free(options->pytest_args);
    free(options->paths);
    free(options->words);
    free(options->given);
    free(options->rootdir_args);
    free(options->overrides);
    free(options->ignores);
    free(options->deselects);
    free(options->outcome_args);
    ptd_strings_free(options->owned);
    *options = (struct ptd_options){0};
}
