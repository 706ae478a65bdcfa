/*
 * Which names lead to which suspects (record/once.h), and so which blocks and modules do.
 *
 * Sets of suspects are arrays of `words` 64-bit words; NULL is the empty set.
 */
#ifndef PTD_RECORD_ONCE_NAMES_H
#define PTD_RECORD_ONCE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "record/deps.h"
#include "syntax/definitions.h"

struct ptd_suspect {
    uint32_t scope, code, file;
    uint32_t block;    /* of its file; PTD_DEP_WHOLE: not known */
    uint32_t parent;   /* block of the function around it, 0: none */
    const char *names; /* as in its label */
    bool decorated;
    bool any;   /* serves under names that cannot be told */
    bool inert; /* keeps nothing: all that it stores to are proxies of something else */
};

struct ptd_once_set {
    uint64_t *words; /* owned; NULL: empty */
};

/* What leads to suspects under one name. */
struct ptd_once_name {
    struct ptd_once_set plain;     /* a variable of this name */
    struct ptd_once_set attribute; /* an attribute */
};

/* A file of the journal. It is parsed when it has a suspect, or one of the names in it. */
struct ptd_once_file {
    bool sought;    /* whether it is of interest has been decided */
    bool known;     /* it is, and its definitions are */
    bool has_bound; /* a suspect that keeps things in an object (once_holders.h) */
    struct ptd_definitions definitions;
    const struct ptd_blocks *blocks; /* borrowed from the state */
    uint32_t *names;                 /* owned; per name of the definitions: entry of the map + 1 */
    size_t names_of;                 /* entries of the map when `names` was made */
    struct ptd_once_set *by_block;   /* owned; per block, made when first asked for */
    bool *block_made;                /* owned */
    size_t silent_of;                /* entries of the map when its source had none of them, + 1 */
    struct ptd_once_set module;      /* suspects that everybody who imports it may be served by */
};

struct ptd_once_names {
    struct ptd_dep_context *deps; /* borrowed */
    struct ptd_suspect *items;    /* borrowed */
    size_t count, words;
    struct ptd_map index;        /* name → position in `names` */
    struct ptd_map proxies;      /* globals that stand for something else */
    struct ptd_once_name *names; /* owned */
    size_t cap;
    struct ptd_once_file *files; /* owned; per file of the journal */
    uint32_t *code_blocks;       /* owned; per code object of the journal, + 1 */
};

/* Parses a file of the journal, whatever is in it; its blocks, NULL when they are not known. */
const struct ptd_blocks *ptd_once_blocks(struct ptd_once_names *n, uint32_t file);
/* The block of a code object in a file that was parsed; PTD_DEP_WHOLE when it is not known. */
uint32_t ptd_once_code_block(struct ptd_once_names *n, uint32_t code);

void ptd_once_names_init(struct ptd_once_names *n, struct ptd_dep_context *deps);
/* Follows the names of the suspects through all modules of the process. */
void ptd_once_names_follow(struct ptd_once_names *n, struct ptd_suspect *items, size_t count);
void ptd_once_names_release(struct ptd_once_names *n);

/* Suspects that a block enters or mentions; borrowed, NULL: none. */
const uint64_t *ptd_once_names_of_block(struct ptd_once_names *n, uint32_t file, uint32_t block);
/* Under this name as a variable; borrowed, NULL: none. */
const uint64_t *ptd_once_names_of_variable(const struct ptd_once_names *n, const char *name,
                                           size_t len);

/* Adds the one set to the other; whether that made a difference. */
bool ptd_once_unite(struct ptd_once_set *set, const uint64_t *more, size_t words);

#endif
