#include "base/path.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

char *ptd_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0' || strcmp(dir, ".") == 0)
        return ptd_xstrdup(name);
    size_t len = strlen(dir);
    return ptd_xasprintf("%s%s%s", dir, dir[len - 1] == '/' ? "" : "/", name);
}

char *ptd_path_dirname(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ptd_xstrdup("");
    if (slash == path)
        return ptd_xstrdup("/");
    return ptd_xstrndup(path, (size_t)(slash - path));
}

const char *ptd_path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Drops the last component of `out` unless there is none or it is "..": then false. */
static bool pop(struct ptd_buf *out, size_t floor)
{
    size_t at = out->len;
    while (at > floor && out->data[at - 1] != '/')
        at--;
    if (out->len == floor || (out->len - at == 2 && memcmp(out->data + at, "..", 2) == 0))
        return false;
    out->len = at > floor ? at - 1 : floor;
    return true;
}

char *ptd_path_normalize(const char *path)
{
    struct ptd_buf out = PTD_BUF_INIT;
    size_t floor = path[0] == '/' ? 1 : 0;
    if (floor)
        ptd_buf_addc(&out, '/');
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        bool dot = n == 0 || (n == 1 && p[0] == '.');
        bool up = n == 2 && p[0] == '.' && p[1] == '.';
        if (!dot && !(up && (pop(&out, floor) || floor))) {
            if (out.len > floor)
                ptd_buf_addc(&out, '/');
            ptd_buf_add(&out, p, n);
        }
        p += n;
        if (*p)
            p++;
    }
    if (out.len == 0)
        ptd_buf_addc(&out, '.');
    return ptd_buf_steal(&out);
}

char *ptd_path_relative(const char *path, const char *base)
{
    size_t same = 0; /* length of the common part that ends at a component border */
    size_t i = 0;
    while (path[i] && path[i] == base[i])
        i++;
    if ((path[i] == '\0' || path[i] == '/') && (base[i] == '\0' || base[i] == '/'))
        same = i;
    else
        for (same = i; same > 0 && path[same] != '/';)
            same--;
    struct ptd_buf out = PTD_BUF_INIT;
    for (const char *b = base + same; *b;) {
        while (*b == '/')
            b++;
        if (!*b)
            break;
        ptd_buf_adds(&out, out.len ? "/.." : "..");
        b += strcspn(b, "/");
    }
    const char *rest = path + same;
    while (*rest == '/')
        rest++;
    if (*rest) {
        if (out.len)
            ptd_buf_addc(&out, '/');
        ptd_buf_adds(&out, rest);
    }
    if (out.len == 0)
        ptd_buf_addc(&out, '.');
    return ptd_buf_steal(&out);
}

bool ptd_path_within(const char *path, const char *dir)
{
    if (dir[0] == '\0' || strcmp(dir, ".") == 0)
        return path[0] != '/' && strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0;
    size_t n = strlen(dir);
    if (strncmp(path, dir, n) != 0)
        return false;
    return path[n] == '\0' || path[n] == '/' || dir[n - 1] == '/';
}

bool ptd_path_ends_with(const char *path, const char *tail)
{
    size_t n = strlen(path), m = strlen(tail);
    return n >= m && strcmp(path + n - m, tail) == 0;
}
