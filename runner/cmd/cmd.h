/* The commands: each composes config, change, store, select and session to one thing a user asks
 * for. */
#ifndef PTD_CMD_CMD_H
#define PTD_CMD_CMD_H

#include "base/buf.h"
#include "base/err.h"

/* Parses the arguments (without the program name) and runs the command; *status is then the exit
 * code. */
int ptd_cmd_main(int argc, char **argv, int *status, struct ptd_err *err);

/* Prints what a command or option answers, or writes it into the file of --output-file; an error
 * when it does not arrive. */
int ptd_cmd_answer(const struct ptd_buf *text, struct ptd_err *err);

#endif
