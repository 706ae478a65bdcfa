/*
 * A program that was started by a process that runs tests: the files that it opens, lists, stats or
 * looks for below the rootdir go to the board.
 */
#ifndef PTD_EMBED_PROGRAM_H
#define PTD_EMBED_PROGRAM_H

#include <stdbool.h>

/* Takes our variable out of the environment; false when the process has nothing to do with us.
 * `python`: a Python is about to start in it. */
bool ptd_program_start(bool python);

#endif
