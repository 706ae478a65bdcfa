#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ptd_err_set(struct ptd_err *err, enum ptd_code code, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->sys_errno = 0;
    err->hint[0] = '\0';
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    return -1;
}

int ptd_err_sys(struct ptd_err *err, enum ptd_code code, const char *fmt, ...)
{
    int saved = errno;
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->sys_errno = saved;
    err->hint[0] = '\0';
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", strerror(saved));
    return -1;
}

int ptd_err_hint(struct ptd_err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
    return -1;
}

int ptd_err_wrap(struct ptd_err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    char old[sizeof(err->msg)];
    memcpy(old, err->msg, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    int used = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (used >= 0 && (size_t)used < sizeof(err->msg))
        snprintf(err->msg + used, sizeof(err->msg) - (size_t)used, ": %s", old);
    return -1;
}

int ptd_err_exit_code(const struct ptd_err *err)
{
    switch (err->code) {
    case PTD_E_OK:
        return 0;
    case PTD_E_USAGE:
    case PTD_E_CONFIG:
    case PTD_E_PYTHON:
        return 4;
    case PTD_E_INTERRUPTED:
        return 2;
    case PTD_E_IO:
    case PTD_E_STORE:
    case PTD_E_NET:
    case PTD_E_INTERNAL:
        return 3;
    }
    return 3;
}

void ptd_bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "pyt-diff: internal error: %s (%s:%d)\n", what, file, line);
    abort();
}
