/*
 * Where the project is and what pytest is told about it: rootdir and configuration file by pytest's own rules,
 * read without Python.
 *
 * Source of the rules: pytest's "Initialization: determining rootdir and configfile".
 */
#ifndef PTD_CONFIG_PROJECT_H
#define PTD_CONFIG_PROJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/hash.h"
#include "config/options.h"

struct ptd_project {
    char *cwd;      /* owned, real */
    char *rootdir;  /* owned, absolute and real */
    char *inifile;  /* owned, absolute; NULL when there is none */
    /* Hash of what pytest reads: the pytest sections of every configuration file between the rootdir and the
     * common ancestor of the arguments, and of the chosen one; changes when a section, or which file is chosen, does. */
    struct ptd_hash128 config_hash;
    char **python_files; /* owned, NULL-terminated; pytest's defaults when not configured */
    char **testpaths;    /* owned, NULL-terminated */
    char *addopts;       /* owned; "" when not configured */
    char *cache_dir;     /* owned: where our data lies: --cache-dir, else <rootdir>/<pytest's cache_dir>/pyt-diff */
    /* From [tool.pyt-diff] and the diff_* keys of pytest's section: */
    int batch_size;      /* diff_batch_size, 0 when not set */
    int cache_size;      /* diff_cache_size */
    char *python;        /* [tool.pyt-diff] python, relative to the rootdir; NULL */
    /* Unknown keys of [tool.pyt-diff]: one line each for stderr, with the nearest match; owned. */
    char **warnings;
    size_t warning_count;
};

/* Fails with PTD_E_CONFIG naming file and key for a bad value (exit 4), and for a configuration file that
 * cannot be read or parsed. */
int ptd_project_find(const struct ptd_options *options, struct ptd_project *out,
                     struct ptd_err *err);
void ptd_project_release(struct ptd_project *project);
/* fnmatch of a path against python_files as pytest does it (patterns with "/" match the whole path). */
bool ptd_project_is_test_file(const struct ptd_project *project, const char *relative_path);

#endif
