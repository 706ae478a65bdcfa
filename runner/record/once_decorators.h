/* Which decorators keep what a function did, as far as the project itself defines them. */
#ifndef PTD_RECORD_ONCE_DECORATORS_H
#define PTD_RECORD_ONCE_DECORATORS_H

#include <stdbool.h>

#include "record/once_names.h"

/*
 * Whether each decorator in the label of a suspect ("%name") is a function of the project that the
 * process entered, and neither it nor a function in it mentions anything that sounds like a cache.
 * What the function that it puts in place keeps is that one's own affair: it is entered by every
 * call, and is a suspect itself when it stores something.
 */
bool ptd_once_decorator_is_plain(struct ptd_once_names *n, const char *names);

#endif
