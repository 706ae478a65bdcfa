#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "cmd/doctor.h"
#include "cmd/explain.h"
#include "cmd/inspect.h"
#include "cmd/merge_databases.h"
#include "cmd/migrate.h"
#include "cmd/modules.h"
#include "cmd/questions.h"
#include "cmd/run.h"
#include "cmd/serve.h"
#include "cmd/watch.h"
#include "cmd/workspace.h"
#include "config/completions.h"
#include "report/github.h"
#include "session/session.h"

/* Where the answer of this process goes; NULL: standard output. */
static const char *answer_file;

int ptd_cmd_answer(const struct ptd_buf *text, struct ptd_err *err)
{
    if (answer_file)
        return ptd_buf_write_file(text, answer_file, err);
    fputs(text->data ? text->data : "", stdout);
    return fflush(stdout) != 0 ? ptd_err_sys(err, PTD_E_IO, "cannot write the answer") : 0;
}

/* pytest as it is: for --version, --fixtures and the like, and with --no-testmon. */
static int pass_through(const struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_project project;
    struct ptd_interpreter interpreter;
    struct ptd_session_result result = {0};
    if (ptd_project_find(options, &project, err) < 0)
        return -1;
    int failed = ptd_workspace_interpreter(options, &project, &interpreter, err);
    if (!failed) {
        struct ptd_session_request request = {
            .interpreter = &interpreter,
            .pytest_args = options->pytest_args,
            .pytest_count = options->pytest_count,
        };
        failed = ptd_session_run(&request, &result, err);
    }
    ptd_project_release(&project);
    *status = result.status;
    return failed;
}

static int completions(struct ptd_options *options, int *status, struct ptd_err *err)
{
    *status = 0;
    return ptd_completions_write(stdout, options->words[0], err);
}

/* The commands of config/commands.c. */
static const struct {
    const char *name;
    int (*run)(struct ptd_options *options, int *status, struct ptd_err *err);
} commands[] = {
    {"explain", ptd_cmd_explain}, {"watch", ptd_cmd_watch},       {"inspect", ptd_cmd_inspect},
    {"completions", completions}, {"merge", ptd_cmd_merge},       {"serve", ptd_cmd_serve},
    {"graph", ptd_cmd_graph},     {"affected", ptd_cmd_affected}, {"stale", ptd_cmd_stale},
    {"map", ptd_cmd_map},         {"stats", ptd_cmd_stats},       {"doctor", ptd_cmd_doctor},
    {"migrate", ptd_cmd_migrate},
};

static int dispatch_verb(struct ptd_options *options, int *status, struct ptd_err *err)
{
    if (options->help || options->short_help) {
        ptd_options_command_help(stdout, options->verb);
        return 0;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, options->verb) == 0)
            return commands[i].run(options, status, err);
    PTD_BUG("a command without a function");
}

static int dispatch(struct ptd_options *options, int *status, struct ptd_err *err)
{
    if (options->verb)
        return dispatch_verb(options, status, err);
    if (options->help || options->short_help) {
        ptd_options_help(stdout, options->help);
        return 0;
    }
    if (options->version) {
        printf("pyt-diff %s (SQLite %s)\n", PTD_VERSION, ptd_store_sqlite_version());
        return 0;
    }
    if (options->informational || options->off)
        return pass_through(options, status, err);
    return ptd_cmd_run(options, status, err);
}

static void annotate(const char *text, void *arg)
{
    PTD_CLEANUP_BUF struct ptd_buf line = PTD_BUF_INIT;
    (void)arg;
    ptd_github_warning(text, &line);
    fputs(line.data, stderr);
}

int ptd_cmd_main(int argc, char **argv, int *status, struct ptd_err *err)
{
    struct ptd_options options;
    *status = 0;
    int result = ptd_options_parse(argc, argv, &options, err);
    if (options.format != PTD_FORMAT_JSONL && options.format != PTD_FORMAT_GITHUB)
        answer_file = options.output_file;
    if (ptd_options_github(&options))
        ptd_warn_tell(annotate, NULL);
    if (result == 0)
        result = dispatch(&options, status, err);
    ptd_options_release(&options);
    return result;
}
