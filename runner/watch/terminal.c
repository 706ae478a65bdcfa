#include "watch/terminal.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* For the handler below, which has no other way to learn it. */
static const struct ptd_terminal *open_terminal;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};

static void restore_and_die(int number)
{
    if (open_terminal)
        tcsetattr(open_terminal->fd, TCSANOW, &open_terminal->original);
    signal(number, SIG_DFL);
    raise(number);
}

/* In the background the kernel would stop us for a change of the terminal. */
static void block_stop(sigset_t *old)
{
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGTTOU);
    sigprocmask(SIG_BLOCK, &block, old);
}

static void set(const struct ptd_terminal *terminal, const struct termios *mode)
{
    sigset_t old;
    if (terminal->fd < 0)
        return;
    block_stop(&old);
    tcsetattr(terminal->fd, TCSANOW, mode);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

void ptd_terminal_open(struct ptd_terminal *terminal)
{
    terminal->fd = -1;
    if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
        tcgetattr(STDIN_FILENO, &terminal->original) != 0)
        return;
    terminal->fd = STDIN_FILENO;
    open_terminal = terminal;
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        signal(fatal[i], restore_and_die);
    ptd_terminal_take(terminal);
}

void ptd_terminal_take(const struct ptd_terminal *terminal)
{
    struct termios mode = terminal->original;
    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    set(terminal, &mode);
}

void ptd_terminal_restore(const struct ptd_terminal *terminal)
{
    set(terminal, &terminal->original);
}

void ptd_terminal_hand_to(const struct ptd_terminal *terminal, pid_t group)
{
    sigset_t old;
    if (terminal->fd < 0)
        return;
    block_stop(&old);
    tcsetpgrp(terminal->fd, group);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

void ptd_terminal_close(struct ptd_terminal *terminal)
{
    if (terminal->fd < 0)
        return;
    ptd_terminal_restore(terminal);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        signal(fatal[i], SIG_DFL);
    open_terminal = NULL;
    terminal->fd = -1;
}
