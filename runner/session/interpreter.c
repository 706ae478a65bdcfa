#include "session/interpreter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "session/ask.h"
#include "session/elf.h"
#include "session/entrance.h"
#include "session/pyvenv.h"

#define MIN_MINOR 8
#define MAX_MINOR 14
#define SUPPORTED "CPython 3.8 to 3.14"

/* What is learnt about one candidate. */
struct candidate {
    struct ptd_interpreter *out; /* borrowed */
    struct ptd_elf elf;
    struct ptd_pyvenv venv;
    struct ptd_answer answer; /* valid when `asked` */
    bool asked;
    bool known; /* version and kind of build were told by its files */
    bool free_threaded;
};

static int unusable(struct ptd_err *err, const char *python, const char *why)
{
    ptd_err_set(err, PTD_E_PYTHON, "no usable Python: %s %s", python, why);
    return ptd_err_hint(err, "name another one with --python, or make an environment: "
                             "python3 -m venv .venv");
}

static bool is_executable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* True for anything by that name, a dangling link too. */
static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* --- what one candidate is ----------------------------------------------------------------------
 */

static int set_paths(struct ptd_interpreter *out, const char *python, struct ptd_err *err)
{
    if (strlen(python) >= sizeof(out->python))
        return ptd_err_set(err, PTD_E_PYTHON, "the path of Python is too long");
    if (out->python != python)
        strcpy(out->python, python);
    if (!realpath(python, out->real)) {
        ptd_err_sys(err, PTD_E_PYTHON, "no usable Python: %s", python);
        return ptd_err_hint(err,
                            "make the environment again, or name another Python with --python");
    }
    if (!is_executable(out->real))
        return unusable(err, python, "is not an executable file");
    return 0;
}

/* "3.11", "3.13t", "3.11.so.1.0", "3.8d": letters behind the version are ABI flags. */
static bool parse_version(const char *text, struct candidate *c)
{
    int used = 0;
    if (sscanf(text, "%d.%d%n", &c->out->major, &c->out->minor, &used) != 2)
        return false;
    for (const char *flag = text + used; *flag >= 'a' && *flag <= 'z'; flag++)
        if (*flag == 't')
            c->free_threaded = true;
    return true;
}

/*
 * The library's name is certain and the real file name nearly so. pyvenv.cfg is old when the
 * system's Python was replaced under it, and does not tell free-threaded builds apart, which exist
 * from 3.13.
 */
static bool version_from_files(struct candidate *c)
{
    const char *name = ptd_path_basename(c->out->real);
    if (c->elf.pypy || (c->venv.implementation[0] && strcasecmp(c->venv.implementation, "CPython")))
        return false;
    if (c->elf.libpython[0])
        return parse_version(c->elf.libpython + strlen("libpython"), c);
    if (strncmp(name, "python", 6) == 0 && parse_version(name + 6, c))
        return true;
    if (strncmp(name, "python", 6) != 0 || c->venv.major != 3 || c->venv.minor > 12)
        return false;
    c->out->major = c->venv.major;
    c->out->minor = c->venv.minor;
    return true;
}

static int ask(struct candidate *c, struct ptd_err *err)
{
    if (ptd_ask_python(c->out->python, &c->answer, err) < 0)
        return ptd_err_wrap(err, "no usable Python");
    c->asked = true;
    c->out->major = c->answer.major;
    c->out->minor = c->answer.minor;
    c->free_threaded = c->answer.free_threaded;
    return 0;
}

/* Behind a script there is a program; what it calls itself is what is entered. */
static int follow_script(struct candidate *c, struct ptd_err *err)
{
    if (ask(c, err) < 0)
        return -1;
    const char *program = c->answer.executable;
    if (program[0] != '/' || strcmp(program, c->out->python) == 0 || !is_executable(program))
        return 0;
    if (set_paths(c->out, program, err) < 0)
        return -1;
    ptd_elf_read(c->out->real, &c->elf);
    return 0;
}

static int learn(struct candidate *c, const char *python, struct ptd_err *err)
{
    if (set_paths(c->out, python, err) < 0)
        return -1;
    ptd_elf_read(c->out->real, &c->elf);
    if (c->elf.kind == PTD_ELF_SCRIPT && follow_script(c, err) < 0)
        return -1;
    if (c->elf.kind == PTD_ELF_FOREIGN)
        return unusable(err, c->out->python, "is built for another kind of machine");
    ptd_pyvenv_read(c->out->python, &c->venv);
    if (!c->asked && !version_from_files(c) && ask(c, err) < 0)
        return -1;
    c->out->shared = c->elf.libpython[0] != '\0';
    return 0;
}

static const char *implementation_name(const char *name)
{
    static const char *const known[][2] = {
        {"pypy", "PyPy"}, {"graalpy", "GraalPy"}, {"ironpython", "IronPython"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(name, known[i][0]) == 0)
            return known[i][1];
    return name;
}

/* musl's programs cannot load what is linked to glibc, and the other way round. */
static bool other_libc(const struct ptd_elf *elf)
{
    struct ptd_elf own;
    if (elf->kind != PTD_ELF_NATIVE || elf->interpreter[0] == '\0')
        return false;
    ptd_elf_read("/proc/self/exe", &own);
    return own.interpreter[0] &&
           strcmp(ptd_path_basename(own.interpreter), ptd_path_basename(elf->interpreter)) != 0;
}

static int check_supported(const struct candidate *c, enum ptd_host host, struct ptd_err *err)
{
    const struct ptd_interpreter *out = c->out;
    char why[256];
    if (c->asked && strcmp(c->answer.implementation, "cpython") != 0)
        snprintf(why, sizeof(why), "is %s %s; pyt-diff needs " SUPPORTED,
                 implementation_name(c->answer.implementation), c->answer.implementation_version);
    else if (out->major != 3 || out->minor < MIN_MINOR || out->minor > MAX_MINOR)
        snprintf(why, sizeof(why), "is Python %d.%d; pyt-diff needs " SUPPORTED, out->major,
                 out->minor);
    else if (c->free_threaded)
        snprintf(why, sizeof(why),
                 "is a free-threaded build of Python %d.%d; pyt-diff needs " SUPPORTED
                 " with the GIL",
                 out->major, out->minor);
    else if (host != PTD_HOST_EXEC && other_libc(&c->elf))
        snprintf(why, sizeof(why), "is built for another C library (%.60s) than pyt-diff",
                 ptd_path_basename(c->elf.interpreter));
    else
        return 0;
    return unusable(err, out->python, why);
}

static int inspect(const char *python, const char *origin, enum ptd_host host,
                   struct ptd_interpreter *out, struct ptd_err *err)
{
    PTD_CLEANUP_FREE struct candidate *c = ptd_xcalloc(1, sizeof(*c));
    memset(out, 0, sizeof(*out));
    out->origin = origin;
    c->out = out;
    if (learn(c, python, err) < 0 || check_supported(c, host, err) < 0)
        return -1;
    ptd_entrance_library(out, &c->elf, c->venv.home);
    return ptd_entrance_choose(out, &c->elf, host, err);
}

/* --- where to look ------------------------------------------------------------------------------
 */

/* The absolute form, symbolic links kept: an environment's python is one. Owned. */
static char *absolute(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    PTD_CLEANUP_FREE char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    if (cwd && (path[0] == '\0' || strcmp(path, ".") == 0))
        return ptd_xstrdup(cwd);
    return ptd_path_join(cwd ? cwd : "", path);
}

/* The python of an environment's directory (owned), or NULL. */
static char *environment_python(const char *dir)
{
    static const char *const names[] = {"bin/python", "bin/python3"};
    for (size_t i = 0; i < 2; i++) {
        PTD_CLEANUP_FREE char *relative = ptd_path_join(dir, names[i]);
        PTD_CLEANUP_FREE char *python = absolute(relative);
        if (is_there(python))
            return ptd_xstrdup(python);
    }
    return NULL;
}

/* The `nth` executable of that name on PATH (owned), or NULL. */
static char *on_path(const char *name, size_t nth)
{
    const char *list = getenv("PATH");
    if (!list)
        list = "/usr/local/bin:/usr/bin:/bin";
    for (const char *p = list;;) {
        size_t len = strcspn(p, ":");
        PTD_CLEANUP_FREE char *dir = ptd_xstrndup(len ? p : ".", len ? len : 1);
        PTD_CLEANUP_FREE char *relative = ptd_path_join(dir, name);
        PTD_CLEANUP_FREE char *path = absolute(relative);
        if (is_executable(path) && nth-- == 0)
            return ptd_xstrdup(path);
        p += len;
        if (!*p)
            return NULL;
        p++;
    }
}

/* What the user named, as the path of an executable (owned); NULL and *err when there is nothing.
 */
static char *resolve_wanted(const char *wanted, struct ptd_err *err)
{
    char *found = NULL;
    PTD_CLEANUP_FREE char *path = absolute(wanted);
    if (is_directory(path)) {
        found = environment_python(path);
        if (!found)
            unusable(err, wanted, "is a directory without bin/python");
        return found;
    }
    if (!strchr(wanted, '/'))
        found = on_path(wanted, 0);
    if (!found && is_there(path))
        found = ptd_xstrdup(path);
    if (!found)
        unusable(err, wanted, strchr(wanted, '/') ? "does not exist" : "is not on PATH");
    return found;
}

/* .venv and venv in `start` and above; sets *origin. Owned, or NULL. */
static char *environment_above(const char *start, const char **origin)
{
    static const char *const names[] = {".venv", "venv"};
    PTD_CLEANUP_FREE char *dir = absolute(start ? start : ".");
    for (;;) {
        for (size_t i = 0; i < 2; i++) {
            PTD_CLEANUP_FREE char *environment = ptd_path_join(dir, names[i]);
            char *python = environment_python(environment);
            *origin = names[i];
            if (python)
                return python;
        }
        if (strcmp(dir, "/") == 0 || dir[0] == '\0')
            return NULL;
        char *above = ptd_path_dirname(dir);
        free(dir);
        dir = above;
    }
}

static char *environment_of(const char *variable)
{
    const char *dir = getenv(variable);
    return dir && *dir ? environment_python(dir) : NULL;
}

static char *find_environment(const char *start, const char **origin)
{
    char *python = environment_of(*origin = "VIRTUAL_ENV");
    if (!python)
        python = environment_above(start, origin);
    if (!python)
        python = environment_of(*origin = "CONDA_PREFIX");
    return python;
}

/*
 * As a shell would: the first one. A shim that runs nothing (no version chosen) is passed over, but
 * a Python that answered is what the user has, so that an unsuitable one is an error.
 */
static int find_by_name(const char *name, enum ptd_host host, struct ptd_interpreter *out,
                        struct ptd_err *first)
{
    for (size_t nth = 0;; nth++) {
        struct ptd_err error = {0};
        PTD_CLEANUP_FREE char *python = on_path(name, nth);
        if (!python)
            return -1;
        if (inspect(python, "PATH", host, out, &error) == 0)
            return 0;
        if (out->major != 0 || first->code == PTD_E_OK)
            *first = error;
        if (out->major != 0)
            return -1;
    }
}

static int find_on_path(enum ptd_host host, struct ptd_interpreter *out, struct ptd_err *err)
{
    struct ptd_err first = {0};
    if (find_by_name("python3", host, out, &first) == 0)
        return 0;
    if (out->major == 0 && find_by_name("python", host, out, &first) == 0)
        return 0;
    if (first.code == PTD_E_OK) {
        ptd_err_set(&first, PTD_E_PYTHON,
                    "no Python found: there is no environment and no python3 on PATH");
        ptd_err_hint(&first,
                     "name one with --python, or make an environment: python3 -m venv .venv");
    }
    if (err)
        *err = first;
    return -1;
}

int ptd_interpreter_find(const char *wanted, const char *start, enum ptd_host host,
                         struct ptd_interpreter *out, struct ptd_err *err)
{
    const char *origin = "--python";
    memset(out, 0, sizeof(*out));
    if (wanted && *wanted) {
        PTD_CLEANUP_FREE char *python = resolve_wanted(wanted, err);
        return python ? inspect(python, origin, host, out, err) : -1;
    }
    PTD_CLEANUP_FREE char *python = find_environment(start, &origin);
    if (python)
        return inspect(python, origin, host, out, err);
    return find_on_path(host, out, err);
}
