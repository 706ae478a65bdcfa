#include "launch.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board.h"
#include "contract/entry.h"
#include "files_path.h"
#include "files_rules.h"
#include "launch_rules.h"
#include "launch_target.h"

#define EXPORT __attribute__((visibility("default")))
/* More variables than this, and the program is left to itself. */
#define MOST_VARIABLES 16384

static char stub[PATH_MAX]; /* "": cannot be used */

/* ---- the real ones ---- */

/* clang-format off */
#define FUNCTIONS(X) \
    X(execve) X(execvpe) X(fexecve) X(execveat) X(posix_spawn) X(posix_spawnp) X(system) X(popen)
/* clang-format on */
#define DECLARE(name)                                                                              \
    static __typeof__(&name) real_##name; /* NOLINT(bugprone-macro-parentheses)                    \
                                           */
FUNCTIONS(DECLARE)

static const struct {
    const char *name;
    void *at;
} functions[] = {
#define ROW(name) {#name, &real_##name},
    FUNCTIONS(ROW)};

__attribute__((constructor(101))) static void resolve(void)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(RTLD_NEXT, functions[i].name);
        memcpy(functions[i].at, &found, sizeof found);
    }
    ptd_target_learn();
}

#define REAL(name) (real_##name ? real_##name : (resolve(), real_##name))

/* ---- one start of a program ---- */

enum how { EXECVE, EXECVPE, FEXECVE, EXECVEAT, SPAWN, SPAWNP, POPEN };

struct request {
    enum how how;
    const char *file; /* as the caller names it */
    char *const *argv, *const *envp;
    int fd, flags;
    pid_t *pid;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    const char *mode;
    FILE *stream; /* out */
};

static FILE *open_pipe(const char *command, const char *mode, char *const *envp)
{
    char **before = environ;
    environ = (char **)(uintptr_t)envp; /* it takes no other, and is not long at it */
    FILE *stream = REAL(popen)(command, mode);
    environ = before;
    return stream;
}

/* 0 or an error number; does not return when it becomes the program. */
static int perform(struct request *r, char *const *envp)
{
    switch (r->how) {
    case EXECVE:
        REAL(execve)(r->file, r->argv, envp);
        return errno;
    case EXECVPE:
        REAL(execvpe)(r->file, r->argv, envp);
        return errno;
    case FEXECVE:
        REAL(fexecve)(r->fd, r->argv, envp);
        return errno;
    case EXECVEAT:
        REAL(execveat)(r->fd, r->file, r->argv, envp, r->flags);
        return errno;
    case SPAWN:
        return REAL(posix_spawn)(r->pid, r->file, r->actions, r->attributes, r->argv, envp);
    case SPAWNP:
        return REAL(posix_spawnp)(r->pid, r->file, r->actions, r->attributes, r->argv, envp);
    default:
        r->stream = open_pipe(r->file, r->mode, envp);
        return r->stream ? 0 : errno;
    }
}

/* ---- which program ---- */

static void touch(uint32_t token, const char *path, bool missing)
{
    char absolute[PATH_MAX], real[PATH_MAX];
    struct ptd_sight sight;
    if (!ptd_files_absolute(AT_FDCWD, path, absolute, sizeof absolute))
        return;
    const char *counts = ptd_rules_relevant(ptd_launch_rules(), absolute, real);
    if (!counts)
        return;
    ptd_sight_of(counts, &sight);
    ptd_board_touch(token, missing ? PTD_ACCESS_MISSING : PTD_ACCESS_READ, counts, &sight);
}

static enum ptd_target judge(const char *path)
{
    enum ptd_target target = ptd_target_judge(path);
    if (target == PTD_TARGET_ABSENT)
        touch(ptd_board.token, path, true);
    return target;
}

/* The first in PATH that can be executed. */
static enum ptd_target search(const char *file, char *out, size_t size)
{
    const char *list = getenv("PATH");
    if (strchr(file, '/')) {
        snprintf(out, size, "%s", file);
        return judge(out);
    }
    for (const char *p = list ? list : "/bin:/usr/bin";; p++) {
        size_t len = strcspn(p, ":");
        int n = len ? snprintf(out, size, "%.*s/%s", (int)len, p, file)
                    : snprintf(out, size, "%s", file);
        enum ptd_target target = n > 0 && (size_t)n < size ? judge(out) : PTD_TARGET_ABSENT;
        p += len;
        if (target != PTD_TARGET_ABSENT || !*p)
            return target;
    }
}

static enum ptd_target find(const struct request *r, char *out, size_t size)
{
    out[0] = '\0';
    switch (r->how) {
    case EXECVPE:
    case SPAWNP:
        return search(r->file, out, size);
    case FEXECVE:
        snprintf(out, size, "/proc/self/fd/%d", r->fd);
        return ptd_target_judge(out);
    case EXECVEAT:
        if (!r->file[0])
            snprintf(out, size, "/proc/self/fd/%d", r->fd);
        else if (!ptd_files_absolute(r->fd, r->file, out, size))
            return PTD_TARGET_BLIND;
        return judge(out);
    case POPEN:
        snprintf(out, size, "/bin/sh");
        return judge(out);
    default:
        snprintf(out, size, "%s", r->file);
        return judge(out);
    }
}

/* ---- the environment ---- */

static const char *value_of(const char *variable, const char *name)
{
    size_t len = strlen(name);
    return strncmp(variable, name, len) == 0 && variable[len] == '=' ? variable + len + 1 : NULL;
}

static bool is_ours(const char *variable)
{
    static const char *const names[] = {PTD_ENV_CHILD, PTD_ENV_SESSION, PTD_ENV_AS_PYTHON};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (value_of(variable, names[i]))
            return true;
    return false;
}

/* Another pyt-diff starts its Python, which has to be left to it. */
static bool is_of_another(char *const *envp)
{
    const char *board = ptd_board.log.path;
    const char *slash = strrchr(board, '/');
    for (; envp && *envp; envp++) {
        const char *session = value_of(*envp, PTD_ENV_SESSION);
        if (session && slash &&
            (strlen(session) != (size_t)(slash - board) ||
             strncmp(session, board, (size_t)(slash - board)) != 0))
            return true;
    }
    return false;
}

static size_t count_variables(char *const *envp, size_t *longest)
{
    size_t count = 0;
    *longest = 0;
    for (; envp && envp[count]; count++) {
        const char *old = value_of(envp[count], "LD_PRELOAD");
        if (old && strlen(old) > *longest)
            *longest = strlen(old);
    }
    return count;
}

/* Without our variables, and with `child` and the stub for what is followed. */
static void fill(char **out, char *const *envp, char *child, char *preload, size_t size)
{
    bool placed = !child;
    for (; envp && *envp; envp++) {
        const char *old = child ? value_of(*envp, "LD_PRELOAD") : NULL;
        if (is_ours(*envp))
            continue;
        if (old)
            snprintf(preload, size, "LD_PRELOAD=%s:%s", old, stub);
        *out++ = old ? preload : *envp;
        placed = placed || old;
    }
    if (!placed) {
        snprintf(preload, size, "LD_PRELOAD=%s", stub);
        *out++ = preload;
    }
    if (child)
        *out++ = child;
    *out = NULL;
}

static bool can_follow(const struct request *r)
{
    /* The stub must be visible where the program starts: not outside of a chroot, for one. */
    return stub[0] && syscall(SYS_faccessat, AT_FDCWD, stub, R_OK) == 0 &&
           syscall(SYS_faccessat, AT_FDCWD, ptd_board.log.path, R_OK | W_OK) == 0 &&
           !is_of_another(r->envp);
}

static int launch(struct request *r)
{
    char path[PATH_MAX], child[PATH_MAX + 64];
    size_t longest;
    if (!ptd_board_is_open())
        return perform(r, r->envp);
    int error = errno;
    enum ptd_target target = find(r, path, sizeof path);
    errno = error;
    size_t count = count_variables(r->envp, &longest);
    if (target == PTD_TARGET_ABSENT || target == PTD_TARGET_HOST)
        return perform(r, r->envp);
    uint32_t token = ptd_board_new_token();
    bool follow = target == PTD_TARGET_FOLLOW && count < MOST_VARIABLES && can_follow(r);
    size_t size = longest + sizeof stub + 16;
    char *preload = alloca(size);
    char **envp = alloca((count < MOST_VARIABLES ? count + 3 : 1) * sizeof *envp);
    snprintf(child, sizeof child, PTD_ENV_CHILD "=%u:%s", token, ptd_board.log.path);
    if (count < MOST_VARIABLES && !is_of_another(r->envp))
        fill(envp, r->envp, follow ? child : NULL, preload, size);
    else
        envp[0] = NULL;
    ptd_board_start(token, follow ? 0 : PTD_START_BLIND, path);
    touch(token, path, false);
    errno = error;
    int failed = perform(r, envp[0] ? envp : r->envp);
    if (failed)
        ptd_board_failed(token);
    return failed;
}

static int become(struct request *r)
{
    errno = launch(r);
    return -1;
}

/* ---- the replacements ---- */

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    struct request r = {.how = EXECVE, .file = path, .argv = argv, .envp = envp};
    return become(&r);
}

EXPORT int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct request r = {.how = EXECVPE, .file = file, .argv = argv, .envp = envp};
    return become(&r);
}

EXPORT int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct request r = {.how = FEXECVE, .fd = fd, .argv = argv, .envp = envp};
    return become(&r);
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct request r = {
        .how = EXECVEAT, .fd = fd, .file = path, .argv = argv, .envp = envp, .flags = flags};
    return become(&r);
}

/* The arguments of execl and its kin as an array on the stack. */
#define COLLECT(arg, last)                                                                         \
    va_list list, again;                                                                           \
    size_t count = 1;                                                                              \
    char *volatile first = (char *)(uintptr_t)(arg); /* NULL is forbidden, and used */             \
    va_start(list, arg);                                                                           \
    va_copy(again, list);                                                                          \
    while (first && va_arg(again, char *))                                                         \
        count++;                                                                                   \
    va_end(again);                                                                                 \
    char **argv = alloca((count + 1) * sizeof *argv);                                              \
    argv[0] = first;                                                                               \
    for (size_t i = 1; i <= count; i++)                                                            \
        argv[i] = first ? va_arg(list, char *) : NULL;                                             \
    char *const *envp = (last) ? va_arg(list, char *const *) : environ;                            \
    va_end(list)

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): va_start is there, inside the macro. */
EXPORT int execl(const char *path, const char *arg, ...)
{
    COLLECT(arg, false);
    return execve(path, argv, envp);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
    COLLECT(arg, true);
    return execve(path, argv, envp);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
    COLLECT(arg, false);
    return execvpe(file, argv, envp);
}
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct request r = {.how = SPAWN,
                        .file = path,
                        .argv = argv,
                        .envp = envp,
                        .pid = pid,
                        .actions = actions,
                        .attributes = attributes};
    return launch(&r);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct request r = {.how = SPAWNP,
                        .file = file,
                        .argv = argv,
                        .envp = envp,
                        .pid = pid,
                        .actions = actions,
                        .attributes = attributes};
    return launch(&r);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
    struct request r = {.how = POPEN, .file = command, .mode = mode, .envp = environ};
    int error = launch(&r);
    if (error)
        errno = error;
    return r.stream;
}

/* ---- system ---- */

/* Signals are set back when the last of several calls at a time returns. */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static int system_calls;
static struct sigaction old_int, old_quit;

static void system_enter(sigset_t *mask)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t block;
    pthread_mutex_lock(&system_lock);
    if (system_calls++ == 0) {
        sigaction(SIGINT, &ignore, &old_int);
        sigaction(SIGQUIT, &ignore, &old_quit);
    }
    pthread_mutex_unlock(&system_lock);
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &block, mask);
}

static void system_leave(const sigset_t *mask)
{
    pthread_mutex_lock(&system_lock);
    if (--system_calls == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
    }
    pthread_mutex_unlock(&system_lock);
    pthread_sigmask(SIG_SETMASK, mask, NULL);
}

static int run_shell(const char *command, const sigset_t *mask)
{
    char sh[] = "sh", option[] = "-c";
    char *const argv[] = {sh, option, (char *)(uintptr_t)command, NULL};
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t pid;
    int status = 127 << 8;
    sigemptyset(&defaults);
    if (old_int.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGINT);
    if (old_quit.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawn(&pid, "/bin/sh", NULL, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    if (failed)
        return status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return status;
}

EXPORT int system(const char *command)
{
    sigset_t mask;
    if (!command || !ptd_board_is_open())
        return REAL(system)(command);
    system_enter(&mask);
    int status = run_shell(command, &mask);
    int error = errno;
    system_leave(&mask);
    errno = error;
    return status;
}

/* ---- set-up ---- */

static void find_stub(void)
{
    Dl_info self;
    char own[PATH_MAX];
    /* In the stub this is the stub; in the host it lies beside it. */
    if (!dladdr((void *)find_stub, &self) || !self.dli_fname || !realpath(self.dli_fname, own))
        return;
    char *slash = strrchr(own, '/');
    const char *name = slash ? slash + 1 : own;
    if (strcmp(name, PTD_FILE_PRELOAD) != 0) {
        ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
        own[n > 0 ? n : 0] = '\0';
        slash = strrchr(own, '/');
    }
    if (!slash)
        return;
    *slash = '\0';
    /* Separators of LD_PRELOAD cannot be escaped. */
    if (!strpbrk(own, " :;$\t\n") &&
        snprintf(stub, sizeof stub, "%s/" PTD_FILE_PRELOAD, own) >= (int)sizeof stub)
        stub[0] = '\0';
}

void ptd_launch_attach(const char *board, uint32_t token)
{
    if (!stub[0])
        find_stub();
    if (!ptd_board_attach(board, token))
        return;
    ptd_launch_rules();
}
