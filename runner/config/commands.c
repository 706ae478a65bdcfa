#include "config/commands.h"

#include <stdint.h>
#include <string.h>

#include "config/nearest.h"

#define AT(member) offsetof(struct ptd_options, member)

/* Options that several commands take, in the order of --help. */
#define OF_ANSWER      "--json", "--output-format", "--output-file"
#define OF_INTERPRETER "--environment-name", "--python", "--host"
#define OF_ALL         "-h", "--help", NULL

static const char *const of_explain[] = {OF_ANSWER, "--since-baseline", "--cache-dir",
                                         OF_INTERPRETER, OF_ALL};
static const char *const of_recorded[] = {OF_ANSWER, "--cache-dir", OF_ALL};
static const char *const of_state[] = {OF_ANSWER, "--cache-dir", OF_INTERPRETER, OF_ALL};
static const char *const of_affected[] = {
    "--since", "--staged", "--working-tree", OF_ANSWER, "--cache-dir", OF_INTERPRETER, OF_ALL};
static const char *const of_migrate[] = {"--cache-dir", OF_INTERPRETER, OF_ALL};
static const char *const of_serve[] = {"--json", OF_ALL};
static const char *const of_nothing[] = {OF_ALL};

static const char *const of_watch[] = {"--since-baseline",
                                       "--first",
                                       "--exclude-e2e",
                                       "--no-exclude-e2e",
                                       "--no-record",
                                       "--cache-dir",
                                       "--environment-name",
                                       "--line-coverage",
                                       "--parallel",
                                       "--python",
                                       "--host",
                                       "-h",
                                       "--help",
                                       NULL};

/* clang-format off */
static const struct ptd_option_spec own_inspect[] = {
    {"--test", "NODEID", false, ptd_option_set_text, AT(inspect_test), NULL, PTD_GROUP_SELECT, NULL,
     "What this test depends on, and through what."},
    {"--file", "PATH", false, ptd_option_set_text, AT(inspect_file), NULL, PTD_GROUP_SELECT, NULL,
     "Which tests depend on this file, and on which parts of it."},
};

static const struct ptd_option_spec own_graph[] = {
    {"--transitive", NULL, false, ptd_option_set_flag, AT(transitive), NULL, PTD_GROUP_SELECT, NULL,
     "All that a module imports, through others as well, instead of what it imports itself."},
    {"--reverse", NULL, false, ptd_option_set_flag, AT(reverse), NULL, PTD_GROUP_SELECT, NULL,
     "Who imports a module, instead of what it imports."},
    {"--dot", NULL, false, ptd_option_set_flag, AT(dot), NULL, PTD_GROUP_SELECT, NULL,
     "The graph in the language of Graphviz: pyt-diff graph --dot | dot -Tsvg > graph.svg"},
};

static const struct ptd_option_spec own_affected[] = {
    {"--base", "REF", true, ptd_option_set_since, 0, NULL, PTD_GROUP_SELECT, NULL,
     "The same as --since."},
};

static const struct ptd_option_spec own_map[] = {
    {"--modules", NULL, false, ptd_option_set_flag, AT(map_modules), NULL, PTD_GROUP_SELECT, NULL,
     "Modules with their tests, instead of tests with their modules."},
};

const struct ptd_command ptd_command_table[] = {
    {"explain", "NODEID | FILE[:LINE] ... [-- PYTEST ARGUMENTS]",
     "Why a test runs or does not; what a change of a file would run",
     "Of a test: why it would run or not, from the change to the test. A class or function stands"
     " for all its tests.\n"
     "Of a file: which tests depend on which of its functions. Of a line: to what it belongs, and"
     " which tests a change there would run.\n"
     "Nothing runs and nothing is recorded. Behind \"--\" stand the arguments of pytest that the run"
     " would have. -v lists everything where there is more than fits a screen.",
     of_explain, NULL, 0, 1, SIZE_MAX, true},
    {"inspect", "[DATABASE]",
     "What is recorded",
     "A summary of the recorded data: tests, files, dependencies, environments, baselines and flaky"
     " tests. DATABASE is a database file, the directory that holds one, or a URL; without it, that"
     " of the project is taken.",
     of_recorded, own_inspect, sizeof(own_inspect) / sizeof(own_inspect[0]), 0, 1, false},
    {"watch", "[PATH ...] [-- PYTEST ARGUMENTS]",
     "Run the affected tests whenever a file is saved",
     "Run the affected tests now, and whenever a file changes that they may depend on. A change while"
     " tests run stops these and starts anew. Files that git ignores do not count unless a test is"
     " known to depend on them.\n"
     "Keys: Enter runs now, a all tests, f those that failed, o the affected ones again; p and t"
     " choose by file and by test name, c ends that; d runs with the debugger; h lists the keys, q"
     " quits.",
     of_watch, ptd_watch_option_table, PTD_WATCH_OPTIONS, 0, SIZE_MAX, true},
    {"graph", "[FILE...]",
     "Which modules import which",
     "The import graph of the project, or of FILE..., as text, JSON or Graphviz. It is told from the"
     " import statements of all Python sources, those in functions among them; what code imports by"
     " a computed name is not in it. Packages count as imported with their modules.\n"
     "Starts no Python, and parses only what it has not seen before.",
     of_recorded, own_graph, sizeof(own_graph) / sizeof(own_graph[0]), 0, SIZE_MAX, false},
    {"affected", "[FILE...]",
     "The modules and tests that changes affect",
     "Without FILE: what has changed since the tests were recorded, or, with --base, since a branch"
     " or commit, and the tests that would run. With FILE...: what any change of these would affect"
     " at most.\n"
     "Modules are the changed ones and all that import them; tests are told by what is recorded, by"
     " functions and definitions. Nothing runs and nothing is recorded.",
     of_affected, own_affected, sizeof(own_affected) / sizeof(own_affected[0]), 0, SIZE_MAX, false},
    {"stale", "",
     "Is the recorded data up to date with the tree?",
     "Exit code 0 when every test has a record of the present state, be it a failure; 1 when one has"
     " not: it is affected, new, or nothing was recorded. -v lists them.",
     of_state, NULL, 0, 0, 0, false},
    {"map", "[NODEID | FILE]...",
     "Which tests depend on which modules",
     "Of a test, a class or a function: the modules that it depends on, directly or through others,"
     " as they were recorded. Of a file: the tests that depend on it. Without arguments, of all"
     " tests.",
     of_recorded, own_map, sizeof(own_map) / sizeof(own_map[0]), 0, SIZE_MAX, false},
    {"stats", "[DATABASE]",
     "Numbers about tests, their times and what was saved",
     "How many tests are recorded and how they came out, how long they take, which are slowest, how"
     " many are flaky, and how much time not running tests has saved. DATABASE as for inspect.",
     of_recorded, NULL, 0, 0, 1, false},
    {"doctor", "[-- PYTEST ARGUMENTS]",
     "What pyt-diff finds here, and which setting comes from where",
     "Shows the project, the Python and pytest that would be used, the recorded data, git, and each"
     " setting with the place that it came from: what a bug report needs. Exit code 1 when there is a"
     " problem, 4 when the configuration has a mistake.",
     of_state, NULL, 0, 0, 0, true},
    {"completions", "bash|zsh|fish",
     "Print a completion script for a shell",
     "Completes options, their values, commands, paths and, behind \"::\", node ids that are recorded."
     " Packages and 'cmake --install' put the scripts where the shells look for them. By hand:\n"
     "bash: pyt-diff completions bash > ~/.local/share/bash-completion/completions/pyt-diff\n"
     "zsh: pyt-diff completions zsh > DIRECTORY/_pyt-diff, for a DIRECTORY of $fpath\n"
     "fish: pyt-diff completions fish > ~/.config/fish/completions/pyt-diff.fish",
     of_nothing, NULL, 0, 1, 1, false},
    {"merge", "OUT IN...",
     "Several databases become one",
     "Merge the recorded data of IN... into OUT, which is made, or replaced in one step. IN is a"
     " database file, a directory (all files in it that end in .db), a URL, or a URL that ends in \"/\""
     " (all below it that end in .db). OUT may be a URL.\n"
     "The shards of one commit add up to what one run of all tests would have recorded. Of different"
     " commits, each test keeps what was recorded of it: a warning names them. OUT has nothing but"
     " what the inputs have; to keep what is in it, name it among them.",
     of_nothing, NULL, 0, 2, SIZE_MAX, false},
    {"migrate", ".testmondata",
     "Import a database of pytest-testmon",
     "Take over what .testmondata, the database of pytest-testmon 2.2, knows: which tests there are, how"
     " they came out and how long they took. Tests that failed stay failed, and the order, the estimate"
     " and shards know the times.\n"
     "Dependencies are not taken over, because testmon does not see imports, data files and installed"
     " packages as pyt-diff does: each imported test runs once more before it is skipped. Records that"
     " are there already stay as they are. The file is only read.",
     of_migrate, NULL, 0, 1, 1, false},
    {"serve", "[token add NAME | token list | token revoke NAME]",
     "The server of a pass cache, and its tokens",
     "Serve a pass cache over HTTP until SIGTERM or SIGINT: which tests passed with which"
     " dependencies (--pass-cache). The protocol is that of dryci, whose clients can use it too.\n"
     "Clients show a token. token add makes one and prints it, this once; token list names them;"
     " token revoke ends one. All three work while the server runs.\n"
     "For TLS, put it behind a proxy. -v logs each request.",
     of_serve, ptd_serve_option_table, PTD_SERVE_OPTIONS, 0, 3, false},
};
/* clang-format on */

const size_t ptd_command_count = sizeof(ptd_command_table) / sizeof(ptd_command_table[0]);

const struct ptd_command *ptd_command_find(const char *name)
{
    for (size_t i = 0; i < ptd_command_count; i++)
        if (strcmp(ptd_command_table[i].name, name) == 0)
            return &ptd_command_table[i];
    return NULL;
}

const char *ptd_command_nearest(const char *name)
{
    const char *names[32];
    size_t count = 0;
    for (; count < ptd_command_count && count < 32; count++)
        names[count] = ptd_command_table[count].name;
    return ptd_nearest_find(name, names, count, 2);
}

const struct ptd_option_spec *ptd_command_option(const struct ptd_command *command,
                                                 const char *name, size_t len)
{
    for (size_t i = 0; i < command->own_count; i++)
        if (strlen(command->own[i].name) == len && strncmp(command->own[i].name, name, len) == 0)
            return &command->own[i];
    for (const char *const *s = command->shared; *s; s++)
        if (strlen(*s) == len && strncmp(*s, name, len) == 0)
            return ptd_option_find(name, len);
    return NULL;
}

const char *ptd_command_nearest_option(const struct ptd_command *command, const char *name)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < command->own_count && count < 64; i++)
        names[count++] = command->own[i].name;
    for (const char *const *s = command->shared; *s && count < 64; s++)
        if (strlen(*s) > 2)
            names[count++] = *s;
    return ptd_nearest_find(name, names, count, 3);
}

void ptd_command_help(FILE *out, const struct ptd_command *command)
{
    fprintf(out, "Usage: pyt-diff %s [OPTIONS] %s\n", command->name, command->arguments);
    for (const char *p = command->help; *p;) {
        char paragraph[1024];
        size_t n = strcspn(p, "\n");
        snprintf(paragraph, sizeof(paragraph), "%.*s", (int)n, p);
        fputc('\n', out);
        ptd_help_paragraph(out, paragraph);
        p += n + (p[n] == '\n');
    }
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < command->own_count; i++)
        ptd_help_option(out, &command->own[i]);
    for (const char *const *s = command->shared; *s; s++)
        if (strcmp(*s, "-h") != 0 && strcmp(*s, "--help") != 0)
            ptd_help_option(out, ptd_option_find(*s, strlen(*s)));
    fputs("  -h, --help              This page.\n", out);
}
