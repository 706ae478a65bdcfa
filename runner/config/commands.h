/*
 * The commands as data: `pyt-diff NAME ...`. Without one it is a run. Each names the options that
 * it takes from the common table, and has options of its own; --help, -h, -v and -q belong to all.
 */
#ifndef PTD_CONFIG_COMMANDS_H
#define PTD_CONFIG_COMMANDS_H

#include <stdio.h>

#include "config/option_table.h"

struct ptd_command {
    const char *name;
    const char *arguments;     /* "NODEID | FILE[:LINE] ..." */
    const char *brief;         /* one line */
    const char *help;          /* paragraphs, '\n' between them */
    const char *const *shared; /* options of the common table; NULL-terminated */
    const struct ptd_option_spec *own;
    size_t own_count;
    size_t least, most; /* positional arguments; most = SIZE_MAX: any number */
    bool pytest;        /* arguments of pytest may follow behind "--" */
};

/* The options of `watch` (config/watch_options.c). */
#define PTD_WATCH_OPTIONS 5
extern const struct ptd_option_spec ptd_watch_option_table[PTD_WATCH_OPTIONS];
/* The options of `serve` (config/serve_options.c). */
#define PTD_SERVE_OPTIONS 9
extern const struct ptd_option_spec ptd_serve_option_table[PTD_SERVE_OPTIONS];

extern const struct ptd_command ptd_command_table[];
extern const size_t ptd_command_count;

/* NULL when there is none of this name. */
const struct ptd_command *ptd_command_find(const char *name);
/* The nearest name (at most two edits away), or NULL. */
const char *ptd_command_nearest(const char *name);
/* NULL when the command has no such option. */
const struct ptd_option_spec *ptd_command_option(const struct ptd_command *command,
                                                 const char *name, size_t len);
/* The nearest of its options, or NULL. */
const char *ptd_command_nearest_option(const struct ptd_command *command, const char *name);
void ptd_command_help(FILE *out, const struct ptd_command *command);

#endif
