/* Dependency sets of a record, each with whose it is (enum ptd_label of store/details.h). */
#ifndef PTD_RECORD_LABELLED_H
#define PTD_RECORD_LABELLED_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/store.h"

struct ptd_labelled {
    ptd_id id;
    uint64_t label;
};

/* Of one record, or of a part of several. */
struct ptd_labelled_sets {
    struct ptd_labelled *items; /* owned */
    size_t count, cap;
};

void ptd_labelled_add(struct ptd_labelled_sets *list, ptd_id id, uint64_t label);
void ptd_labelled_add_all(struct ptd_labelled_sets *list, const struct ptd_labelled_sets *more);
/* As a record has them: sorted, each once, so that equal dependencies give equal bytes. */
void ptd_labelled_write(struct ptd_labelled_sets *list, struct ptd_buf *depsets,
                        struct ptd_buf *labels);

#endif
