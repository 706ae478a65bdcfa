/* Replacements of the functions of libc that take a path; files.h says what for. */
#include "files.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "files_path.h"

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

static ptd_files_sink_fn sink;
static __thread bool busy __attribute__((tls_model("initial-exec")));

EXPORT void ptd_files_set_sink(ptd_files_sink_fn wanted);
void ptd_files_set_sink(ptd_files_sink_fn wanted)
{
    __atomic_store_n(&sink, wanted, __ATOMIC_RELEASE);
}

/* What programs of all ages call; headers declare only what is current. */
int __xstat(int version, const char *path, struct stat *out);
int __xstat64(int version, const char *path, struct stat64 *out);
int __lxstat(int version, const char *path, struct stat *out);
int __lxstat64(int version, const char *path, struct stat64 *out);
int __fxstatat(int version, int dirfd, const char *path, struct stat *out, int flags);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *out, int flags);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);
char *__realpath_chk(const char *path, char *out, size_t size);
ssize_t __readlink_chk(const char *path, char *out, size_t len, size_t size);
ssize_t __readlinkat_chk(int dirfd, const char *path, char *out, size_t len, size_t size);

/* ---- the real ones ---- */

/* clang-format off */
#define FUNCTIONS(X) \
    X(open) X(open64) X(openat) X(openat64) X(__open_2) X(__open64_2) X(__openat_2) \
    X(__openat64_2) X(creat) X(creat64) X(fopen) X(fopen64) X(freopen) X(freopen64) X(stat) \
    X(stat64) X(lstat) X(lstat64) X(fstatat) X(fstatat64) X(statx) X(__xstat) X(__xstat64) \
    X(__lxstat) X(__lxstat64) X(__fxstatat) X(__fxstatat64) X(access) X(eaccess) \
    X(euidaccess) X(faccessat) X(opendir) X(fdopendir) X(scandir) X(scandir64) X(readlink) \
    X(readlinkat) X(__readlink_chk) X(__readlinkat_chk) X(realpath) X(__realpath_chk) \
    X(canonicalize_file_name) X(rename) X(renameat) X(renameat2) X(unlink) X(unlinkat) \
    X(remove) X(rmdir) X(mkdir) X(mkdirat) X(link) X(linkat) X(symlink) X(symlinkat) \
    X(truncate) X(truncate64) X(utime) X(utimes) X(lutimes) X(utimensat)
/* clang-format on */

#define DECLARE(name)                                                                              \
    static __typeof__(&name) real_##name; /* NOLINT(bugprone-macro-parentheses)                    \
                                           */
FUNCTIONS(DECLARE)

static const struct {
    const char *name;
    void *at; /* where the pointer is kept */
} functions[] = {
#define ROW(name) {#name, &real_##name},
    FUNCTIONS(ROW)};

/* All at once and early: a look-up in a forked child could wait for a lock that nobody holds. */
__attribute__((constructor(101))) static void resolve(void)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(RTLD_NEXT, functions[i].name);
        memcpy(functions[i].at, &found, sizeof found);
    }
}

/* For what runs before the constructor. */
#define REAL(name) (real_##name ? real_##name : (resolve(), real_##name))

/* ---- telling ---- */

static bool listening(void)
{
    return __builtin_expect(sink != NULL, 0) && !busy;
}

static __attribute__((noinline)) void tell(enum ptd_file_event event, int dirfd, const char *path,
                                           const void *caller)
{
    char absolute[PATH_MAX];
    ptd_files_sink_fn function = __atomic_load_n(&sink, __ATOMIC_ACQUIRE);
    busy = true;
    bool known = function && path && ptd_files_absolute(dirfd, path, absolute, sizeof absolute);
    busy = false;
    /* The sink may run code of the user's (a collection of garbage), which is listened to. */
    if (known)
        function(event, absolute, caller);
}

static bool is_absence(int error)
{
    return error == ENOENT || error == ENOTDIR;
}

/* After a function that only looks. An empty path stands for the descriptor itself. */
static void looked(int dirfd, const char *path, bool found, const void *caller)
{
    int error = errno;
    if (!listening() || !path || !path[0])
        return;
    tell(!found && is_absence(error) ? PTD_FILE_MISSING : PTD_FILE_STAT, dirfd, path, caller);
    errno = error;
}

static void listed(const char *path, bool found, const void *caller)
{
    int error = errno;
    if (!listening() || !path || !path[0])
        return;
    enum ptd_file_event failed = error == ENOENT ? PTD_FILE_MISSING : PTD_FILE_STAT;
    tell(found ? PTD_FILE_LIST : failed, AT_FDCWD, path, caller);
    errno = error;
}

static void wrote(enum ptd_file_event event, int dirfd, const char *path, bool done,
                  const void *caller)
{
    int error = errno;
    if (!listening() || !path || !path[0])
        return;
    if (done)
        tell(event, dirfd, path, caller);
    else if (error == EEXIST)
        tell(PTD_FILE_STAT, dirfd, path, caller);
    errno = error;
}

/* ---- open ---- */

/* Before opening: whether the file is there already, asked only where it matters. */
static bool is_there(int dirfd, const char *path, int flags)
{
    if (!(flags & O_CREAT) || !listening())
        return true;
    int error = errno;
    bool there = !(flags & O_EXCL) && REAL(faccessat)(dirfd, path, F_OK, 0) == 0;
    errno = error;
    return there;
}

static void tell_open(int dirfd, const char *path, int flags, bool existed, const void *caller)
{
    int access_mode = flags & O_ACCMODE;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return;
    if (!existed)
        tell(PTD_FILE_CREATE, dirfd, path, caller);
    else if (flags & (O_PATH | O_DIRECTORY))
        tell(PTD_FILE_STAT, dirfd, path, caller);
    else if (flags & O_TRUNC)
        tell(PTD_FILE_REPLACE, dirfd, path, caller);
    else {
        if (access_mode != O_WRONLY)
            tell(PTD_FILE_READ, dirfd, path, caller);
        if (access_mode != O_RDONLY)
            tell(PTD_FILE_CHANGE, dirfd, path, caller);
    }
}

static void opened(int dirfd, const char *path, int flags, bool existed, bool done,
                   const void *caller)
{
    int error = errno;
    if (!listening() || !path || !path[0])
        return;
    if (done)
        tell_open(dirfd, path, flags, existed, caller);
    else
        tell(is_absence(error) ? PTD_FILE_MISSING : PTD_FILE_STAT, dirfd, path, caller);
    errno = error;
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE) {                                   \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): va_start is there, inside the macro. */
#define DEFINE_OPEN(name)                                                                          \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        MODE_OF(flags)                                                                             \
        bool existed = is_there(AT_FDCWD, path, flags);                                            \
        int fd = REAL(name)(path, flags, mode);                                                    \
        opened(AT_FDCWD, path, flags, existed, fd >= 0, CALLER);                                   \
        return fd;                                                                                 \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                                                        \
    EXPORT int name(int dirfd, const char *path, int flags, ...)                                   \
    {                                                                                              \
        MODE_OF(flags)                                                                             \
        bool existed = is_there(dirfd, path, flags);                                               \
        int fd = REAL(name)(dirfd, path, flags, mode);                                             \
        opened(dirfd, path, flags, existed, fd >= 0, CALLER);                                      \
        return fd;                                                                                 \
    }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

#define DEFINE_OPEN_2(name)                                                                        \
    EXPORT int name(const char *path, int flags)                                                   \
    {                                                                                              \
        int fd = REAL(name)(path, flags);                                                          \
        opened(AT_FDCWD, path, flags, true, fd >= 0, CALLER);                                      \
        return fd;                                                                                 \
    }
DEFINE_OPEN_2(__open_2)
DEFINE_OPEN_2(__open64_2)

#define DEFINE_OPENAT_2(name)                                                                      \
    EXPORT int name(int dirfd, const char *path, int flags)                                        \
    {                                                                                              \
        int fd = REAL(name)(dirfd, path, flags);                                                   \
        opened(dirfd, path, flags, true, fd >= 0, CALLER);                                         \
        return fd;                                                                                 \
    }
DEFINE_OPENAT_2(__openat_2)
DEFINE_OPENAT_2(__openat64_2)

#define CREAT_FLAGS (O_CREAT | O_WRONLY | O_TRUNC)
#define DEFINE_CREAT(name)                                                                         \
    EXPORT int name(const char *path, mode_t mode)                                                 \
    {                                                                                              \
        bool existed = is_there(AT_FDCWD, path, CREAT_FLAGS);                                      \
        int fd = REAL(name)(path, mode);                                                           \
        opened(AT_FDCWD, path, CREAT_FLAGS, existed, fd >= 0, CALLER);                             \
        return fd;                                                                                 \
    }
DEFINE_CREAT(creat)
DEFINE_CREAT(creat64)

static int flags_of(const char *mode)
{
    bool both = strchr(mode, '+') != NULL;
    if (mode[0] == 'r')
        return both ? O_RDWR : O_RDONLY;
    int flags = O_CREAT | (both ? O_RDWR : O_WRONLY);
    return flags | (mode[0] == 'w' ? O_TRUNC : 0) | (strchr(mode, 'x') ? O_EXCL : 0);
}

#define DEFINE_FOPEN(name)                                                                         \
    EXPORT FILE *name(const char *path, const char *mode)                                          \
    {                                                                                              \
        int flags = flags_of(mode);                                                                \
        bool existed = is_there(AT_FDCWD, path, flags);                                            \
        FILE *file = REAL(name)(path, mode);                                                       \
        opened(AT_FDCWD, path, flags, existed, file != NULL, CALLER);                              \
        return file;                                                                               \
    }
DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

#define DEFINE_FREOPEN(name)                                                                       \
    EXPORT FILE *name(const char *path, const char *mode, FILE *old)                               \
    {                                                                                              \
        int flags = flags_of(mode);                                                                \
        bool existed = !path || is_there(AT_FDCWD, path, flags);                                   \
        FILE *file = REAL(name)(path, mode, old);                                                  \
        opened(AT_FDCWD, path, flags, existed, file != NULL, CALLER);                              \
        return file;                                                                               \
    }
DEFINE_FREOPEN(freopen)
DEFINE_FREOPEN(freopen64)

/* ---- looking ---- */

#define DEFINE_STAT(name, type)                                                                    \
    EXPORT int name(const char *path, struct type *out)                                            \
    {                                                                                              \
        int result = REAL(name)(path, out);                                                        \
        looked(AT_FDCWD, path, result == 0, CALLER);                                               \
        return result;                                                                             \
    }
DEFINE_STAT(stat, stat)
DEFINE_STAT(stat64, stat64)
DEFINE_STAT(lstat, stat)
DEFINE_STAT(lstat64, stat64)

#define DEFINE_XSTAT(name, type)                                                                   \
    EXPORT int name(int version, const char *path, struct type *out)                               \
    {                                                                                              \
        int result = REAL(name)(version, path, out);                                               \
        looked(AT_FDCWD, path, result == 0, CALLER);                                               \
        return result;                                                                             \
    }
DEFINE_XSTAT(__xstat, stat)
DEFINE_XSTAT(__xstat64, stat64)
DEFINE_XSTAT(__lxstat, stat)
DEFINE_XSTAT(__lxstat64, stat64)

#define DEFINE_FSTATAT(name, type)                                                                 \
    EXPORT int name(int dirfd, const char *path, struct type *out, int flags)                      \
    {                                                                                              \
        int result = REAL(name)(dirfd, path, out, flags);                                          \
        looked(dirfd, path, result == 0, CALLER);                                                  \
        return result;                                                                             \
    }
DEFINE_FSTATAT(fstatat, stat)
DEFINE_FSTATAT(fstatat64, stat64)

#define DEFINE_FXSTATAT(name, type)                                                                \
    EXPORT int name(int version, int dirfd, const char *path, struct type *out, int flags)         \
    {                                                                                              \
        int result = REAL(name)(version, dirfd, path, out, flags);                                 \
        looked(dirfd, path, result == 0, CALLER);                                                  \
        return result;                                                                             \
    }
DEFINE_FXSTATAT(__fxstatat, stat)
DEFINE_FXSTATAT(__fxstatat64, stat64)

EXPORT int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *out)
{
    int result = REAL(statx)(dirfd, path, flags, mask, out);
    looked(dirfd, path, result == 0, CALLER);
    return result;
}

#define DEFINE_ACCESS(name)                                                                        \
    EXPORT int name(const char *path, int mode)                                                    \
    {                                                                                              \
        int result = REAL(name)(path, mode);                                                       \
        looked(AT_FDCWD, path, result == 0, CALLER);                                               \
        return result;                                                                             \
    }
DEFINE_ACCESS(access)
DEFINE_ACCESS(eaccess)
DEFINE_ACCESS(euidaccess)

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags)
{
    int result = REAL(faccessat)(dirfd, path, mode, flags);
    looked(dirfd, path, result == 0, CALLER);
    return result;
}

EXPORT ssize_t readlink(const char *path, char *out, size_t size)
{
    ssize_t result = REAL(readlink)(path, out, size);
    looked(AT_FDCWD, path, result >= 0, CALLER);
    return result;
}

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *out, size_t size)
{
    ssize_t result = REAL(readlinkat)(dirfd, path, out, size);
    looked(dirfd, path, result >= 0, CALLER);
    return result;
}

EXPORT ssize_t __readlink_chk(const char *path, char *out, size_t len, size_t size)
{
    ssize_t result = REAL(__readlink_chk)(path, out, len, size);
    looked(AT_FDCWD, path, result >= 0, CALLER);
    return result;
}

EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *out, size_t len, size_t size)
{
    ssize_t result = REAL(__readlinkat_chk)(dirfd, path, out, len, size);
    looked(dirfd, path, result >= 0, CALLER);
    return result;
}

EXPORT char *realpath(const char *path, char *out)
{
    char *result = REAL(realpath)(path, out);
    looked(AT_FDCWD, path, result != NULL, CALLER);
    return result;
}

EXPORT char *__realpath_chk(const char *path, char *out, size_t size)
{
    char *result = REAL(__realpath_chk)(path, out, size);
    looked(AT_FDCWD, path, result != NULL, CALLER);
    return result;
}

EXPORT char *canonicalize_file_name(const char *path)
{
    char *result = REAL(canonicalize_file_name)(path);
    looked(AT_FDCWD, path, result != NULL, CALLER);
    return result;
}

/* ---- listing ---- */

EXPORT DIR *opendir(const char *path)
{
    DIR *result = REAL(opendir)(path);
    listed(path, result != NULL, CALLER);
    return result;
}

EXPORT DIR *fdopendir(int fd)
{
    DIR *result = REAL(fdopendir)(fd);
    int error = errno;
    if (result && listening())
        tell(PTD_FILE_LIST, fd, ".", CALLER);
    errno = error;
    return result;
}

#define DEFINE_SCANDIR(name, type)                                                                 \
    EXPORT int name(const char *path, struct type ***out, int (*filter)(const struct type *),      \
                    int (*order)(const struct type **, const struct type **))                      \
    {                                                                                              \
        int result = REAL(name)(path, out, filter, order);                                         \
        listed(path, result >= 0, CALLER);                                                         \
        return result;                                                                             \
    }
DEFINE_SCANDIR(scandir, dirent)
DEFINE_SCANDIR(scandir64, dirent64)

/* ---- changing ---- */

static void moved(int from_fd, const char *from, int to_fd, const char *to, bool done,
                  const void *caller)
{
    if (!done)
        return;
    wrote(PTD_FILE_REMOVE, from_fd, from, true, caller);
    wrote(PTD_FILE_CREATE, to_fd, to, true, caller);
}

EXPORT int rename(const char *from, const char *to)
{
    int result = REAL(rename)(from, to);
    moved(AT_FDCWD, from, AT_FDCWD, to, result == 0, CALLER);
    return result;
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int result = REAL(renameat)(from_fd, from, to_fd, to);
    moved(from_fd, from, to_fd, to, result == 0, CALLER);
    return result;
}

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    int result = REAL(renameat2)(from_fd, from, to_fd, to, flags);
    moved(from_fd, from, to_fd, to, result == 0, CALLER);
    return result;
}

#define DEFINE_REMOVE(name)                                                                        \
    EXPORT int name(const char *path)                                                              \
    {                                                                                              \
        int result = REAL(name)(path);                                                             \
        wrote(PTD_FILE_REMOVE, AT_FDCWD, path, result == 0, CALLER);                               \
        return result;                                                                             \
    }
DEFINE_REMOVE(unlink)
DEFINE_REMOVE(remove)
DEFINE_REMOVE(rmdir)

EXPORT int unlinkat(int dirfd, const char *path, int flags)
{
    int result = REAL(unlinkat)(dirfd, path, flags);
    wrote(PTD_FILE_REMOVE, dirfd, path, result == 0, CALLER);
    return result;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    int result = REAL(mkdir)(path, mode);
    wrote(PTD_FILE_CREATE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode)
{
    int result = REAL(mkdirat)(dirfd, path, mode);
    wrote(PTD_FILE_CREATE, dirfd, path, result == 0, CALLER);
    return result;
}

EXPORT int link(const char *from, const char *to)
{
    int result = REAL(link)(from, to);
    wrote(PTD_FILE_CREATE, AT_FDCWD, to, result == 0, CALLER);
    return result;
}

EXPORT int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    int result = REAL(linkat)(from_fd, from, to_fd, to, flags);
    wrote(PTD_FILE_CREATE, to_fd, to, result == 0, CALLER);
    return result;
}

EXPORT int symlink(const char *target, const char *path)
{
    int result = REAL(symlink)(target, path);
    wrote(PTD_FILE_CREATE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

EXPORT int symlinkat(const char *target, int dirfd, const char *path)
{
    int result = REAL(symlinkat)(target, dirfd, path);
    wrote(PTD_FILE_CREATE, dirfd, path, result == 0, CALLER);
    return result;
}

EXPORT int truncate(const char *path, off_t size)
{
    int result = REAL(truncate)(path, size);
    wrote(PTD_FILE_CHANGE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

EXPORT int truncate64(const char *path, off64_t size)
{
    int result = REAL(truncate64)(path, size);
    wrote(PTD_FILE_CHANGE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

/* A time stamp that the session sets would look like a change by somebody else. */

EXPORT int utime(const char *path, const struct utimbuf *times)
{
    int result = REAL(utime)(path, times);
    wrote(PTD_FILE_CHANGE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

EXPORT int utimes(const char *path, const struct timeval times[2])
{
    int result = REAL(utimes)(path, times);
    wrote(PTD_FILE_CHANGE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

EXPORT int lutimes(const char *path, const struct timeval times[2])
{
    int result = REAL(lutimes)(path, times);
    wrote(PTD_FILE_CHANGE, AT_FDCWD, path, result == 0, CALLER);
    return result;
}

EXPORT int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    int result = REAL(utimensat)(dirfd, path, times, flags);
    wrote(PTD_FILE_CHANGE, dirfd, path, result == 0, CALLER);
    return result;
}
