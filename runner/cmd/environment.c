#include "cmd/environment.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

/* Longest answer of an interpreter that is believed. */
#define MAX_ANSWER ((size_t)1 << 20)

static const char question[] =
    "import sys, os\n"
    "v = sys.version_info\n"
    "print('%s %d.%d.%d%s %s %s' % (sys.implementation.name, v[0], v[1], v[2],\n"
    "      '' if v[3] == 'final' else v[3] + str(v[4]), sys.platform, os.uname().machine))\n"
    "print('\\n'.join(p for p in sys.path[1:] if os.path.isdir(p)))\n";

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

struct name_list {
    char **items;
    size_t count, cap;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of what is installed in one folder; with .pth files, which can lengthen sys.path. */
static void list_installed(const char *folder, struct name_list *packages, struct name_list *paths)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        const char *name = e->d_name;
        struct name_list *list = ptd_path_ends_with(name, ".pth") ? paths : packages;
        if (!ptd_path_ends_with(name, ".dist-info") && !ptd_path_ends_with(name, ".egg-info") &&
            !ptd_path_ends_with(name, ".egg-link") && !ptd_path_ends_with(name, ".pth"))
            continue;
        if (name[0] == '~') /* what pip leaves of an interrupted installation */
            continue;
        list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(char *));
        list->items[list->count++] = ptd_xstrdup(name);
    }
    closedir(dir);
}

static struct ptd_hash128 hash_names(struct name_list *list)
{
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    if (list->count)
        qsort(list->items, list->count, sizeof(char *), compare_names);
    for (size_t i = 0; i < list->count; i++) {
        ptd_buf_add(&all, list->items[i], strlen(list->items[i]) + 1);
        free(list->items[i]);
    }
    free(list->items);
    return ptd_hash128(all.data ? all.data : "", all.len);
}

/* `folders`: one per line. */
static void look_at_folders(const char *folders, struct ptd_hash128 *packages,
                            struct ptd_hash128 *paths)
{
    struct name_list package_names = {0}, path_names = {0};
    for (const char *p = folders; *p;) {
        size_t n = strcspn(p, "\n");
        PTD_CLEANUP_FREE char *folder = ptd_xstrndup(p, n);
        if (n)
            list_installed(folder, &package_names, &path_names);
        p += n;
        p += *p == '\n';
    }
    *packages = hash_names(&package_names);
    *paths = hash_names(&path_names);
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

/* The cached answer: look "\n" hash of .pth names "\n" name "\n" folders. */
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

static bool use_cache(char *cached, const char *look, struct ptd_environment *out)
{
    char *parts[4];
    struct ptd_hash128 paths;
    char text[33];
    if (!cached || split_cache(cached, parts) < 0 || strcmp(parts[0], look) != 0)
        return false;
    look_at_folders(parts[3], &out->packages, &paths);
    ptd_hash128_text(&paths, text);
    if (strcmp(text, parts[1]) != 0)
        return false;
    out->name = ptd_xstrdup(parts[2]);
    return true;
}

int ptd_environment_find(struct ptd_store *store, bool writable,
                         const struct ptd_interpreter *interpreter, struct ptd_environment *out,
                         struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf look = PTD_BUF_INIT, answer = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *key = ptd_xasprintf("interpreter %s", interpreter->python);
    PTD_CLEANUP_FREE char *cached = NULL;
    *out = (struct ptd_environment){0};
    look_at_interpreter(interpreter, &look);
    if (store && ptd_store_meta_get(store, key, &cached, err) < 0)
        return -1;
    if (use_cache(cached, look.data, out))
        return 0;
    if (ask(interpreter, &answer, err) < 0)
        return -1;
    char *folders = answer.data ? strchr(answer.data, '\n') : NULL;
    if (!folders)
        PTD_BUG("an answer without a line was believed");
    *folders++ = '\0';
    struct ptd_hash128 paths;
    char text[33];
    look_at_folders(folders, &out->packages, &paths);
    ptd_hash128_text(&paths, text);
    out->name = ptd_xstrdup(answer.data);
    if (!store || !writable)
        return 0;
    PTD_CLEANUP_FREE char *value =
        ptd_xasprintf("%s\n%s\n%s\n%s", look.data, text, out->name, folders);
    return ptd_store_meta_set(store, key, value, err);
}

void ptd_environment_release(struct ptd_environment *environment)
{
    free(environment->name);
    *environment = (struct ptd_environment){0};
}
