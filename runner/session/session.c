#include "session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "session/command.h"

#define TICK_MS 100

/* What is done with each signal in the parent while the child runs. */
static const struct {
    int number;
    enum { IGNORE, DEFAULT, FORWARD } action;
} table[] = {
    {SIGINT, IGNORE}, /* the terminal sends it to the child as well, which decides what it means */
    {SIGQUIT, IGNORE},
    {SIGCHLD, DEFAULT}, /* ignored (by whoever started us), it would lose the child's status */
    {SIGTERM, FORWARD},
    {SIGHUP, FORWARD},
};
#define SIGNALS (sizeof(table) / sizeof(*table))

struct dispositions {
    struct sigaction actions[SIGNALS];
    sigset_t mask;
};

/* A signal handler has no other way to learn it. */
static volatile sig_atomic_t forward_to;

static void forward(int number)
{
    int saved = errno;
    if (forward_to > 0)
        kill((pid_t)forward_to, number);
    errno = saved;
}

/* Blocks everything, so that no signal falls between fork() and the time when both sides are ready.
 */
static void signals_block(struct dispositions *saved)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &saved->mask);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(table[i].number, NULL, &saved->actions[i]);
}

static void signals_take(const struct dispositions *saved)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction action = {.sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        if (table[i].action == FORWARD && saved->actions[i].sa_handler == SIG_IGN)
            continue; /* nohup: neither we nor the child end by it */
        if (table[i].action == FORWARD)
            action.sa_handler = forward;
        else
            action.sa_handler = table[i].action == IGNORE ? SIG_IGN : SIG_DFL;
        sigaction(table[i].number, &action, NULL);
    }
    sigprocmask(SIG_SETMASK, &saved->mask, NULL);
}

static void signals_restore(const struct dispositions *saved)
{
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(table[i].number, &saved->actions[i], NULL);
    sigprocmask(SIG_SETMASK, &saved->mask, NULL);
}

/*
 * Between fork() and execve(): only calls that are safe in a signal handler. The dispositions are
 * still the original ones, since only the parent goes on to change them.
 */
static _Noreturn void become(const struct ptd_command *command, const sigset_t *mask, pid_t parent,
                             int report)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execve(command->program, command->argv.items, command->env.items);
    int code = errno;
    ssize_t written = write(report, &code, sizeof(code));
    _exit(written == sizeof(code) ? 127 : 126);
}

/* The child's errno when it could not execute the program, else 0: the pipe was closed by execve().
 */
static int exec_error(int report)
{
    int code = 0;
    ssize_t n;
    do {
        n = read(report, &code, sizeof(code));
    } while (n < 0 && errno == EINTR);
    return n == sizeof(code) ? code : 0;
}

/* Leaves the child to be reaped, so that its number stays taken while signals are forwarded to it.
 */
static void await(pid_t child)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
}

static bool has_ended(pid_t child)
{
    siginfo_t info = {0};
    int failed = waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG);
    return failed ? errno != EINTR : info.si_pid == child;
}

/* A descriptor of the process wakes us at its end; without one that is seen at the next tick. */
static void await_ticking(pid_t child, const struct ptd_session_request *request)
{
    PTD_CLEANUP_CLOSE int end = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd wait = {.fd = end, .events = POLLIN};
    while (!has_ended(child)) {
        poll(&wait, 1, TICK_MS);
        request->tick(request->tick_arg);
    }
}

static int reap(pid_t child, struct ptd_session_result *result, struct ptd_err *err)
{
    int status = 0;
    pid_t got;
    do {
        got = waitpid(child, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return ptd_err_sys(err, PTD_E_INTERNAL, "cannot wait for Python");
    result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}

static int run(const struct ptd_command *command, const struct ptd_session_request *request,
               struct ptd_session_result *result, struct ptd_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot make a pipe");
    PTD_CLEANUP_CLOSE int report = ends[0];
    struct dispositions saved;
    pid_t parent = getpid();
    signals_block(&saved);
    pid_t child = fork();
    if (child == 0)
        become(command, &saved.mask, parent, ends[1]);
    int code = errno;
    close(ends[1]);
    if (child < 0) {
        signals_restore(&saved);
        errno = code;
        return ptd_err_sys(err, PTD_E_PYTHON, "cannot start a process");
    }
    forward_to = child;
    signals_take(&saved);
    code = exec_error(report);
    if (request->tick)
        await_ticking(child, request);
    else
        await(child);
    forward_to = 0;
    signals_restore(&saved);
    if (reap(child, result, err) < 0)
        return -1;
    if (code == 0)
        return 0;
    errno = code;
    return ptd_err_sys(err, PTD_E_PYTHON, "cannot start %s", command->program);
}

int ptd_session_run(const struct ptd_session_request *request, struct ptd_session_result *result,
                    struct ptd_err *err)
{
    struct ptd_command command;
    *result = (struct ptd_session_result){0};
    int failed = ptd_command_make(request, &command, err);
    if (!failed)
        failed = run(&command, request, result, err);
    ptd_command_release(&command);
    return failed;
}
