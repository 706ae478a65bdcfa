#include "files_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Takes ".", ".." and empty components out of an absolute path, in place. */
static void normalise(char *path)
{
    char *out = path;
    for (const char *p = path; *p;) {
        while (*p == '/')
            p++;
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.') {
            while (out > path && *--out != '/')
                continue;
        } else if (len && !(len == 1 && p[0] == '.')) {
            *out++ = '/';
            memmove(out, p, len);
            out += len;
        }
        p += len;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

/* The directory of a descriptor, or the working directory; its length, 0 when there is none. */
static size_t directory(int dirfd, char *out, size_t size)
{
    char link[32];
    if (dirfd == AT_FDCWD)
        return getcwd(out, size) && out[0] == '/' ? strlen(out) : 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
    ssize_t n = readlink(link, out, size - 1);
    if (n <= 0 || out[0] != '/')
        return 0;
    out[n] = '\0';
    return (size_t)n;
}

bool ptd_files_absolute(int dirfd, const char *path, char *out, size_t size)
{
    size_t len = strlen(path), base = 0;
    if (path[0] != '/') {
        base = directory(dirfd, out, size);
        if (!base || base + 1 >= size)
            return false;
        out[base++] = '/';
    }
    if (len >= size - base)
        return false;
    memcpy(out + base, path, len + 1);
    normalise(out);
    return true;
}
