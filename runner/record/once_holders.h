/*
 * Where what a suspect keeps lives. Most do it in a module or class, for good. Some keep it in an
 * object (a cached property, a cache that is an attribute of self) or in the variables of a
 * function around them: then only an object or closure that outlives a test can serve another one.
 *
 * Such a one was made while a module was imported, by a fixture of wider scope, or by a suspect:
 * wherever, outside of a test, a method of its class or the function around it ran, or where a
 * definition at module or class level calls the class.
 */
#ifndef PTD_RECORD_ONCE_HOLDERS_H
#define PTD_RECORD_ONCE_HOLDERS_H

#include "record/once_names.h"

struct ptd_once_holder {
    bool bound;              /* to an object or closure; false: the rest says nothing */
    bool everywhere;         /* pytest's hooks made one */
    struct ptd_u32s modules; /* files whose import made one */
    struct ptd_u32s scopes;  /* fixtures and suspects that made one */
};

/* Whether a suspect with these words in its label keeps things in objects or closures only. */
bool ptd_once_is_bound(const char *names);
/* One per suspect of `n`; release each list and free the array. */
struct ptd_once_holder *ptd_once_holders(struct ptd_once_names *n);
void ptd_once_holders_free(struct ptd_once_holder *holders, size_t count);

#endif
