/*
 * Suspects: functions whose work may outlive the call that did it, so that a later test is served
 * without doing it again. They are told from what stands around them and in them: decorators that
 * may cache, and stores to what is not the call's own: globals, variables of functions around it,
 * attributes of classes and modules, items of module-level containers, whatever is called a cache.
 *
 * All functions need the GIL and leave no exception.
 */
#ifndef PTD_EMBED_SCOPE_ONCE_H
#define PTD_EMBED_SCOPE_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pyapi.h"

/* Learns the opcodes of this Python; without it only decorators are looked at. */
void ptd_once_start(void);

/*
 * Whether a code object of a watched file is a suspect. Then `out` is its label as PTD_SCOPE_ONCE
 * in contract/journal.h has it; names that do not fit are left out, with "*" instead.
 */
bool ptd_once_is_suspect(PyObject *code, uint32_t file, uint32_t id, char *out, size_t size);

/* What the lines of a file say (scope_once_lines.c). */
enum ptd_once_line {
    PTD_ONCE_PLAIN,     /* no decorator begins on that line, or only those that keep nothing */
    PTD_ONCE_DECORATED, /* what the decorator keeps is not known */
    PTD_ONCE_FIXTURE,   /* of pytest, which has a scope that says whom it serves */
};
/* *decorators (borrowed, until the next call): the names of those that may keep something, each
 * with a blank before, "?" for what is not a name. */
enum ptd_once_line ptd_once_line(uint32_t file, uint32_t line, const char **decorators);
/* Whether an assignment with a call of something like a cache mentions the function. */
bool ptd_once_is_wrapped(const char *name);

/* A loaded module by the name of a global that is none of the project: sys, os. What is set there
 * is what tests are careful to set back. */
bool ptd_once_is_foreign_module(const char *name);

/* What the instructions of a function store (scope_once_code.c). */
struct ptd_once_names {
    char *text; /* the caller's: names, each with a blank before */
    size_t size, len;
};
void ptd_once_add_name(struct ptd_once_names *names, const char *prefix, const char *name);
bool ptd_once_stores(PyObject *code, struct ptd_once_names *served);

#endif
