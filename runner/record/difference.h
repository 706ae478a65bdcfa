/* Which definitions differ between two versions of one source. */
#ifndef PTD_RECORD_DIFFERENCE_H
#define PTD_RECORD_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/namespace.h"

struct ptd_different {
    bool now; /* of the present version, else of the old one */
    uint32_t definition;
};

struct ptd_difference {
    struct ptd_different *items; /* owned; changed ones are there twice, old and new */
    size_t count, cap;
    bool reordered; /* definitions at module level whose order may matter changed places */
};

/* Statements are matched by what they bind, those that bind nothing by what they say. A function of
 * which only annotations differ is the same while nothing reads them and nothing can come of
 * evaluating them. `now` is the present version of the module. */
void ptd_difference_find(struct ptd_namespace *ns, uint32_t module,
                         const struct ptd_ns_version *old, const struct ptd_ns_version *now,
                         struct ptd_difference *out);
void ptd_difference_release(struct ptd_difference *difference);

#endif
