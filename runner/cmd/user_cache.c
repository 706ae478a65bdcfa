#include "cmd/user_cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"

#define LARGEST   ((size_t)1 << 20)
#define MOST      200                      /* files; beyond that old ones go */
#define OLD_AFTER ((time_t)30 * 24 * 3600) /* seconds without having been written */
#define CODE      ".bin"

static bool is_ours(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The directory; owned, or NULL when there is none and it is not to be made, or it is not ours. */
static char *directory(bool make)
{
    const char *given = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    struct stat st;
    PTD_CLEANUP_FREE char *base = given && given[0] == '/' ? ptd_xstrdup(given)
                                  : home && home[0] == '/' ? ptd_path_join(home, ".cache")
                                                           : NULL;
    if (!base)
        return NULL;
    PTD_CLEANUP_FREE char *dir = ptd_path_join(base, "pyt-diff");
    if (make && stat(dir, &st) < 0) {
        /* Not below a home that belongs to somebody else, as with sudo. */
        PTD_CLEANUP_FREE char *above = ptd_path_dirname(base);
        if (stat(base, &st) < 0 && (stat(above, &st) < 0 || !is_ours(&st) || mkdir(base, 0700) < 0))
            return NULL;
        if (stat(base, &st) < 0 || !is_ours(&st) || mkdir(dir, 0700) < 0)
            return NULL;
    }
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || !is_ours(&st))
        return NULL;
    return ptd_xstrdup(dir);
}

static int read_ours(const char *path, struct ptd_buf *out)
{
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || !is_ours(&st))
        return -1;
    return ptd_buf_read_file(out, path, LARGEST, NULL);
}

static void write_ours(const struct ptd_buf *content, const char *path)
{
    if (ptd_buf_write_file(content, path, NULL) == 0)
        chmod(path, 0600); /* whatever the umask lets others do */
}

/* The path of a key's file; owned. */
static char *file_of(const char *dir, const char *key)
{
    struct ptd_hash128 hash = ptd_hash128(key, strlen(key));
    char text[33];
    ptd_hash128_text(&hash, text);
    return ptd_path_join(dir, text);
}

/* Where much has gathered, what was made long ago goes: nobody else ever takes anything away. */
static void tidy(const char *dir)
{
    DIR *list = opendir(dir);
    time_t now = time(NULL);
    size_t count = 0;
    while (list && readdir(list))
        count++;
    if (list && count > MOST) {
        rewinddir(list);
        for (const struct dirent *e; (e = readdir(list));) {
            PTD_CLEANUP_FREE char *path = ptd_path_join(dir, e->d_name);
            struct stat st;
            if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && now - st.st_mtime > OLD_AFTER)
                unlink(path);
        }
    }
    if (list)
        closedir(list);
}

char *ptd_user_cache_get(const char *key)
{
    struct ptd_buf text = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *dir = directory(false);
    PTD_CLEANUP_FREE char *path = dir ? file_of(dir, key) : NULL;
    if (path && read_ours(path, &text) == 0 && text.data && strlen(text.data) == text.len)
        return ptd_buf_steal(&text);
    ptd_buf_release(&text);
    return NULL;
}

void ptd_user_cache_put(const char *key, const char *text)
{
    PTD_CLEANUP_BUF struct ptd_buf content = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *dir = directory(true);
    if (!dir)
        return;
    PTD_CLEANUP_FREE char *path = file_of(dir, key);
    ptd_buf_adds(&content, text);
    tidy(dir);
    write_ours(&content, path);
}

/* Copies the bytecode in `from` that `to` lacks. */
static void copy_code(const char *from, const char *to)
{
    DIR *list = opendir(from);
    const struct dirent *e;
    while (list && (e = readdir(list))) {
        if (!ptd_path_ends_with(e->d_name, CODE))
            continue;
        PTD_CLEANUP_BUF struct ptd_buf content = PTD_BUF_INIT;
        PTD_CLEANUP_FREE char *source = ptd_path_join(from, e->d_name);
        PTD_CLEANUP_FREE char *target = ptd_path_join(to, e->d_name);
        if (access(target, F_OK) < 0 && errno == ENOENT && read_ours(source, &content) == 0)
            write_ours(&content, target);
    }
    if (list)
        closedir(list);
}

void ptd_user_cache_take_code(const char *to)
{
    PTD_CLEANUP_FREE char *dir = directory(false);
    if (dir)
        copy_code(dir, to);
}

void ptd_user_cache_give_code(const char *from)
{
    PTD_CLEANUP_FREE char *dir = directory(true);
    if (dir)
        copy_code(from, dir);
}
