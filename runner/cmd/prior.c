#include "cmd/prior.h"

#include "base/mem.h"

/* Flaky tests named after a run; `inspect` lists all that were ever seen. */
#define FLAKY_SHOWN 10

void ptd_prior_make(const struct ptd_verdict *verdict, struct ptd_map *prior)
{
    for (size_t i = 0; i < verdict->node_count; i++) {
        const struct ptd_select_node *node = &verdict->nodes[i];
        const struct ptd_select_record *r =
            node->is_file ? NULL : ptd_select_holding(verdict->records, node, false);
        if (r && !r->partial)
            ptd_map_puts(prior, node->name, (uint64_t)r->id << 8 | (uint64_t)(r->outcome + 1));
    }
}

int ptd_prior_outcome(const char *nodeid, ptd_id *record, void *arg)
{
    uint64_t value = ptd_map_get(arg, nodeid, 0);
    *record = (ptd_id)(value >> 8);
    return (int)(value & 255) - 1;
}

void ptd_flaky_lines(const struct ptd_ingest_result *result, struct ptd_buf *out)
{
    size_t count = result->flaky_count;
    if (count == 1) {
        const struct ptd_flaky *f = &result->flaky[0];
        ptd_buf_addf(out, "pyt-diff: 1 flaky: %s", f->nodeid);
        ptd_buf_addf(out, " (%s, then %s with nothing changed that it depends on)\n",
                     ptd_outcome_name(f->before), ptd_outcome_name(f->after));
    } else if (count) {
        ptd_buf_addf(out, "pyt-diff: %zu flaky, with nothing changed that they depend on:\n",
                     count);
    }
    for (size_t i = 0; count > 1 && i < count && i < FLAKY_SHOWN; i++) {
        const struct ptd_flaky *f = &result->flaky[i];
        ptd_buf_addf(out, "  %s", f->nodeid);
        ptd_buf_addf(out, " (%s, then %s)\n", ptd_outcome_name(f->before),
                     ptd_outcome_name(f->after));
    }
    if (count > FLAKY_SHOWN)
        ptd_buf_addf(out, "  %zu more; 'pyt-diff inspect' lists them\n", count - FLAKY_SHOWN);
}
