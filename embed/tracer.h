/*
 * The tracer: calls `ptd_code_enter` whenever a watched code object is entered or resumed. One
 * interface, one mechanism per range of Python versions.
 */
#ifndef PTD_EMBED_TRACER_H
#define PTD_EMBED_TRACER_H

#include "pyapi.h"
#include "scope.h"

#define PTD_TRACER_WHY 256

/* Installs the tracer and proves on known code that it sees what it must; -1 with the reason. */
int ptd_tracer_start(char why[PTD_TRACER_WHY]);
/* "eval" or "monitoring"; NULL while there is none. */
const char *ptd_tracer_name(void);
/* Around each change of the current scope. `_leave` answers false when entries may have been
 * missed. */
bool ptd_tracer_leave(void);
void ptd_tracer_arrive(void);
/* Where what is known to the scopes that were current may be new to the one that is: a suspect
 * begins to run. */
void ptd_tracer_again(void);

/* The record of a code object; NULL when it is not watched. Decided when it is first seen. */
static inline struct ptd_code *ptd_tracer_code(PyObject *code);

/* For the mechanisms. */
struct ptd_mechanism {
    const char *name;
    /* `probe` gets what is entered until `finish`; -1 with a reason. */
    int (*start)(char *why, size_t size);
    /* Back to nothing, after a failed self-check. */
    void (*stop)(void);
    bool (*leave)(void);
    void (*arrive)(void);
    void (*again)(void); /* or NULL */
};
extern const struct ptd_mechanism ptd_mechanism_eval;
extern const struct ptd_mechanism ptd_mechanism_monitoring;

/* Known code for learning and proving. */
PyObject *ptd_probe_code(const char *name); /* borrowed */
int ptd_probe_call(const char *name);
extern bool ptd_probing;
void ptd_probe_seen(PyObject *code);

#define PTD_CODE_IGNORED (&ptd_code_ignored)
struct ptd_code *ptd_tracer_decide(PyObject *code);

static inline struct ptd_code *ptd_tracer_code(PyObject *code)
{
    struct ptd_code *found = ptd_pyapi_extra(code);
    if (!PTD_LIKELY(found != NULL))
        found = ptd_tracer_decide(code);
    return found == PTD_CODE_IGNORED ? NULL : found;
}

#endif
