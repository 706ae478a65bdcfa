#include "record/labelled.h"

#include <stdlib.h>

#include "base/mem.h"
#include "record/parts.h"

void ptd_labelled_add(struct ptd_labelled_sets *list, ptd_id id, uint64_t label)
{
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = (struct ptd_labelled){id, label};
}

void ptd_labelled_add_all(struct ptd_labelled_sets *list, const struct ptd_labelled_sets *more)
{
    for (size_t i = 0; i < more->count; i++)
        ptd_labelled_add(list, more->items[i].id, more->items[i].label);
}

static int compare_labelled(const void *a, const void *b)
{
    const struct ptd_labelled *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    uint64_t left = ptd_label_rank(x->label), right = ptd_label_rank(y->label);
    return left < right ? -1 : left > right;
}

void ptd_labelled_write(struct ptd_labelled_sets *list, struct ptd_buf *depsets,
                        struct ptd_buf *labels)
{
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), compare_labelled);
    for (size_t i = 0; i < list->count; i++) {
        if (i && list->items[i].id == list->items[i - 1].id)
            continue;
        ptd_buf_add_varint(depsets, (uint64_t)list->items[i].id);
        ptd_buf_add_varint(labels, list->items[i].label);
    }
}
