/*
 * The command line: one table of our own options, from which parsing, --help and completions are
 * made (and which a test compares with the man page); whatever is not ours is pytest's and is
 * passed on in order.
 *
 * Rules: own options are long only and never abbreviated; `--name=value` and `--name value` both
 * work;
 * `--` ends ours and is passed on to nobody; a first positional argument that is the name of a verb
 * selects
 * it. Own options are recognised anywhere before `--`. An argument that follows a pytest option
 * which takes a value is that option's value, never ours (`-k --baseline`).
 */
#ifndef PTD_CONFIG_OPTIONS_H
#define PTD_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum ptd_host {
    PTD_HOST_AUTO,
    PTD_HOST_EMBED,   /* dlopen libpython into our host program */
    PTD_HOST_PRELOAD, /* the user's own executable with the stub in LD_PRELOAD */
    PTD_HOST_EXEC,    /* plain exec, the shared object imported from -c */
};

enum ptd_mode {
    PTD_MODE_AFFECTED,
    PTD_MODE_ALL,
};

/* --pass-cache and what belongs to it; NULL and 0: not said. */
struct ptd_pass_options {
    const char *url, *token, *salt;
    int timeout;             /* seconds */
    bool wanted;             /* --dryci: an error when no URL is known */
    bool no_ask, no_publish; /* --dryci-no-skip, --dryci-no-publish */
};

/* --output-format */
enum ptd_format {
    PTD_FORMAT_AUTO, /* not said: github where GITHUB_ACTIONS is true, else text */
    PTD_FORMAT_TEXT,
    PTD_FORMAT_JSON,  /* the same as --json */
    PTD_FORMAT_JSONL, /* objects as things happen */
    PTD_FORMAT_GITHUB,
};

/* Of `pyt-diff serve`; 0 and NULL: the server's own defaults (serve/arguments.h). */
struct ptd_serve_options {
    const char *database, *listen, *project;
    int max_request; /* MiB */
    int max_rate, max_clients, keep, expires;
    bool read_only;
};

/* Of `pyt-diff watch`; times in milliseconds, 0: the default. */
struct ptd_watch_options {
    const char *command; /* --command, or NULL */
    int debounce;
    bool poll;
    int poll_interval;
    bool bell, clear;
};

enum ptd_e2e_choice {
    PTD_E2E_CONFIGURED, /* as the configuration says */
    PTD_E2E_EXCLUDE,
    PTD_E2E_INCLUDE,
};

struct ptd_options {
    const char *verb;   /* the command's name (config/commands.h), NULL = run */
    const char **words; /* its positional arguments; owned array of borrowed */
    size_t word_count;
    const char *inspect_test, *inspect_file; /* inspect --test, --file */
    bool transitive, reverse, dot;           /* of graph */
    bool map_modules;                        /* map --modules */
    struct ptd_serve_options serve;
    struct ptd_pass_options passes;
    struct ptd_watch_options watch;
    /* Arguments in front of "--" that belong to options of a run, as they were given; owned array
     * of borrowed. */
    const char **given;
    size_t given_count;
    bool quiet_idle; /* not from the command line: nothing is said when nothing is affected */
    /* what to do instead of running */
    bool help, short_help, version;

    bool baseline;           /* --baseline, --diff-baseline */
    bool force;              /* --force, --diff-force: with --baseline every test runs */
    bool no_record;          /* --no-record: leave the data alone */
    bool since_baseline;     /* --since-baseline */
    const char *since;       /* --since [REF]: REF, or "" for the default branch; else NULL */
    bool staged;             /* --staged: only what is staged */
    bool working_tree;       /* --working-tree: only what is not staged */
    bool dry_run;            /* --dry-run: node ids, then a count */
    bool first;              /* --first: run everything, what is affected in front */
    unsigned shard, shards;  /* --shard I/N, from 1; 0: not given */
    enum ptd_e2e_choice e2e; /* --exclude-e2e, --no-exclude-e2e */
    bool audit;              /* --audit: run everything, report what would have been missed */
    bool json;               /* --json: the selection as JSON on stdout, nothing is run */
    enum ptd_format format;  /* --output-format text|json|jsonl|github */
    const char *output_file; /* --output-file FILE, or NULL */
    bool fail_if_none;       /* --no-tests=fail: exit 5 when nothing is affected (default: pass) */
    enum ptd_mode mode;      /* --mode affected|all; --testmon-noselect is `all` */
    enum ptd_host host;      /* --host auto|embed|preload|exec */
    bool off;                /* --no-testmon: plain pytest, nothing recorded */
    bool diff;               /* --diff was given; since_baseline and no_record follow from it */
    bool decision_log;       /* --diff-v: decisions to stderr */
    const char *report_html; /* --report-html FILE, or NULL */
    const char *line_coverage;    /* --line-coverage FILE, or NULL */
    const char *python;           /* --python PATH; NULL = discover */
    const char *cache_dir;        /* --cache-dir DIR, else $PYT_DIFF_CACHE_DIR, else NULL */
    const char *environment_name; /* --environment-name NAME, or NULL */
    const char *remote;           /* --remote URL, or NULL */
    bool upload;                  /* --upload: what is recorded goes there */
    bool offline;                 /* --offline: nothing is fetched */
    int batch_size;               /* --batch-size, --diff-batch-size; accepted, see --help */
    int cache_size;               /* --cache-size, --diff-cache-size */

    /* What goes to pytest, in order; borrowed from argv, the array is owned. "--parallel[=N]" has
     * become "-n" "N" (or "auto"). */
    const char **pytest_args;
    size_t pytest_count;

    /* What we understand of pytest's own arguments (they are passed on all the same). */
    int verbosity;       /* -v minus -q, -vv counts two, -qq minus two, --verbosity=N */
    const char *rootdir; /* --rootdir, or NULL */
    const char *inifile; /* -c / --config-file, or NULL */
    const char *color;   /* --color VALUE, or NULL */
    bool informational;  /* -h, --help, --version, -V, --markers, --fixtures, --fixtures-per-test,
                            --setup-plan, --trace-config: pass through to pytest, no selection, no
                            recording */
    bool collect_only;   /* --co, --collect-only */
    bool debugger;       /* --pdb, --trace */
    bool parallel;       /* -n given (not 0) */
    bool junit;          /* --junit-xml */
    bool narrowed;       /* -k, -m and the like: which tests that leaves is not known */
    const char **paths;  /* positional arguments: "dir", "file.py", "file.py::node"; owned array of
                            borrowed */
    size_t path_count;
    bool leaves_files; /* --lf, --ignore-glob, -x, --maxfail present: a file may be left uncollected
                        */
    const char **ignores; /* values of --ignore; owned array of borrowed */
    size_t ignore_count;
    const char *
        *deselects; /* values of --deselect: beginnings of node ids; owned array of borrowed */
    size_t deselect_count;
    /*
     * The arguments that may change the outcome of a test (-W, -o, -p, --strict*, options of
     * plugins ...), in order, joined by '\n': owned, "" when there are none. Left out are
     * positional arguments and those that only change what is shown, chosen, ordered or where
     * output goes: verbosity, -k, -m, -x, -n, --dist,
     * --lf, --co, --tb, -r, --durations, --color, --junit-xml, --cov-report and the like. An option
     * that is not known stays in.
     */
    char *outcome_args;

    bool args_file; /* an @file argument: which paths it names is not known */
    const char *
        *rootdir_args; /* what pytest looks at for its rootdir: it does not know plugins' options at
                          that point and takes their values for paths; owned array of borrowed */
    size_t rootdir_count;
    const char *
        *overrides; /* "key=value" of -o / --override-ini, in order; owned array of borrowed */
    size_t override_count;
    /* Said, whatever the value: these go before what a configuration file says. */
    bool verbosity_set, parallel_set;
    char **owned; /* words of PYTEST_ADDOPTS and addopts that the arrays above point to; owned */
    size_t owned_count;
};

/* `argv` without the program name. What PYTEST_ADDOPTS holds is understood as if it stood in front,
 * but is not among `pytest_args`: pytest reads the variable by itself. Fails with PTD_E_USAGE
 * (nearest match as the hint). */
int ptd_options_parse(int argc, char **argv, struct ptd_options *out, struct ptd_err *err);
/*
 * What the configuration's `addopts` says about files left out, parallel, paths, verbosity and the
 * like; to be called with that of the project found. `outcome_args` stays as it is: addopts is part
 * of the project's hash. Does not fail on text that pytest will refuse.
 */
int ptd_options_apply_addopts(struct ptd_options *options, const char *addopts,
                              struct ptd_err *err);
/* What of such a text may change an outcome, as `outcome_args` has it; owned. */
char *ptd_options_outcome_of(const char *addopts);
void ptd_options_release(struct ptd_options *options);

/* Whether annotations for GitHub Actions are wanted: asked for, or nothing else was and
 * GITHUB_ACTIONS says that we are there. */
bool ptd_options_github(const struct ptd_options *options);

/* -h: one screen; --help: everything, from the table. */
void ptd_options_help(FILE *out, bool full);
/* The page of a command. */
void ptd_options_command_help(FILE *out, const char *verb);

#endif
