/* By which door an interpreter is entered: the library that can be embedded, what forbids
 * preloading. */
#ifndef PTD_SESSION_ENTRANCE_H
#define PTD_SESSION_ENTRANCE_H

#include "base/err.h"
#include "session/elf.h"
#include "session/interpreter.h"

/*
 * Fills `out->libpython` with the shared library that belongs to the interpreter: where the dynamic
 * loader would find it, else in its installation. `home` is pyvenv.cfg's, or "".
 */
void ptd_entrance_library(struct ptd_interpreter *out, const struct ptd_elf *elf, const char *home);

/* Sets `out->host`; fails with PTD_E_PYTHON when `wanted` cannot be had. */
int ptd_entrance_choose(struct ptd_interpreter *out, const struct ptd_elf *elf,
                        enum ptd_host wanted, struct ptd_err *err);

#endif
