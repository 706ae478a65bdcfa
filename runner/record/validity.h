/*
 * Which recorded dependencies still hold: compares what each fingerprint of a changed file saw with
 * what is there now. Unchanged files cost nothing.
 */
#ifndef PTD_RECORD_VALIDITY_H
#define PTD_RECORD_VALIDITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "state/state.h"
#include "store/store.h"

/* Why a dependency does not hold any more. */
struct ptd_broken {
    ptd_id fingerprint;
    size_t file;      /* position in the state; SIZE_MAX: the dependency itself is lost */
    const char *what; /* owned: "Cart.total", "module level", "deleted" ... */
};

struct ptd_validity {
    struct ptd_broken *broken; /* owned */
    size_t count, cap;
    uint32_t *by_fingerprint; /* id → position in `broken` + 1 */
    size_t fingerprint_size;
    uint32_t *by_depset; /* id → 0: not there, 1: holds, else position in `broken` + 2 */
    size_t depset_size;
};

int ptd_validity_find(struct ptd_state *state, struct ptd_validity *out, struct ptd_err *err);
void ptd_validity_release(struct ptd_validity *validity);
/* NULL: every dependency in these depsets (varints) holds. */
const struct ptd_broken *ptd_validity_of(const struct ptd_validity *validity, const void *depsets,
                                         size_t len);

#endif
