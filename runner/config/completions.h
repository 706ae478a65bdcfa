/* Completion scripts for shells, made from the tables of options and commands. */
#ifndef PTD_CONFIG_COMPLETIONS_H
#define PTD_CONFIG_COMPLETIONS_H

#include <stdio.h>

#include "base/err.h"

/* `shell` is bash, zsh or fish; fails with PTD_E_USAGE for any other. What they complete: options
 * of pyt-diff and of its commands, their values, names of commands, paths, and behind "::" the node
 * ids that are recorded. */
int ptd_completions_write(FILE *out, const char *shell, struct ptd_err *err);

#endif
