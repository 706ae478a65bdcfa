#include "select/shard.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

struct load {
    uint64_t us;
    size_t tests;
};

struct share {
    const char *name; /* borrowed */
    uint64_t us;
    size_t at;
};

/* The longest first; equal ones by name, so that the order of the files does not matter. */
static int compare(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->us != y->us)
        return x->us > y->us ? -1 : 1;
    return strcmp(x->name, y->name);
}

static uint64_t mean(const struct ptd_selected *tests, size_t count)
{
    uint64_t sum = 0, timed = 0;
    for (size_t i = 0; i < count; i++) {
        sum += tests[i].duration_us;
        timed += tests[i].duration_us != 0;
    }
    return timed && sum >= timed ? sum / timed : 1;
}

static unsigned least(const struct load *loads, unsigned shards)
{
    unsigned best = 0;
    for (unsigned i = 1; i < shards; i++)
        if (loads[i].us < loads[best].us ||
            (loads[i].us == loads[best].us && loads[i].tests < loads[best].tests))
            best = i;
    return best;
}

unsigned *ptd_shard_split(const struct ptd_selected *tests, size_t count, unsigned shards,
                          uint64_t *digest)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct share *order = ptd_xcalloc(count + 1, sizeof(*order));
    struct load *loads = ptd_xcalloc(shards, sizeof(*loads));
    unsigned *part = ptd_xcalloc(count + 1, sizeof(*part));
    uint64_t untimed = mean(tests, count);
    for (size_t i = 0; i < count; i++)
        order[i] =
            (struct share){tests[i].name, tests[i].duration_us ? tests[i].duration_us : untimed, i};
    qsort(order, count, sizeof(*order), compare);
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && strcmp(order[i].name, order[i - 1].name) == 0;
        unsigned to = again ? part[order[i - 1].at] - 1 : least(loads, shards);
        loads[to].us += order[i].us;
        loads[to].tests++;
        part[order[i].at] = to + 1;
        ptd_buf_addf(&text, "%s\n%u\n", order[i].name, to);
    }
    *digest = ptd_hash64(text.data ? text.data : "", text.len);
    free(order);
    free(loads);
    return part;
}
