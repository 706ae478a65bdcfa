/*
 * Errors as values.
 *
 * A fallible function returns 0 on success and -1 on failure and takes a `struct ptd_err *` as its
 * last parameter. The struct lives on the caller's stack; nothing is allocated, nothing is freed.
 * Only the command layer prints an error and only main() turns it into an exit code.
 *
 * Message style: lower case, no full stop, the failed thing first ("cannot open x: ..."). The hint
 * is optional and says what the user can do about it.
 */
#ifndef PTD_BASE_ERR_H
#define PTD_BASE_ERR_H

enum ptd_code {
    PTD_E_OK = 0,
    PTD_E_USAGE,       /* bad command line: exit 4 */
    PTD_E_CONFIG,      /* bad configuration file: exit 4 */
    PTD_E_IO,          /* file system: exit 3 */
    PTD_E_STORE,       /* database: exit 3 */
    PTD_E_PYTHON,      /* interpreter missing or unusable: exit 4 */
    PTD_E_NET,         /* a server, or the way to it: exit 3 */
    PTD_E_INTERRUPTED, /* exit 2 */
    PTD_E_INTERNAL,    /* our fault: exit 3 */
};

struct ptd_err {
    enum ptd_code code;
    int sys_errno; /* errno at the time of failure, or 0 */
    char msg[1024];
    char hint[512];
};

/* Fills *err (NULL is allowed) and returns -1, so that callers can `return ptd_err_set(...)`. */
int ptd_err_set(struct ptd_err *err, enum ptd_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": strerror(errno)" appended and sys_errno kept. */
int ptd_err_sys(struct ptd_err *err, enum ptd_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the hint of an error that is already there; returns -1. */
int ptd_err_hint(struct ptd_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts context in front of the message that is there ("context: message"); returns -1. */
int ptd_err_wrap(struct ptd_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The process exit code that belongs to a code (see the table above). */
int ptd_err_exit_code(const struct ptd_err *err);

/* A broken invariant of ours: prints file and line and aborts. */
#define PTD_BUG(what) ptd_bug_at(__FILE__, __LINE__, (what))
_Noreturn void ptd_bug_at(const char *file, int line, const char *what);

#endif
