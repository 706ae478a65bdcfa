/*
 * On whose behalf the current Python code touches a file.
 */
#ifndef PTD_EMBED_SCOPE_CALLER_H
#define PTD_EMBED_SCOPE_CALLER_H

#include <stdbool.h>

/* Learns where the interpreter's own code lies. Needs the GIL. */
void ptd_caller_start(void);

/*
 * Whether pytest or something that helps it is the nearest Python code that is no part of the
 * standard library; with `source` also whether the standard library reads source text, as for
 * tracebacks, or looks for modules and distributions.
 *
 * `address` is where libc was called from. Only code of the interpreter can be asked: it takes the
 * GIL right afterwards in any case, while an extension might hold a lock that the GIL's owner waits
 * for. NULL: the GIL is held. Keeps a pending exception; may run code of the user's.
 */
bool ptd_caller_is_machinery(const void *address, bool source);

#endif
