/*
 * Places and what is there now: the parts of passes/book.h, each numbered once.
 *
 * Which test is the first to load a module of a library depends on what else ran in the process,
 * and with it who asked for the modules that this one imports. So that lists do not depend on it,
 * what is only "the tree has no module of this name" is two parts that every list has:
 *
 *   - about modules of the standard library: its modules, which of them the tree or a distribution
 *     has one more of,
 *   - about modules of packages: the names of the directories of the tree with modules in them.
 *
 * Where these are the same as somewhere else, no module of the standard library that was not
 * shadowed there is shadowed here, and no package that the tree did not have there is in it here. A
 * third one does the same for all top-level names, and so changes with any new one: it is for
 * coarse lists.
 */
#ifndef PTD_PASSES_PARTS_H
#define PTD_PASSES_PARTS_H

#include <stdbool.h>

#include "base/hash.h"
#include "base/map.h"
#include "state/state.h"

struct ptd_pass_part {
    struct ptd_hash128 hash; /* of the place and its content */
    bool unknown;            /* the content cannot be told */
};

struct ptd_pass_parts {
    struct ptd_state *state;     /* borrowed */
    struct ptd_map places;       /* place → number */
    struct ptd_pass_part *items; /* owned */
    size_t cap;
    struct ptd_map sources;           /* position in the state → position in `blocks` */
    uint32_t library, folders, names; /* numbers of these three */
    struct ptd_map packages;          /* names of the directories with modules */
    struct ptd_map *blocks;           /* owned: of the present version, key → index + 1 */
    size_t block_cap;
};

/* `state` is borrowed. */
void ptd_pass_parts_open(struct ptd_pass_parts *parts, struct ptd_state *state);
void ptd_pass_parts_release(struct ptd_pass_parts *parts);

/* The number of a part; `file` is a position in the state. Its content, or the fact: */
uint32_t ptd_pass_part_whole(struct ptd_pass_parts *parts, size_t file, bool coarse);
/* A block of a source, by its key. */
uint32_t ptd_pass_part_block(struct ptd_pass_parts *parts, size_t file, const char *key);
/* All blocks of a source. */
uint32_t ptd_pass_part_source(struct ptd_pass_parts *parts, size_t file);

#endif
