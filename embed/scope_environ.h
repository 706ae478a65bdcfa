/*
 * Environment variables that code reads through os.environ, and metadata of installed
 * distributions: noted as names of the current scope (contract/journal.h, PTD_J_NAME).
 *
 * Counted is what code of the project reads, itself or through a library, and what installed
 * packages read during a test; not what pytest reads for itself. Copying the environment as a whole
 * (os.environ.copy(), dict(os.environ), {**os.environ}) counts for nothing, going through it for
 * all of it.
 *
 * All functions need the GIL and keep a pending exception.
 */
#ifndef PTD_EMBED_SCOPE_ENVIRON_H
#define PTD_EMBED_SCOPE_ENVIRON_H

#include <stdbool.h>
#include <stddef.h>

#include "pyapi.h"

/* Puts C functions in front of the methods of os._Environ that read; its type and everything that
 * they return stay as they are. -1 with a reason. */
int ptd_environ_wrap(char *why, size_t size);

/* The names in the environment were asked for, and it is not clear yet what for. */
extern bool ptd_environ_pending;
/* Nothing came of it: it was gone through. To be called before the scope changes. */
void ptd_environ_settle(void);

/* The metadata of a distribution (a str) is read, or of all (anything else). */
void ptd_environ_distribution(PyObject *name);

#endif
