#include "change/gitrepo.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* git's own limit for a file of patterns. */
#define MAX_SIZE (100u << 20)

bool ptd_gitrepo_read(int dir_fd, const char *name, bool follow, struct ptd_buf *out)
{
    PTD_CLEANUP_CLOSE int fd =
        openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_SIZE)
        return false;
    size_t before = out->len;
    for (;;) {
        ptd_buf_reserve(out, 4096);
        ssize_t got = read(fd, out->data + out->len, out->cap - out->len - 1);
        if (got < 0 || out->len - before > MAX_SIZE) {
            out->len = before;
            out->data[out->len] = '\0';
            return false;
        }
        out->len += (size_t)got;
        out->data[out->len] = '\0';
        if (got == 0)
            return true;
    }
}

/* Opens the directory that a one-line file names, relative to `dir_fd`; -1 when that fails. */
static int open_named(int dir_fd, const char *line_file, const char *prefix)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (!ptd_gitrepo_read(dir_fd, line_file, true, &text))
        return -1;
    size_t skip = strlen(prefix);
    if (text.len < skip || memcmp(text.data, prefix, skip) != 0)
        return -1;
    while (text.len > skip && strchr("\r\n", text.data[text.len - 1]))
        text.data[--text.len] = '\0';
    return openat(dir_fd, text.data + skip, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
}

static int open_git_dir(int dir_fd)
{
    struct stat st;
    if (fstatat(dir_fd, ".git", &st, 0) != 0)
        return -1;
    if (S_ISDIR(st.st_mode))
        return openat(dir_fd, ".git", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    return S_ISREG(st.st_mode) ? open_named(dir_fd, ".git", "gitdir: ") : -1;
}

bool ptd_gitrepo_at(int dir_fd, struct ptd_buf *exclude)
{
    PTD_CLEANUP_CLOSE int git = open_git_dir(dir_fd);
    struct stat st;
    if (git < 0 || fstatat(git, "HEAD", &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    /* A linked work tree shares objects and excludes with the main one. */
    PTD_CLEANUP_CLOSE int shared = open_named(git, "commondir", "");
    int common = shared >= 0 ? shared : git;
    if (fstatat(common, "objects", &st, 0) != 0)
        return false;
    ptd_gitrepo_read(common, "info/exclude", true, exclude);
    return true;
}

int ptd_gitrepo_levels(int dir_fd, struct ptd_buf *exclude)
{
    PTD_CLEANUP_BUF struct ptd_buf up = PTD_BUF_INIT;
    struct stat here, below = {0};
    ptd_buf_adds(&up, ".");
    for (int levels = 0;; levels++) {
        PTD_CLEANUP_CLOSE int fd = openat(dir_fd, up.data, O_PATH | O_CLOEXEC | O_DIRECTORY);
        if (fd < 0 || fstat(fd, &here) != 0)
            return -1;
        if (levels && (here.st_dev != below.st_dev || here.st_ino == below.st_ino))
            return -1;
        if (ptd_gitrepo_at(fd, exclude))
            return levels;
        below = here;
        ptd_buf_adds(&up, "/..");
    }
}
