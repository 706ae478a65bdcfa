#include "lines/unexecuted.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

/* Deeper is a loop of mounts, or nothing that anybody imports. */
#define MOST_LEVELS 64

struct search {
    int (*found)(void *, const char *, struct ptd_err *);
    void *arg;
    struct ptd_err *err;
};

static bool is_importable(const char *name)
{
    size_t stem = strcspn(name, ".#~!$@%^&*()+=,");
    return stem && (strcmp(name + stem, ".py") == 0 || strcmp(name + stem, ".pyw") == 0);
}

static bool is_package(const char *dir)
{
    PTD_CLEANUP_FREE char *init = ptd_path_join(dir, "__init__.py");
    return access(init, F_OK) == 0;
}

static int search_directory(const struct search *s, const char *path, int level);

static int search_entry(const struct search *s, const char *path, const char *name, int level)
{
    char real[PATH_MAX];
    struct stat st;
    if (lstat(path, &st) < 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        return level < MOST_LEVELS && is_package(path) ? search_directory(s, path, level + 1) : 0;
    if (!is_importable(name) || !realpath(path, real) || stat(real, &st) < 0 ||
        !S_ISREG(st.st_mode))
        return 0;
    return s->found(s->arg, real, s->err);
}

static int search_directory(const struct search *s, const char *path, int level)
{
    DIR *dir = opendir(path);
    int failed = 0;
    if (!dir)
        return 0;
    for (struct dirent *e; !failed && (e = readdir(dir));) {
        PTD_CLEANUP_FREE char *entry = ptd_path_join(path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            failed = search_entry(s, entry, e->d_name, level);
    }
    closedir(dir);
    return failed;
}

int ptd_unexecuted_find(const char *root, int (*found)(void *, const char *, struct ptd_err *),
                        void *arg, struct ptd_err *err)
{
    struct search search = {found, arg, err};
    return search_directory(&search, root, 0);
}
