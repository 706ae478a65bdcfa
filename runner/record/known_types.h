/* Types of Python and its standard library whose use in an annotation is known not to fail, with
 * Python 3.8 and later. */
#ifndef PTD_RECORD_KNOWN_TYPES_H
#define PTD_RECORD_KNOWN_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "syntax/definitions.h"

/* A type among the builtins. */
bool ptd_known_builtin(const char *name);
/* The module has the name. */
bool ptd_known_name(const char *module, const char *name);
/* It is a type, or as good as one: `Optional[X]` and `X | None`. */
bool ptd_known_type(const char *module, const char *name);
/* X[...] with these arguments. */
bool ptd_known_generic(const char *module, const char *name, enum ptd_hint_shape shape,
                       uint32_t count);
/* The same with Python 3.9 and later, whatever the arguments. */
bool ptd_known_builtin_generic(const char *name);
bool ptd_known_new_generic(const char *module, const char *name, enum ptd_hint_shape shape);
/* A name of typing and collections.abc: there are no instances that it would tell of. */
bool ptd_known_form(const char *module, const char *name);

#endif
