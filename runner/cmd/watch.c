#include "cmd/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/watch_internal.h"

int64_t ptd_watch_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Signals come as data, between two looks at everything else. */
static int take_signals(struct ptd_watch *w, sigset_t *old, struct ptd_err *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGTSTP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would lose the child's status */
    sigprocmask(SIG_BLOCK, &set, old);
    w->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return w->signals < 0 ? ptd_err_sys(err, PTD_E_IO, "cannot watch for signals") : 0;
}

/* Ctrl-Z: the terminal goes back as it was, and the tests stop as well. */
static void stop(struct ptd_watch *w)
{
    if (w->child)
        kill(-w->child, SIGSTOP);
    ptd_terminal_restore(&w->terminal);
    raise(SIGSTOP);
    ptd_terminal_take(&w->terminal);
    if (w->child)
        kill(-w->child, SIGCONT);
}

static void quit(struct ptd_watch *w, int number)
{
    w->quit = true;
    w->quit_signal = number;
    if (w->child)
        ptd_watch_cancel(w);
}

void ptd_watch_request(struct ptd_watch *w, bool debug)
{
    struct ptd_err err = {0};
    if (w->child) {
        w->again = true;
        w->again_debug = debug;
        if (!w->cancelled)
            ptd_watch_cancel(w);
        return;
    }
    if (ptd_watch_start(w, false, debug && w->terminal.fd >= 0, &err) < 0)
        fprintf(stderr, "pyt-diff: error: %s\n", err.msg);
}

/* The configuration may be broken just now, and whole after the next change. */
static void look_up_again(struct ptd_watch *w)
{
    struct ptd_err err = {0};
    if (ptd_watch_look_up(w, &err) < 0 || ptd_watch_compare(w, &err) < 0)
        fprintf(stderr, "pyt-diff: error: %s\n", err.msg);
}

static void after_run(struct ptd_watch *w, int status)
{
    struct ptd_err err = {0};
    bool cancelled = w->cancelled;
    if (w->quit)
        return;
    if (!cancelled)
        ptd_map_release(&w->culprits);
    if (!cancelled && status && w->options->watch.bell)
        fputc('\a', stderr);
    look_up_again(w); /* which may begin the next one */
    if (w->child)
        return;
    if (w->again)
        ptd_watch_request(w, w->again_debug);
    else if (w->noted && !w->question && ptd_watch_start(w, true, false, &err) < 0)
        fprintf(stderr, "pyt-diff: error: %s\n", err.msg);
    else if (!w->child)
        ptd_watch_hint(w);
}

static void see_child(struct ptd_watch *w)
{
    bool ended;
    int status = ptd_watch_reap(w, &ended);
    if (ended)
        after_run(w, status);
}

static void see_signals(struct ptd_watch *w)
{
    struct signalfd_siginfo info;
    while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            see_child(w);
        else if (info.ssi_signo == SIGTSTP)
            stop(w);
        else
            quit(w, (int)info.ssi_signo);
    }
}

static void see_keys(struct ptd_watch *w, short events)
{
    char bytes[256];
    ssize_t n = events & POLLIN ? read(w->terminal.fd, bytes, sizeof(bytes)) : 0;
    if (n > 0)
        ptd_watch_key(w, bytes, (size_t)n);
    else if (n == 0 || errno != EINTR)
        quit(w, SIGHUP); /* the terminal is gone */
    if (w->quit && w->child && !w->kills)
        ptd_watch_cancel(w);
}

/* Milliseconds until something is to be done, -1: nothing is. */
static int patience(const struct ptd_watch *w)
{
    int64_t times[] = {w->due, w->notify || w->quit ? 0 : w->poll_at, w->kill_at};
    int64_t first = 0, now = ptd_watch_clock();
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] && (!first || times[i] < first))
            first = times[i];
    return !first ? -1 : first <= now ? 0 : (int)(first - now);
}

static int see_clock(struct ptd_watch *w, struct ptd_err *err)
{
    int64_t now = ptd_watch_clock();
    if (w->kill_at && now >= w->kill_at)
        ptd_watch_cancel(w);
    bool look = (w->due && now >= w->due) || (!w->notify && now >= w->poll_at);
    return look && !w->quit ? ptd_watch_compare(w, err) : 0;
}

static int loop(struct ptd_watch *w, struct ptd_err *err)
{
    while (!w->quit || w->child) {
        struct pollfd fds[] = {
            {.fd = w->signals, .events = POLLIN},
            {.fd = w->debugging ? -1 : w->terminal.fd, .events = POLLIN},
            {.fd = w->notify ? ptd_notify_fd(w->notify) : -1, .events = POLLIN},
        };
        if (poll(fds, 3, patience(w)) < 0 && errno != EINTR)
            return ptd_err_sys(err, PTD_E_INTERNAL, "cannot wait");
        if (fds[0].revents)
            see_signals(w);
        if (fds[1].revents)
            see_keys(w, fds[1].revents);
        if (fds[2].revents)
            ptd_watch_told(w);
        if (see_clock(w, err) < 0)
            return -1;
    }
    return 0;
}

static void release(struct ptd_watch *w)
{
    if (w->child) {
        kill(-w->child, SIGKILL);
        bool ended;
        ptd_watch_reap(w, &ended);
    }
    ptd_terminal_close(&w->terminal);
    if (w->signals >= 0)
        close(w->signals);
    ptd_notify_free(w->notify);
    if (w->snapshot_taken)
        ptd_snapshot_release(&w->now);
    ptd_store_files_release(&w->known);
    ptd_map_release(&w->interesting);
    ptd_map_release(&w->culprits);
    ptd_project_release(&w->project);
    ptd_buf_release(&w->line);
    ptd_buf_release(&w->why);
    free(w->watched);
    free(w->skip);
    free(w->files);
    free(w->names);
}

int ptd_cmd_watch(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_watch w = {.options = options, .signals = -1, .terminal = {.fd = -1}};
    sigset_t old;
    int failed = take_signals(&w, &old, err) < 0 || ptd_watch_look_up(&w, err) < 0;
    if (!failed) {
        ptd_terminal_open(&w.terminal);
        ptd_watch_begin(&w);
        failed = ptd_watch_compare(&w, err) < 0 || ptd_watch_start(&w, false, false, err) < 0 ||
                 loop(&w, err) < 0;
    }
    int ended_by = w.quit_signal;
    release(&w);
    *status = 0;
    if (!failed && ended_by) {
        signal(ended_by, SIG_DFL);
        raise(ended_by);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return failed ? -1 : 0;
}
