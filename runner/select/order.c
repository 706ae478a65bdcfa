#include "select/order.h"

#include <stdlib.h>

#include "base/mem.h"

struct place {
    struct ptd_selected test;
    size_t at;
};

enum ptd_order_rank ptd_order_rank_of(const struct ptd_selected *test)
{
    if (test->failed)
        return PTD_ORDER_FAILED;
    return test->reason == PTD_REASON_ALL ? PTD_ORDER_REST : PTD_ORDER_AFFECTED;
}

static int compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    enum ptd_order_rank p = ptd_order_rank_of(&x->test), q = ptd_order_rank_of(&y->test);
    if (p != q)
        return p < q ? -1 : 1;
    if (x->test.duration_us != y->test.duration_us)
        return x->test.duration_us < y->test.duration_us ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

void ptd_order_sort(struct ptd_selected *tests, size_t count)
{
    struct place *places = ptd_xcalloc(count + 1, sizeof(*places));
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){tests[i], i};
    qsort(places, count, sizeof(*places), compare);
    for (size_t i = 0; i < count; i++)
        tests[i] = places[i].test;
    free(places);
}
