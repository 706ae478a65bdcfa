/*
 * Code that runs once and serves many tests: caches, lazy singletons, registries. The tracer gives
 * each function that may be such a thing a scope of everything that it did in the process
 * (PTD_SCOPE_ONCE, a suspect); here it is told whom it may have served.
 *
 * A suspect serves who enters it, and who reads what it keeps: whose code mentions the names that
 * it stores to, or its own name when a decorator answers in its place, and imports its module,
 * transitively. Names are followed through definitions at module and class level ("from m import f
 * as g", "g = f", "VALUE = f()"). What a suspect entered may be served by others in turn.
 *
 * There is no way from a caller to what other callers of the same function do: only suspects have
 * that.
 */
#ifndef PTD_RECORD_ONCE_H
#define PTD_RECORD_ONCE_H

#include "record/deps.h"

struct ptd_once;

/* The scopes of all that may be suspects, and those that they use; nothing is parsed. */
void ptd_once_suspects(const struct ptd_journal *journal, struct ptd_u32s *scopes);

/* NULL when the journal has no suspects; all functions take that. Needs `deps` as long as it lives.
 */
struct ptd_once *ptd_once_new(struct ptd_dep_context *deps);
void ptd_once_free(struct ptd_once *once);

/*
 * Adds to `scopes` those of the suspects that may serve code that has these scopes, and what they
 * use. `imported`: a byte per file of the journal, what the code imports besides, or NULL. `nodeid`
 * of a test, whose own header may mention a suspect, or NULL.
 */
void ptd_once_add(struct ptd_once *once, const unsigned char *imported, const char *nodeid,
                  struct ptd_u32s *scopes);

#endif
