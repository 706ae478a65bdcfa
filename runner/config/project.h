/*
 * Where the project is and what pytest is told about it: rootdir and configuration file by pytest's
 * own rules, read without Python.
 *
 * Source of the rules: pytest's "Initialization: determining rootdir and configfile".
 */
#ifndef PTD_CONFIG_PROJECT_H
#define PTD_CONFIG_PROJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/glob.h"
#include "base/hash.h"
#include "config/options.h"

/* Who said a setting, and what; NULL when nobody did. */
struct ptd_setting_origin {
    char *where; /* owned; "pytest.ini: [pytest] diff_opaque", "PYT_DIFF_OPAQUE" */
    char *text;  /* owned; as it was said */
};

struct ptd_project {
    char *cwd;     /* owned, real */
    char *rootdir; /* owned, absolute and real */
    char *inifile; /* owned, absolute; NULL when there is none */
    /* Hash of what pytest reads: which file is chosen (relative to the rootdir) and what can change
     * an outcome of its pytest section; all of a file that cannot be parsed. Between the rootdir
     * and the arguments there is no other file with such a section. */
    struct ptd_hash128 config_hash;
    char **python_files; /* owned, NULL-terminated; pytest's defaults when not configured */
    char **testpaths;    /* owned, NULL-terminated */
    char *addopts;       /* owned; "" when not configured */
    char *cache_dir;     /* owned: where our data lies: --cache-dir, else <rootdir>/<pytest's
                            cache_dir>/pyt-diff */
    /* Our own settings (config/setting_table.h), from all places but options: */
    struct ptd_setting_origin *origins; /* one for each row of the table; owned */
    int batch_size;                     /* without effect, like the next */
    int cache_size;
    struct ptd_rule *rules; /* [tool.pyt-diff.dependencies], diff_dependencies; owned */
    size_t rule_count;
    char **env;        /* variables that count for every test; owned, NULL-terminated, or NULL */
    char **ignore_env; /* variables that never count; the same */
    /* opaque = "trust": a test that starts a program that cannot be followed depends on what was
     * seen only; part of the configuration's hash. */
    bool trust_opaque;
    /* What counts as an end-to-end test: names of markers, and patterns of paths (base/glob.h) or
     * directories; owned, NULL-terminated. */
    char **e2e_markers, **e2e_paths;
    bool exclude_e2e;
    /* Of the pass cache; NULL: not set. A token may be "@FILE", relative to the rootdir. */
    char *pass_cache, *pass_token, *pass_salt;
    int pass_timeout;       /* seconds */
    char *remote;           /* URL of the shared baseline; NULL */
    char *environment_name; /* of records apart; NULL */
    char *python;           /* a path relative to the rootdir, or a name; NULL */
    /* Unknown keys of [tool.pyt-diff], and of pytest's section that are nearly ours: one line each
     * for stderr, with the nearest match; owned. */
    char **warnings;
    size_t warning_count;
};

/*
 * By the rules of the newest pytest that we know. Fails with PTD_E_CONFIG naming file and key for a
 * bad value of ours (exit 4), and for a configuration file that cannot be read. A file that cannot
 * be parsed is the chosen one, so that pytest is started on a change of it and reports what is
 * wrong.
 */
int ptd_project_find(const struct ptd_options *options, struct ptd_project *out,
                     struct ptd_err *err);
/* The same by the rules of one version (100 * major + minor, e.g. 804), 0 for the newest:
 * pytest.toml and [tool.pytest] are of 9.0, a pyproject.toml without a section counts since 8.1. */
int ptd_project_find_as(const struct ptd_options *options, int pytest_version,
                        struct ptd_project *out, struct ptd_err *err);
void ptd_project_release(struct ptd_project *project);
/* fnmatch of a path against python_files as pytest does it (patterns with "/" match the whole
 * path). */
bool ptd_project_is_test_file(const struct ptd_project *project, const char *relative_path);

#endif
