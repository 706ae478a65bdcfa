/* One run, in a process of its own: it may crash, and Python is a fresh one each time. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/run.h"
#include "cmd/watch_internal.h"

/* How long a run has to end before it is told so harder, in milliseconds. */
#define PATIENCE 3000

struct words {
    const char *
        *items; /* owned array; the strings are borrowed, or never freed: the process ends */
    size_t count, cap;
};

static void add(struct words *words, const char *word)
{
    words->items = ptd_xgrow(words->items, &words->cap, words->count + 2, sizeof(*words->items));
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

/* The arguments of the run, as they could be typed. */
static struct words arguments(const struct ptd_watch *w, bool debug)
{
    const struct ptd_options *o = w->options;
    struct words words = {0};
    for (size_t i = 0; i < o->given_count; i++)
        add(&words, o->given[i]);
    if (w->mode == PTD_WATCH_ALL) {
        add(&words, "--mode");
        add(&words, "all");
    }
    add(&words, "--");
    const char **matching = w->files ? ptd_watch_matching(w) : NULL;
    for (size_t i = 0; matching && matching[i]; i++)
        add(&words, ptd_path_join(w->project.rootdir, matching[i]));
    for (size_t i = 0; !matching && i < o->word_count; i++)
        add(&words, o->words[i]);
    for (size_t i = 0; i < o->pytest_count; i++)
        add(&words, o->pytest_args[i]);
    if (w->names) {
        add(&words, "-k");
        add(&words, w->names);
    }
    if (w->mode == PTD_WATCH_FAILED) {
        add(&words, "--lf");
        add(&words, "--lfnf=none");
    }
    if (debug)
        add(&words, "--pdb");
    free(matching);
    return words;
}

/* What pyt-diff does without a command. */
static int run(const struct words *words, bool quiet)
{
    struct ptd_options options;
    struct ptd_err err = {0};
    int status = 0;
    int failed = ptd_options_parse((int)words->count, (char **)words->items, &options, &err);
    if (!failed) {
        options.quiet_idle = quiet;
        failed = ptd_cmd_run(&options, &status, &err);
    }
    if (!failed)
        return status;
    fprintf(stderr, "pyt-diff: error: %s\n", err.msg);
    if (err.hint[0])
        fprintf(stderr, "hint: %s\n", err.hint);
    return ptd_err_exit_code(&err);
}

static void default_signals(bool debug)
{
    static const int numbers[] = {SIGINT,  SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCHLD,
                                  SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGABRT};
    sigset_t none;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        signal(numbers[i], SIG_DFL);
    /* In the background of the terminal: what tests write there must not stop them. */
    signal(SIGTTOU, debug ? SIG_DFL : SIG_IGN);
    signal(SIGTTIN, debug ? SIG_DFL : SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_child(struct ptd_watch *w, const struct words *words, bool quiet,
                               bool debug, pid_t parent)
{
    setpgid(0, 0);
    if (debug)
        ptd_terminal_hand_to(&w->terminal, getpid());
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    default_signals(debug);
    if (getppid() != parent)
        _exit(3);
    int null = debug ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    if (w->options->watch.command) {
        execl("/bin/sh", "sh", "-c", w->options->watch.command, (char *)NULL);
        fprintf(stderr, "pyt-diff: error: cannot start /bin/sh: %s\n", strerror(errno));
        _exit(127);
    }
    int status = run(words, quiet);
    fflush(NULL);
    _exit(status);
}

int ptd_watch_start(struct ptd_watch *w, bool quiet, bool debug, struct ptd_err *err)
{
    pid_t parent = getpid();
    struct words words = arguments(w, debug);
    w->again = w->again_debug = w->noted = w->cancelled = false;
    w->kills = 0;
    w->kill_at = 0;
    if (w->options->watch.clear && !quiet && isatty(STDOUT_FILENO))
        fputs("\033[2J\033[3J\033[H", stdout);
    fflush(NULL);
    if (w->options->watch.clear && w->why.len)
        fprintf(stderr, "%s\n", w->why.data);
    ptd_buf_reset(&w->why);
    if (debug)
        ptd_terminal_restore(&w->terminal);
    w->child = fork();
    if (w->child == 0)
        be_child(w, &words, quiet, debug, parent);
    free(words.items);
    if (w->child < 0) {
        w->child = 0;
        ptd_terminal_take(&w->terminal);
        return ptd_err_sys(err, PTD_E_IO, "cannot start a process");
    }
    setpgid(w->child, w->child);
    w->debugging = debug;
    if (debug)
        ptd_terminal_hand_to(&w->terminal, w->child);
    return 0;
}

void ptd_watch_cancel(struct ptd_watch *w)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGKILL};
    if (!w->child)
        return;
    int number = numbers[w->kills < 2 ? w->kills : 2];
    if (w->quit_signal && w->quit_signal != SIGINT && number == SIGINT)
        number = SIGTERM;
    kill(-w->child, number);
    kill(-w->child, SIGCONT);
    w->kills++;
    w->cancelled = true;
    w->kill_at = number == SIGKILL ? 0 : ptd_watch_clock() + PATIENCE;
}

/* Ctrl-Z in the debugger: whoever started us is to have the terminal. */
static void stop_with(struct ptd_watch *w)
{
    ptd_terminal_restore(&w->terminal);
    ptd_terminal_hand_to(&w->terminal, getpgrp());
    raise(SIGSTOP);
    if (w->debugging)
        ptd_terminal_hand_to(&w->terminal, w->child);
    else
        ptd_terminal_take(&w->terminal);
    kill(-w->child, SIGCONT);
}

int ptd_watch_reap(struct ptd_watch *w, bool *ended)
{
    int status = 0;
    *ended = false;
    if (!w->child || waitpid(w->child, &status, WNOHANG | WUNTRACED) != w->child)
        return 0;
    if (WIFSTOPPED(status)) {
        if (w->debugging)
            stop_with(w);
        return 0;
    }
    *ended = true;
    kill(-w->child, SIGKILL); /* what it has left behind */
    w->child = 0;
    w->kill_at = 0;
    if (w->debugging)
        ptd_terminal_hand_to(&w->terminal, getpgrp());
    w->debugging = false;
    ptd_terminal_take(&w->terminal);
    if (WIFSIGNALED(status) && !w->cancelled)
        fprintf(stderr, "pyt-diff: the run was ended by signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
