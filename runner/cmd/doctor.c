#include "cmd/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "change/git.h"
#include "cmd/cmd.h"
#include "cmd/findings.h"
#include "cmd/workspace.h"
#include "config/setting_table.h"
#include "session/session.h"
#include "store/details.h"

#define RELEASE "/etc/os-release"

static void add(struct ptd_findings *f, const char *section, const char *name, const char *value)
{
    ptd_findings_add(f, section, name, value ? ptd_xstrdup(value) : NULL, NULL);
}

static void problem(struct ptd_findings *f, enum ptd_code code, const char *text, const char *hint)
{
    struct ptd_err err = {0};
    ptd_err_set(&err, code, "%s", text);
    if (hint)
        ptd_err_hint(&err, "%s", hint);
    ptd_findings_problem(f, &err);
}

/* ---- program and system ---- */

/* PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"; owned, NULL when it is not said. */
static char *distribution(void)
{
    static const char key[] = "PRETTY_NAME=";
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (ptd_buf_read_file(&text, RELEASE, 1u << 16, NULL) != 0 || !text.data)
        return NULL;
    const char *at = strstr(text.data, key);
    if (!at || (at > text.data && at[-1] != '\n'))
        return NULL;
    at += strlen(key);
    at += *at == '"';
    return ptd_xstrndup(at, strcspn(at, "\"\n"));
}

static void look_at_program(struct ptd_findings *f)
{
    struct utsname system;
    struct ptd_err err = {0};
    add(f, "program", "version", PTD_VERSION);
    add(f, "program", "sqlite", ptd_store_sqlite_version());
    PTD_CLEANUP_FREE char *parts = ptd_session_libexec(&err);
    if (parts)
        add(f, "program", "parts", parts);
    else
        ptd_findings_problem(f, &err);
    if (uname(&system) == 0)
        ptd_findings_add(f, "system", "kernel",
                         ptd_xasprintf("%s %s %s", system.sysname, system.release, system.machine),
                         NULL);
    PTD_CLEANUP_FREE char *name = distribution();
    if (name)
        add(f, "system", "distribution", name);
}

/* ---- project ---- */

static void look_at_project(struct ptd_findings *f, const struct ptd_project *p)
{
    add(f, "project", "rootdir", p->rootdir);
    add(f, "project", "configuration", p->inifile ? p->inifile : "none");
    if (*p->addopts)
        add(f, "project", "addopts", p->addopts);
    for (size_t i = 0; i < p->warning_count; i++)
        ptd_findings_warn(f, p->warnings[i]);
}

/* ---- Python ---- */

static void look_at_pytest(struct ptd_findings *f, struct ptd_packages *packages)
{
    PTD_CLEANUP_BUF struct ptd_buf plugins = PTD_BUF_INIT;
    ptd_packages_load(packages);
    const struct ptd_distribution *pytest = ptd_packages_find(packages, "pytest");
    if (!pytest) {
        problem(f, PTD_E_PYTHON, "pytest is not installed for this Python",
                "install it, or name another interpreter with --python");
        return;
    }
    add(f, "python", "pytest", pytest->version);
    if (strtol(pytest->version, NULL, 10) < 7)
        problem(f, PTD_E_PYTHON, "this pytest is too old; pyt-diff serves 7 and newer", NULL);
    for (size_t i = 0; i < packages->count; i++)
        if (packages->items[i].plugin)
            ptd_buf_addf(&plugins, "%s%s %s", plugins.len ? ", " : "", packages->items[i].name,
                         packages->items[i].version);
    add(f, "python", "plugins", plugins.len ? plugins.data : "none");
}

static void look_at_python(struct ptd_findings *f, const struct ptd_options *options,
                           const struct ptd_project *project, struct ptd_store *store)
{
    static const char *const hosts[] = {[PTD_HOST_AUTO] = "auto",
                                        [PTD_HOST_EMBED] = "embed",
                                        [PTD_HOST_PRELOAD] = "preload",
                                        [PTD_HOST_EXEC] = "exec"};
    const struct ptd_setting_origin *said =
        &project->origins[ptd_setting_spec_find("python") - ptd_setting_table];
    struct ptd_interpreter found;
    struct ptd_environment environment;
    struct ptd_err err = {0};
    if (ptd_workspace_interpreter(options, project, &found, &err) < 0) {
        ptd_findings_problem(f, &err);
        return;
    }
    ptd_findings_add(f, "python", "interpreter", ptd_xstrdup(found.python),
                     !options->python && said->where ? said->where : found.origin);
    add(f, "python", "host", hosts[found.host]);
    if (found.libpython[0])
        add(f, "python", "library", found.libpython);
    if (ptd_environment_find(store, false, &found, ptd_workspace_given_name(options, project),
                             project->rootdir, &environment, &err) < 0) {
        ptd_findings_problem(f, &err);
        return;
    }
    add(f, "python", "version", environment.name);
    look_at_pytest(f, &environment.packages);
    ptd_environment_release(&environment);
}

/* ---- recorded data ---- */

static int count_test(const struct ptd_store_node *node, void *arg)
{
    *(size_t *)arg += !node->is_file;
    return 0;
}

/* Can a file be made in it, or in the first directory above that exists? */
static bool can_write(const char *dir)
{
    PTD_CLEANUP_FREE char *at = ptd_xstrdup(dir);
    while (access(at, F_OK) != 0 && strcmp(at, "/") != 0) {
        char *above = ptd_path_dirname(at);
        free(at);
        at = above;
    }
    return access(at, W_OK | X_OK) == 0;
}

static char *describe_database(struct ptd_store *store, const char *path, struct ptd_err *err)
{
    struct stat st = {0};
    size_t tests = 0;
    if (ptd_store_each_node(store, count_test, &tests, err) < 0)
        return NULL;
    (void)!stat(path, &st);
    return ptd_xasprintf("%zu test%s, %.1f kB", tests, tests == 1 ? "" : "s",
                         (double)st.st_size / 1000);
}

static struct ptd_store *look_at_data(struct ptd_findings *f, const struct ptd_options *options,
                                      const struct ptd_project *project)
{
    struct ptd_store *store = NULL;
    struct ptd_err err = {0};
    const char *variable = getenv("PYT_DIFF_CACHE_DIR");
    PTD_CLEANUP_FREE char *path = ptd_path_join(project->cache_dir, "pyt-diff.db");
    ptd_findings_add(f, "data", "directory", ptd_xstrdup(project->cache_dir),
                     !options->cache_dir                          ? "pytest's cache directory"
                     : variable && options->cache_dir == variable ? "PYT_DIFF_CACHE_DIR"
                                                                  : "--cache-dir");
    bool there = ptd_store_open_file(path, &store, &err) == 0;
    char *described = there ? describe_database(store, path, &err) : NULL;
    if (described)
        ptd_findings_add(f, "data", "database", described, NULL);
    else
        add(f, "data", "database", err.sys_errno == ENOENT ? "nothing recorded yet" : "unusable");
    if (!described && err.sys_errno != ENOENT)
        ptd_findings_problem(f, &err);
    if (!can_write(project->cache_dir))
        problem(f, PTD_E_IO, "the directory of the data cannot be written: nothing is recorded",
                "choose another with --cache-dir");
    return store;
}

/* ---- git ---- */

static void look_at_git(struct ptd_findings *f, const char *rootdir)
{
    struct ptd_git git;
    struct ptd_err err = {0};
    if (ptd_git_open(rootdir, false, &git, &err) < 0) {
        ptd_findings_add(f, "git", "worktree", ptd_xstrdup("none"), err.msg);
        return;
    }
    add(f, "git", "worktree", git.top);
    PTD_CLEANUP_FREE char *commit =
        ptd_git_line(&git, (const char *[]){"rev-parse", "--short", "HEAD", NULL}, NULL);
    PTD_CLEANUP_FREE char *branch =
        ptd_git_line(&git, (const char *[]){"symbolic-ref", "--short", "HEAD", NULL}, NULL);
    add(f, "git", "commit", commit ? commit : "none yet");
    add(f, "git", "branch", branch ? branch : "none");
    if (git.shallow)
        add(f, "git", "history", "cut off (shallow): --since may not find where branches parted");
    ptd_git_release(&git);
}

/* ---- settings and variables ---- */

static char *rules_text(const struct ptd_project *project)
{
    struct ptd_buf text = PTD_BUF_INIT;
    for (size_t i = 0; i < project->rule_count; i++) {
        ptd_buf_addf(&text, "%s%s ->", i ? "\n" : "", project->rules[i].left);
        for (char **right = project->rules[i].right; *right; right++)
            ptd_buf_addf(&text, " %s", *right);
    }
    return ptd_buf_steal(&text);
}

/* What an option that doctor takes says of a setting, or NULL. */
static const char *said_by_option(const struct ptd_options *options, const char *key)
{
    return strcmp(key, "python") == 0             ? options->python
           : strcmp(key, "environment-name") == 0 ? options->environment_name
                                                  : NULL;
}

static void look_at_settings(struct ptd_findings *f, const struct ptd_options *options,
                             const struct ptd_project *project)
{
    for (size_t i = 0; i < ptd_setting_count; i++) {
        const struct ptd_setting_spec *spec = &ptd_setting_table[i];
        const char *value = project->origins[i].text, *where = project->origins[i].where;
        char *shown = value ? ptd_xstrdup(spec->secret ? "set" : value) : NULL;
        if (strcmp(spec->key, "dependencies") == 0 && project->rule_count) {
            free(shown);
            shown = rules_text(project);
        } else if (said_by_option(options, spec->key)) {
            free(shown);
            shown = ptd_xstrdup(said_by_option(options, spec->key));
            where = spec->option;
        } else if (!shown && spec->fallback) {
            shown = ptd_xstrdup(spec->fallback);
            where = "default";
        }
        ptd_findings_add(f, "settings", spec->key, shown, where);
    }
}

/* What else decides, and often explains a difference between two machines. */
static void look_at_variables(struct ptd_findings *f)
{
    static const char *const names[] = {
        "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
        "VIRTUAL_ENV",    "CONDA_PREFIX",   "PYTHONPATH",
        "PYTHONHOME",     "PYTHONWARNINGS", "TOX_ENV_DIR",
        "LD_PRELOAD",     "GIT_DIR"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (getenv(names[i]))
            add(f, "variables", names[i], getenv(names[i]));
}

static void look(struct ptd_findings *f, const struct ptd_options *options,
                 const struct ptd_project *project)
{
    look_at_project(f, project);
    struct ptd_store *store = look_at_data(f, options, project);
    look_at_python(f, options, project, store);
    ptd_store_close(store);
    look_at_git(f, project->rootdir);
    look_at_settings(f, options, project);
}

int ptd_cmd_doctor(struct ptd_options *options, int *status, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    struct ptd_findings findings = {0};
    struct ptd_project project;
    struct ptd_err mistake = {0};
    *status = 0;
    look_at_program(&findings);
    if (ptd_project_find(options, &project, &mistake) < 0) {
        ptd_findings_problem(&findings, &mistake);
        *status = ptd_err_exit_code(&mistake);
    } else {
        look(&findings, options, &project);
        ptd_project_release(&project);
    }
    look_at_variables(&findings);
    if (!*status && findings.problem_count)
        *status = 1;
    ptd_findings_write(&findings, options->json, &out);
    ptd_findings_release(&findings);
    return ptd_cmd_answer(&out, err);
}
