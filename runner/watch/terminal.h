/*
 * The terminal while keys are read from it: each as it is pressed, none of them shown. As it was
 * found, it is left, on whatever way the program ends (but for SIGKILL).
 */
#ifndef PTD_WATCH_TERMINAL_H
#define PTD_WATCH_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct ptd_terminal {
    int fd; /* -1: none, or not ours */
    struct termios original;
};

/* Standard input, if it is a terminal and we are in its foreground. One at a time. */
void ptd_terminal_open(struct ptd_terminal *terminal);
/* Keys as they are pressed. */
void ptd_terminal_take(const struct ptd_terminal *terminal);
/* As it was found. */
void ptd_terminal_restore(const struct ptd_terminal *terminal);
/* Makes a process group the one in the foreground. */
void ptd_terminal_hand_to(const struct ptd_terminal *terminal, pid_t group);
void ptd_terminal_close(struct ptd_terminal *terminal);

#endif
