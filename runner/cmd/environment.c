#include "cmd/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/user_cache.h"

/* Longest answer of an interpreter that is believed. */
#define MAX_ANSWER ((size_t)1 << 20)
/* Bytes of a name that the user gives. */
#define LONGEST_GIVEN 200

static const char question[] =
    "import sys, os\n"
    "v = sys.version_info\n"
    "print('%s %d.%d.%d%s %s %s' % (sys.implementation.name, v[0], v[1], v[2],\n"
    "      '' if v[3] == 'final' else v[3] + str(v[4]), sys.platform, os.uname().machine))\n"
    /* what is not there yet counts when it comes */
    "folders = list(sys.path)\n"
    "try:\n"
    "    import site\n"
    "    folders += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []\n"
    "except Exception:\n"
    "    pass\n"
    "print('\\n'.join(dict.fromkeys(p for p in folders if p and not os.path.isfile(p))))\n";

static void add_file_look(struct ptd_buf *out, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        ptd_buf_adds(out, "-;");
    else
        ptd_buf_addf(out, "%lld.%lld.%ld.%llu;", (long long)st.st_size,
                     (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                     (unsigned long long)st.st_ino);
}

/* What the interpreter's answer depends on, besides the folders of sys.path themselves. */
static void look_at_interpreter(const struct ptd_interpreter *interpreter, struct ptd_buf *out)
{
    PTD_CLEANUP_FREE char *bin = ptd_path_dirname(interpreter->python);
    PTD_CLEANUP_FREE char *prefix = ptd_path_dirname(bin);
    PTD_CLEANUP_FREE char *config = ptd_path_join(prefix, "pyvenv.cfg");
    const char *pythonpath = getenv("PYTHONPATH");
    const char *home = getenv("PYTHONHOME");
    add_file_look(out, interpreter->real);
    add_file_look(out, interpreter->libpython[0] ? interpreter->libpython : "/");
    add_file_look(out, config);
    ptd_buf_addf(out, "%s;%s", pythonpath ? pythonpath : "", home ? home : "");
    for (char *p = out->data; *p; p++)
        if (*p == '\n')
            *p = ' ';
}

static int read_answer(int fd, struct ptd_buf *out)
{
    for (;;) {
        ptd_buf_reserve(out, 4096);
        ssize_t got = read(fd, out->data + out->len, 4096);
        if (got <= 0) {
            out->data[out->len] = '\0';
            return got == 0 ? 0 : -1;
        }
        out->len += (size_t)got;
        if (out->len > MAX_ANSWER)
            return -1;
    }
}

static int ask(const struct ptd_interpreter *interpreter, struct ptd_buf *answer,
               struct ptd_err *err)
{
    int ends[2];
    if (pipe(ends) < 0)
        return ptd_err_sys(err, PTD_E_PYTHON, "cannot ask %s for its version", interpreter->python);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(interpreter->python, interpreter->python, "-c", question, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    int status = -1;
    int failed = child < 0 || read_answer(ends[0], answer) < 0;
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    if (failed || status != 0 || !answer->data || !strchr(answer->data, '\n')) {
        ptd_err_set(err, PTD_E_PYTHON, "%s cannot be run", interpreter->python);
        return ptd_err_hint(err, "name another interpreter with --python");
    }
    return 0;
}

/* The cached answer: look "\n" hash of what .pth files look like "\n" name "\n" folders. */
static int split_cache(char *cached, char *parts[4])
{
    for (int i = 0; i < 3; i++) {
        parts[i] = cached;
        char *end = strchr(cached, '\n');
        if (!end)
            return -1;
        *end = '\0';
        cached = end + 1;
    }
    parts[3] = cached;
    return 0;
}

static bool use_cache(char *cached, const char *look, const char *root, struct ptd_environment *out)
{
    char *parts[4];
    char text[33];
    if (!cached || split_cache(cached, parts) < 0 || strcmp(parts[0], look) != 0)
        return false;
    ptd_packages_look(&out->packages, parts[3], root);
    ptd_hash128_text(&out->packages.paths, text);
    if (strcmp(text, parts[1]) != 0) {
        ptd_packages_release(&out->packages);
        return false;
    }
    out->name = ptd_xstrdup(parts[2]);
    return true;
}

/* Takes an answer; returns it as it is cached, owned. */
static char *use_answer(char *answer, const char *look, const char *root,
                        struct ptd_environment *out)
{
    char text[33];
    char *folders = answer ? strchr(answer, '\n') : NULL;
    if (!folders)
        PTD_BUG("an answer without a line was believed");
    *folders++ = '\0';
    ptd_packages_look(&out->packages, folders, root);
    ptd_hash128_text(&out->packages.paths, text);
    out->name = ptd_xstrdup(answer);
    return ptd_xasprintf("%s\n%s\n%s\n%s", look, text, out->name, folders);
}

/* All that decides about sys.path, beside what look_at_interpreter sees: other projects of the user
 * have other variables, and relative entries mean other folders. Owned. */
static char *shared_key(const struct ptd_interpreter *interpreter, const char *look)
{
    static const char *const names[] = {"HOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE",
                                        "PYTHONSAFEPATH", "PYTHONPLATLIBDIR"};
    struct ptd_buf key = PTD_BUF_INIT;
    ptd_buf_addf(&key, "interpreter %s\n%s", interpreter->python, look);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = getenv(names[i]);
        ptd_buf_addf(&key, "\n%s%s", value ? "=" : "", value ? value : "");
    }
    PTD_CLEANUP_FREE char *here = getenv("PYTHONPATH") ? getcwd(NULL, 0) : NULL;
    ptd_buf_addf(&key, "\n%s", here ? here : "");
    return ptd_buf_steal(&key);
}

static int find(struct ptd_store *store, bool writable, const struct ptd_interpreter *interpreter,
                const char *root, struct ptd_environment *out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf look = PTD_BUF_INIT, answer = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *key = ptd_xasprintf("interpreter %s", interpreter->python);
    PTD_CLEANUP_FREE char *cached = NULL;
    look_at_interpreter(interpreter, &look);
    if (store && ptd_store_meta_get(store, key, &cached, err) < 0)
        return -1;
    if (use_cache(cached, look.data, root, out))
        return 0;
    PTD_CLEANUP_FREE char *shared = shared_key(interpreter, look.data);
    PTD_CLEANUP_FREE char *known = ptd_user_cache_get(shared);
    PTD_CLEANUP_FREE char *value = known ? ptd_xstrdup(known) : NULL;
    if (!use_cache(known, look.data, root, out)) {
        free(value);
        value = NULL;
        if (ask(interpreter, &answer, err) < 0)
            return -1;
        value = use_answer(answer.data, look.data, root, out);
        ptd_user_cache_put(shared, value);
    }
    return store && writable ? ptd_store_meta_set(store, key, value, err) : 0;
}

/* It is printed, and a line in files. */
static int check_given(const char *given, struct ptd_err *err)
{
    const unsigned char *c = (const unsigned char *)given;
    while (*c >= 0x20 && *c != 0x7f)
        c++;
    if (!*c && strlen(given) <= LONGEST_GIVEN)
        return 0;
    if (*c)
        ptd_err_set(err, PTD_E_USAGE, "the name of the environment has control characters");
    else
        ptd_err_set(err, PTD_E_USAGE, "the name of the environment is longer than %d bytes",
                    LONGEST_GIVEN);
    return ptd_err_hint(err, "it is set by --environment-name, PYT_DIFF_ENVIRONMENT_NAME or "
                             "environment-name in the configuration");
}

/* What is said of "cpython 3.11.7 linux x86_64", and the given name. */
static void add_names(struct ptd_environment *e, const char *given)
{
    PTD_CLEANUP_FREE char *found = e->name;
    PTD_CLEANUP_FREE char *suffix = given ? ptd_xasprintf(" [%s]", given) : ptd_xstrdup("");
    const char *version = found + strcspn(found, " ");
    version += *version == ' ';
    e->name = ptd_xasprintf("%s%s", found, suffix);
    e->brief = ptd_xasprintf("CPython %.*s%s", (int)strcspn(version, " "), version, suffix);
}

int ptd_environment_find(struct ptd_store *store, bool writable,
                         const struct ptd_interpreter *interpreter, const char *given,
                         const char *root, struct ptd_environment *out, struct ptd_err *err)
{
    *out = (struct ptd_environment){0};
    if ((given && check_given(given, err) < 0) ||
        find(store, writable, interpreter, root, out, err) < 0)
        return -1;
    add_names(out, given);
    return 0;
}

void ptd_environment_release(struct ptd_environment *environment)
{
    free(environment->name);
    free(environment->brief);
    ptd_packages_release(&environment->packages);
    *environment = (struct ptd_environment){0};
}
