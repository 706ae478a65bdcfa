/*
 * From a source text to drafts: every function, lambda and class inside a function with the stream
 * of its tokens, before it is decided which lambdas get no block and which keys need a number.
 */
#ifndef PTD_SYNTAX_WALK_H
#define PTD_SYNTAX_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "syntax/blocks.h"

struct ptd_draft {
    enum ptd_block_kind kind;
    uint32_t parent; /* the draft around it; smaller than its own index, 0 for the module itself */
    uint32_t start;  /* first byte of the definition itself, decorators aside */
    uint32_t line;
    uint32_t end_line;
    size_t key; /* offset in ptd_drafts.keys, NUL terminated */
    /* Lambdas: where the parent's stream has the place for the body's checksum. */
    size_t slot;
    bool fold;             /* must not be a block of its own */
    struct ptd_buf stream; /* owned */
};

/* A code object without a block: it begins at `line` and belongs to draft `owner`. */
struct ptd_draft_place {
    enum ptd_place_kind kind;
    uint32_t line;
    uint32_t owner;
};

struct ptd_drafts {
    struct ptd_draft *items; /* owned; in order of their position, item 0 the module */
    size_t count, cap;
    struct ptd_draft_place *places; /* owned */
    size_t place_count, place_cap;
    struct ptd_buf keys;        /* owned */
    struct ptd_buf definitions; /* owned: serialised, see definitions.h; empty: not known */
};

/* False when the text is not valid (or absurdly nested); `out` is to be released all the same. */
bool ptd_drafts_parse(const struct ptd_buf *text, struct ptd_drafts *out);
void ptd_drafts_release(struct ptd_drafts *drafts);

#endif
