/*
 * Blocks of one Python source: the units in which a change is judged.
 *
 * A block is the module level, a function, a lambda, or a class inside a function. Block 0 is
 * always the module level: every token outside function and lambda bodies, so also the bodies of
 * classes that are not inside a function, and the headers of functions (decorators, name,
 * parameters with defaults and annotations). A function's block covers its parameters and body,
 * without the bodies of functions, lambdas and classes nested in it (their headers stay in it).
 * Annotations of a function that is a definition of its own (syntax/definitions.h) are not in its
 * block: code that runs does nothing with them, and the definition has them.
 *
 * Checksums ignore comments, blank lines, white space inside a line, the width of the
 * indentation and line ends; they see every token, the nesting of suites, and the order of
 * definitions.
 */
#ifndef PTD_SYNTAX_BLOCKS_H
#define PTD_SYNTAX_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum ptd_block_kind {
    PTD_BLOCK_MODULE,
    PTD_BLOCK_CLASS,
    PTD_BLOCK_FUNCTION,
    PTD_BLOCK_LAMBDA,
};

struct ptd_block {
    const char *key;       /* qualified name, "Cart.total", "f.<locals>.g"; with "#1" for the second
                              of equals, "#2" ...; "" for the module. Borrowed from the set. */
    const char *code_name; /* co_name of its code object: "<module>", "total", "<lambda>" */
    enum ptd_block_kind kind;
    uint32_t line;     /* co_firstlineno: the first decorator's line, or that of def/class/lambda */
    uint32_t end_line; /* last line */
    uint64_t checksum;
};

/* Code objects that have no block of their own. */
enum ptd_place_kind {
    PTD_PLACE_LAMBDA,
    PTD_PLACE_LISTCOMP,
    PTD_PLACE_SETCOMP,
    PTD_PLACE_DICTCOMP,
    PTD_PLACE_GENEXP,
    PTD_PLACE_ANNOTATE,
};

/* Whose such a code object is, where the line alone would mislead. */
struct ptd_place {
    uint32_t line;
    uint32_t block;
    enum ptd_place_kind kind;
};

struct ptd_blocks {
    struct ptd_block *items; /* owned; sorted by position in the file, item 0 the module */
    size_t count;
    /* The source does not parse (or is not decodable): count is 1, the one block's checksum is that
     * of the whole content. */
    bool broken;
    struct ptd_buf strings;   /* owned: memory behind the keys */
    struct ptd_place *places; /* owned; sorted by line and kind */
    size_t place_count;
    /* owned: for ptd_definitions_read (syntax/definitions.h); empty when nothing is known */
    struct ptd_buf definitions;
};

/* Version of the meaning of checksums and keys; stored with them, raised when either changes. */
#define PTD_BLOCKS_VERSION 5

/*
 * Parses a source as it lies on disk: any encoding declared per PEP 263 (utf-8, with or without
 * BOM, latin-1, and what iconv knows), any line ends, form feeds. Never fails on bad input: that
 * gives a broken set. Thread-safe.
 */
void ptd_blocks_parse(const void *source, size_t len, struct ptd_blocks *out);
void ptd_blocks_release(struct ptd_blocks *blocks);

/*
 * Index of the block that a code object belongs to, from its first line and co_name. Code that has
 * no block of its own (comprehensions, generator expressions, type parameter scopes, lambdas that
 * share a line with another, annotations) belongs to the innermost block around that line.
 */
size_t ptd_blocks_locate(const struct ptd_blocks *blocks, uint32_t line, const char *co_name);

/* Serialised form for the store, and back; -1 when the bytes are not one. */
void ptd_blocks_write(const struct ptd_blocks *blocks, struct ptd_buf *out);
int ptd_blocks_read(const void *data, size_t len, struct ptd_blocks *out);

#endif
