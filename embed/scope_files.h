/*
 * Files below the rootdir that the process reads, lists or looks for. Accesses come in on any
 * thread, with or without the GIL, and wait in a table until `ptd_files_drain` charges them to
 * scopes, which happens before each change of scope.
 *
 * Left out: caches, bytecode, version control, installed packages, what Python's import system does
 * to find and read modules, what pytest itself looks at, and what the process made itself.
 */
#ifndef PTD_EMBED_SCOPE_FILES_H
#define PTD_EMBED_SCOPE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Above 0: what this thread does concerns nobody. */
extern __thread int ptd_files_quiet __attribute__((tls_model("initial-exec")));

/* Finds the replaced functions of libc; without them Python's audit events have to do, which tell
 * less. Nothing is noted before the root is known. */
void ptd_files_start(void);
/* The rootdir under a name that it goes by; the first call gives its real path. */
void ptd_files_root(const char *dir);
/* A directory that does not count. */
void ptd_files_exclude(const char *dir);
/* In a forked child: notes nothing more, and takes no lock. */
void ptd_files_forget(void);
/* In a forked child, without the GIL: what is noted goes to the board from now on. */
void ptd_files_forked(void);
/* Tells the board what counts, so far and from now on. */
void ptd_files_tell_board(void);
/* Whether a real path lies below the rootdir. */
bool ptd_files_is_below_root(const char *path);

/* Whether pytest itself is at work in the current scope, so that it matters who looks at a file. */
void ptd_files_suspect(bool suspect);

/* An access is path id * PTD_FILES_KINDS + enum ptd_access. */
#define PTD_FILES_KINDS 8u
/*
 * Under the GIL: calls `visit` for each access since the last time, with the thread that made it;
 * PTD_ACCESS_WROTE with NULL. Writes the records that define the paths. False when some were lost.
 */
bool ptd_files_drain(void (*visit)(uint32_t access, const void *thread));

#endif
