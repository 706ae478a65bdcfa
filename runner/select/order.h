/* The order in which tests run: what is most likely to fail first. */
#ifndef PTD_SELECT_ORDER_H
#define PTD_SELECT_ORDER_H

#include "select/select.h"

enum ptd_order_rank {
    PTD_ORDER_FAILED,   /* failed when it last ran */
    PTD_ORDER_AFFECTED, /* a new test is among these */
    PTD_ORDER_REST,
};

enum ptd_order_rank ptd_order_rank_of(const struct ptd_selected *test);
/* By rank, then by duration, the shortest first; what was never timed comes first in its rank, and
 * what is equal stays as it is. */
void ptd_order_sort(struct ptd_selected *tests, size_t count);

#endif
