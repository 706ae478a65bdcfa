/* The import statements of one Python source, wherever in it they stand. */
#ifndef PTD_SYNTAX_IMPORTS_H
#define PTD_SYNTAX_IMPORTS_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Appends two NUL-terminated strings for each: the module as written, with the dots of a relative
 * import in front ("a.b", "..c", "."), and the name that is taken from it ("" for none, "*"). Each
 * pair once. Finds what it can in a source that does not parse. Thread-safe.
 */
void ptd_imports_parse(const void *source, size_t len, struct ptd_buf *out);

#endif
