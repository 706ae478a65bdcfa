/*
 * Annotations that are evaluated when their function is made, and that nobody reads: whether this
 * can fail, or do anything at all.
 */
#ifndef PTD_RECORD_HINTS_H
#define PTD_RECORD_HINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "record/namespace.h"

/*
 * True when the annotations of a FUNCTION of the module's present version certainly can be
 * evaluated, and nothing comes of it: constants, types that are known, classes of the project, what
 * was evaluated in the same place of `old`, an earlier version of the module that was imported, and
 * names that `before`, the same function there, had in the same place. This says nothing of names
 * that have changed since: ask again about these.
 */
bool ptd_hints_hold(struct ptd_namespace *ns, uint32_t module, const struct ptd_ns_version *now,
                    uint32_t function, const struct ptd_ns_version *old, uint32_t before);

/*
 * What a name (of the namespace) stands for has changed: whether the annotations of a FUNCTION that
 * have it can be evaluated all the same. They could in a version that is not the present one.
 */
bool ptd_hints_stay(struct ptd_namespace *ns, uint32_t module, const struct ptd_ns_version *v,
                    uint32_t function, uint32_t name);

/* Whether an import statement gets only what the standard library certainly has. */
bool ptd_hints_import_known(struct ptd_namespace *ns, uint32_t module,
                            const struct ptd_ns_version *v, const struct ptd_import *import);

#endif
