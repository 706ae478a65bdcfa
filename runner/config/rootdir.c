#include "config/rootdir.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/shlex.h"

/* In the order in which pytest looks for them. */
static const char *const config_names[] = {
    "pytest.toml",    ".pytest.toml", "pytest.ini", ".pytest.ini",
    "pyproject.toml", "tox.ini",      "setup.cfg",
};
#define NEW_NAMES 2 /* the first of these are unknown before pytest 9 */

struct search {
    const char *cwd; /* borrowed */
    int version;
    struct ptd_rootdir *out;
    struct ptd_err *err;
};

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* Absolute without "." and "..", symbolic links as they are; owned. */
static char *absolute(const char *cwd, const char *path)
{
    PTD_CLEANUP_FREE char *joined = *path ? ptd_path_join(cwd, path) : ptd_xstrdup(cwd);
    return ptd_path_normalize(joined);
}

/* The directories that the arguments name, as far as they exist; owned, NULL-terminated. */
static char **dirs_of_args(const struct search *s, const struct ptd_options *options)
{
    char **dirs = ptd_xcalloc(1, sizeof(*dirs));
    size_t count = 0;
    for (size_t i = 0; i < options->rootdir_count; i++) {
        const char *arg = options->rootdir_args[i], *end = strstr(arg, "::");
        if (arg[0] == '-')
            continue;
        PTD_CLEANUP_FREE char *name = ptd_xstrndup(arg, end ? (size_t)(end - arg) : strlen(arg));
        char *path = absolute(s->cwd, name);
        if (!exists(path)) {
            free(path);
        } else if (is_dir(path)) {
            ptd_strings_add(&dirs, &count, path);
        } else {
            ptd_strings_add(&dirs, &count, ptd_path_dirname(path));
            free(path);
        }
    }
    return dirs;
}

/* The longest path that both are in; owned. */
static char *shared_path(const char *a, const char *b)
{
    size_t border = 0, i = 0;
    for (; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            border = i;
    if ((a[i] == '\0' || a[i] == '/') && (b[i] == '\0' || b[i] == '/'))
        border = i;
    return border ? ptd_xstrndup(a, border) : ptd_xstrdup("/");
}

/* Owned; `cwd` when there are none. */
static char *common_ancestor(const char *cwd, char *const *dirs)
{
    char *common = NULL;
    for (; *dirs; dirs++) {
        char *shared = common ? shared_path(common, *dirs) : ptd_xstrdup(*dirs);
        free(common);
        common = shared;
    }
    return common ? common : ptd_xstrdup(cwd);
}

/* The next directory up in place; false at the top. */
static bool go_up(char **dir)
{
    if (strcmp(*dir, "/") == 0)
        return false;
    char *parent = ptd_path_dirname(*dir);
    free(*dir);
    *dir = parent;
    return true;
}

/* Looks at one candidate; 1 when it is the one. */
static int try_file(struct search *s, const char *path)
{
    enum ptd_config_file kind;
    struct ptd_settings settings;
    int status = ptd_settings_load(path, s->version, &kind, &settings, s->err);
    if (status != 0 || kind == PTD_CONFIG_NONE) {
        ptd_settings_release(&settings);
        return status;
    }
    ptd_settings_release(&s->out->settings);
    s->out->settings = settings;
    s->out->inifile = ptd_xstrdup(path);
    s->out->rootdir = ptd_path_dirname(path);
    return 1;
}

/* All the names in one directory; 1 when one was taken. *pyproject: the first pyproject.toml met.
 */
static int try_dir(struct search *s, const char *dir, char **pyproject)
{
    size_t first = s->version >= 900 ? 0 : NEW_NAMES;
    for (size_t i = first; i < sizeof(config_names) / sizeof(config_names[0]); i++) {
        PTD_CLEANUP_FREE char *path = ptd_path_join(dir, config_names[i]);
        if (!is_file(path))
            continue;
        if (!*pyproject && strcmp(config_names[i], "pyproject.toml") == 0)
            *pyproject = ptd_xstrdup(path);
        int found = try_file(s, path);
        if (found != 0)
            return found;
    }
    return 0;
}

/* From each of the directories upwards; 1 when a file was taken. */
static int locate(struct search *s, char *const *dirs)
{
    PTD_CLEANUP_FREE char *pyproject = NULL;
    int found = 0;
    for (; *dirs && !found; dirs++) {
        PTD_CLEANUP_FREE char *dir = ptd_xstrdup(*dirs);
        do
            found = try_dir(s, dir, &pyproject);
        while (!found && go_up(&dir));
    }
    if (found || !pyproject || s->version < 801)
        return found;
    s->out->rootdir = ptd_path_dirname(pyproject);
    s->out->inifile = pyproject;
    pyproject = NULL;
    return 1;
}

/* The directory of the nearest setup.py; owned, NULL. */
static char *locate_setup_py(const char *start)
{
    char *dir = ptd_xstrdup(start);
    do {
        PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "setup.py");
        if (is_file(path))
            return dir;
    } while (go_up(&dir));
    free(dir);
    return NULL;
}

static int search_upwards(struct search *s, char *const *dirs, bool rootdir_given)
{
    PTD_CLEANUP_FREE char *ancestor = common_ancestor(s->cwd, dirs);
    int found = locate(s, (char *[]){ancestor, NULL});
    if (found != 0 || rootdir_given)
        return found < 0 ? -1 : 0;
    s->out->rootdir = locate_setup_py(ancestor);
    if (s->out->rootdir)
        return 0;
    bool same = dirs[0] && !dirs[1]; /* one directory is its own ancestor */
    if (!same)
        found = dirs[0] ? locate(s, dirs) : locate(s, (char *[]){(char *)s->cwd, NULL});
    if (found != 0)
        return found < 0 ? -1 : 0;
    s->out->rootdir = common_ancestor(s->cwd, (char *[]){(char *)s->cwd, ancestor, NULL});
    if (strcmp(s->out->rootdir, "/") == 0) {
        free(s->out->rootdir);
        s->out->rootdir = ptd_xstrdup(ancestor);
    }
    return 0;
}

/* -c: any file, which is the configuration whatever is in it; a device stands for none. */
static int use_named(struct search *s, const char *name, char *const *dirs)
{
    struct ptd_rootdir *out = s->out;
    enum ptd_config_file kind;
    out->inifile = absolute(s->cwd, name);
    if (!exists(out->inifile) || is_dir(out->inifile))
        return ptd_err_set(s->err, PTD_E_CONFIG, "configuration file %s %s", out->inifile,
                           is_dir(out->inifile) ? "is a directory" : "not found");
    if (is_file(out->inifile)) {
        ptd_settings_release(&out->settings);
        if (ptd_settings_load(out->inifile, s->version, &kind, &out->settings, s->err) != 0)
            return -1;
    } else if (s->version >= 902) {
        out->rootdir = common_ancestor(s->cwd, dirs);
        if (strcmp(out->rootdir, "/") == 0) {
            free(out->rootdir);
            out->rootdir = ptd_xstrdup(s->cwd);
        }
        return 0;
    }
    out->rootdir = ptd_path_dirname(out->inifile);
    return 0;
}

static int use_given_rootdir(struct search *s, const char *given)
{
    PTD_CLEANUP_FREE char *expanded = ptd_expand_variables(given);
    free(s->out->rootdir);
    s->out->rootdir = absolute(s->cwd, expanded);
    if (is_dir(s->out->rootdir))
        return 0;
    return ptd_err_set(s->err, PTD_E_USAGE, "--rootdir: directory %s not found", s->out->rootdir);
}

int ptd_rootdir_find(const struct ptd_options *options, int pytest_version, const char *cwd,
                     struct ptd_rootdir *out, struct ptd_err *err)
{
    *out = (struct ptd_rootdir){.settings = {.where = ptd_xstrdup("")}};
    struct search s = {cwd, pytest_version ? pytest_version : 9999, out, err};
    bool rootdir_given = options->rootdir && *options->rootdir;
    char **dirs = dirs_of_args(&s, options);
    int status = options->inifile && *options->inifile ? use_named(&s, options->inifile, dirs)
                                                       : search_upwards(&s, dirs, rootdir_given);
    ptd_strings_free(dirs);
    if (status == 0 && rootdir_given)
        status = use_given_rootdir(&s, options->rootdir);
    return status;
}

void ptd_rootdir_release(struct ptd_rootdir *rootdir)
{
    free(rootdir->rootdir);
    free(rootdir->inifile);
    ptd_settings_release(&rootdir->settings);
    *rootdir = (struct ptd_rootdir){0};
}
