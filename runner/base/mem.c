#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *ptr)
{
    if (!ptr) {
        fputs("pyt-diff: error: out of memory\n", stderr);
        _exit(3);
    }
    return ptr;
}

void *ptd_xmalloc(size_t size)
{
    return check(malloc(size ? size : 1));
}

void *ptd_xcalloc(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1));
}

void *ptd_xrealloc(void *ptr, size_t size)
{
    return check(realloc(ptr, size ? size : 1));
}

void *ptd_xgrow(void *ptr, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return ptr;
    size_t want = *cap ? *cap + *cap / 2 : 8;
    if (want < need)
        want = need;
    *cap = want;
    return check(reallocarray(ptr, want, size));
}

char *ptd_xstrdup(const char *s)
{
    return check(strdup(s));
}

char *ptd_xstrndup(const char *s, size_t n)
{
    return check(strndup(s, n));
}

char *ptd_xasprintf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&out, fmt, ap) < 0)
        out = NULL;
    va_end(ap);
    return check(out);
}

void ptd_cleanup_free(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

void ptd_cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
