/*
 * The code objects of the plugin and its parts (py/NAME.py). Compiling it takes as long as starting
 * half of Python, so the results are kept in the cache directory, under a name that changes with
 * the source and the interpreter's bytecode, as Python itself keeps its own.
 */
#ifndef PTD_EMBED_PLUGIN_CODE_H
#define PTD_EMBED_PLUGIN_CODE_H

#include "pyapi.h"

/* A new reference; NULL with an exception set when there is no such part, or it does not compile.
 * Needs an interpreter. */
PyObject *ptd_plugin_code(const char *part);

#endif
