/*
 * Walks the current directory with the ignore rules of the engine and prints, NUL-terminated, every
 * path that is ignored itself or by a directory above it. tests/e2e/check_ignore_git.py compares
 * that with what git says.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "change/ignore.h"

static struct ptd_ignore *load(const struct ptd_ignore *parent, const char *base, const char *file)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (ptd_buf_read_file(&text, file, 1u << 20, NULL) != 0)
        return NULL;
    return ptd_ignore_new(parent, base, text.data, text.len);
}

static void walk(const char *path, const struct ptd_ignore *above, bool ignored)
{
    PTD_CLEANUP_FREE char *file = ptd_path_join(path, ".gitignore");
    struct ptd_ignore *own = ignored ? NULL : load(above, path, file);
    const struct ptd_ignore *rules = own ? own : above;
    DIR *dir = opendir(*path ? path : ".");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, ".git") == 0)
            continue;
        PTD_CLEANUP_FREE char *child = ptd_path_join(path, e->d_name);
        struct stat st;
        if (lstat(child, &st) != 0)
            continue;
        bool out = ignored || ptd_ignore_match(rules, child, S_ISDIR(st.st_mode));
        if (out)
            fwrite(child, 1, strlen(child) + 1, stdout);
        if (S_ISDIR(st.st_mode))
            walk(child, rules, out);
    }
    if (dir)
        closedir(dir);
    ptd_ignore_free(own);
}

int main(void)
{
    struct ptd_ignore *exclude = load(NULL, "", ".git/info/exclude");
    walk("", exclude, false);
    ptd_ignore_free(exclude);
    return 0;
}
