/* Checksums of parts of a syntax tree, over the tokens and how they are nested. */
#ifndef PTD_SYNTAX_CHECKSUM_H
#define PTD_SYNTAX_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

#include <tree_sitter/api.h>

/* What is left out of it; bits. Bodies of functions always are. */
enum ptd_checksum_without {
    PTD_WITHOUT_DEFAULTS = 1, /* default values, unless they have what is summed nowhere else */
    PTD_WITHOUT_TYPES = 2,    /* annotations of parameters and return values: the sum is that of the
                                 header without them */
};

/* Whether the body of a lambda has a checksum of its own. */
typedef bool ptd_checksum_apart(const void *arg, TSNode lambda);

uint64_t ptd_checksum_node(const char *text, TSNode node, unsigned without,
                           ptd_checksum_apart *apart, const void *arg);

#endif
