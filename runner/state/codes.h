/*
 * The code objects of a source's content that were seen running: what a fingerprint names instead
 * of blocks, so that a source need not be parsed before it has changed.
 *
 * Each content has a list of them, (first line, name) as the interpreter has them, which only ever
 * grows; a code object's number is its position in the list + 1, and 0 is the module level. The
 * list lies in the store beside the content.
 */
#ifndef PTD_STATE_CODES_H
#define PTD_STATE_CODES_H

#include "state/state.h"

/* The code object's number; new ones are added to the list, which ptd_codes_save writes. */
int ptd_codes_number(struct ptd_state *state, ptd_id version, uint32_t line, const char *name,
                     uint32_t *out, struct ptd_err *err);
/* Writes the lists that have grown, in the transaction that is under way. */
int ptd_codes_save(struct ptd_state *state, struct ptd_err *err);

/* Position in ptd_state_blocks(state, version) of the block that the code object belongs to;
 * UINT32_MAX when that cannot be told. */
uint32_t ptd_codes_block(struct ptd_state *state, ptd_id version, uint32_t number);

/* Drops the lists, so that they are read again: to be called when a writing transaction begins,
 * before the first ptd_codes_number in it, because other engines may have added to them since. */
void ptd_codes_forget(struct ptd_state *state);

#endif
