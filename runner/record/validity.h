/*
 * Which recorded dependencies still hold: compares what each fingerprint of a changed file saw with
 * what is there now. Unchanged files cost nothing.
 *
 * A changed function breaks the fingerprints that have it. A change of the module level breaks no
 * fingerprint by itself: it is judged per record, by the names that it taints (record/spread.h).
 */
#ifndef PTD_RECORD_VALIDITY_H
#define PTD_RECORD_VALIDITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/impact.h"
#include "state/state.h"
#include "store/store.h"

/* Why a dependency does not hold any more. */
struct ptd_broken {
    ptd_id fingerprint; /* 0: names that a change taints */
    size_t file;        /* position in the state; SIZE_MAX: the dependency itself is lost */
    const char *what;   /* owned: "Cart.total", "class attribute Cart.limit", "deleted" ... */
    bool derived;       /* no file by itself: which there are, what is installed ... */
};

struct ptd_validity {
    struct ptd_broken *broken; /* owned */
    size_t count, cap;
    uint32_t *by_fingerprint; /* id → position in `broken` + 1 */
    size_t fingerprint_size;
    uint32_t *by_depset; /* id → 0: not there, 1: holds, else position in `broken` + 2 */
    size_t depset_size;
    struct ptd_impact impact; /* of changes that are judged by names */
};

int ptd_validity_find(struct ptd_state *state, struct ptd_validity *out, struct ptd_err *err);
void ptd_validity_release(struct ptd_validity *validity);
/* NULL: every dependency in these depsets (varints) holds for this test or file. The answer is
 * valid until the next call. */
const struct ptd_broken *ptd_validity_of(struct ptd_validity *validity,
                                         const struct ptd_impact_node *node, const void *depsets,
                                         size_t len);

#endif
