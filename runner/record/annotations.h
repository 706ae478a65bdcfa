/* Whether anything at run time may look at annotations. */
#ifndef PTD_RECORD_ANNOTATIONS_H
#define PTD_RECORD_ANNOTATIONS_H

#include <stdbool.h>

#include "record/namespace.h"

/*
 * Whether anything may read the annotations that are kept as text (`from __future__ import
 * annotations`). Nothing does when no source names what evaluates annotations, and all that is
 * imported from outside of the project is known not to look at those of what it is given.
 * Call it when all versions are there.
 */
bool ptd_annotations_are_read(struct ptd_namespace *ns);
/* Whether anything may show annotations as text, with a signature, or pytest has a plugin of which
 * it is not known that it reads none. What is read is not asked here again. */
bool ptd_annotations_are_shown(struct ptd_namespace *ns);

#endif
