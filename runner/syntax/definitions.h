/*
 * What one Python source defines at its module level and in the bodies of its module-level classes,
 * and which names its definitions and its blocks mention.
 *
 * A definition is one statement. Its checksum covers what it says, without the bodies of functions
 * (these are blocks) and, for a class, without its body (its statements are definitions of their
 * own). `if` and `try` are one definition with everything in them.
 *
 * Names are what can be looked up at run time: identifiers, attributes, keywords, and the words of
 * string constants that spell identifiers or dotted names. A plain name that its function binds
 * itself is none. Too few mentions would be an error, too many are not.
 */
#ifndef PTD_SYNTAX_DEFINITIONS_H
#define PTD_SYNTAX_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PTD_NO_NAME       UINT32_MAX
#define PTD_NO_DEFINITION UINT32_MAX

/* How a name is mentioned; bits. */
enum ptd_mention_how {
    PTD_MENTION_NAME = 1,       /* a global or builtin: `x` */
    PTD_MENTION_ATTRIBUTE = 2,  /* `.x` of anything, or `from m import x` in a function */
    PTD_MENTION_SELF = 4,       /* `self.x`, `cls.x` */
    PTD_MENTION_KEYWORD = 8,    /* `f(x=...)` */
    PTD_MENTION_STRING = 16,    /* "x", "a.x", "x, y" */
    PTD_MENTION_PARAMETER = 32, /* a parameter: pytest looks up fixtures by it */
    PTD_MENTION_VALUE = 64,     /* with NAME: the thing itself is used, not only an attribute */
    PTD_MENTION_CHANGED = 128,  /* what it stands for may be changed: stored into, a method called,
                                   handed on */
    PTD_MENTION_MODULE = 256,   /* with ATTRIBUTE: a module that a function imports */
    PTD_MENTION_TYPE = 512,     /* in an annotation that is not evaluated unless somebody asks, or
                                   below `if TYPE_CHECKING` */
    PTD_MENTION_TOP = 1024,     /* the first part of what a function imports */
    PTD_MENTION_RETURNED =
        2048,                /* with NAME, ATTRIBUTE, SELF: a function returns it, or yields it */
    PTD_MENTION_HINT = 4096, /* only in annotations of the header of a FUNCTION, which are evaluated
                                when the function is made */
    PTD_MENTION_GLOBAL = 8192, /* declared so in a function, which may bind or delete it */
};

/* What reaches names without mentioning them; bits. */
enum ptd_reflection {
    PTD_REFLECT_ATTRIBUTES = 1, /* getattr with a computed name, vars, dir, __dict__ ... */
    PTD_REFLECT_GLOBALS = 2,    /* globals(): the names of the module that the code is in */
    PTD_REFLECT_ANYTHING = 4,   /* eval, exec, an import of a computed name */
    PTD_REFLECT_MODULES = 8,    /* sys.modules, an import of a computed name for its effect */
};

struct ptd_mention {
    uint32_t name; /* index in ptd_definitions.names */
    uint32_t how;
};

struct ptd_mentions {
    const struct ptd_mention *items; /* borrowed from the set; ascending by name */
    size_t count;
    uint32_t reflects;
};

enum ptd_definition_kind {
    PTD_DEFINES_VALUE,    /* x = ..., x: int, type X = ... */
    PTD_DEFINES_IMPORT,   /* import statements */
    PTD_DEFINES_FUNCTION, /* the header of a function */
    PTD_DEFINES_CLASS,    /* the header of a class */
    PTD_DEFINES_BRANCHES, /* if, try: nothing but definitions in them */
    PTD_DEFINES_EFFECT,   /* any other statement */
    PTD_DEFINES_NOTHING,  /* a string or another constant; a docstring binds __doc__ */
};

enum ptd_definition_flag {
    PTD_DEFINITION_CALLS = 1,      /* something is called, or a decorator that may do anything */
    PTD_DEFINITION_RISKY = 2,      /* may raise: more than literals and names */
    PTD_DEFINITION_MUTABLE = 4,    /* what it binds may be changed by who mentions it */
    PTD_DEFINITION_DECORATED = 8,  /* has a decorator, also one that is known to do nothing else */
    PTD_DEFINITION_STORES = 16,    /* EFFECT: assigns to an item or attribute of the bound name */
    PTD_DEFINITION_SEVERAL = 32,   /* BRANCHES: a function or class is among it */
    PTD_DEFINITION_ANNOTATED = 64, /* VALUE: with a type */
    PTD_DEFINITION_TYPES = 128,    /* binds what is no class, and of use in annotations only:
                                      TypeVar("T"), Union[...], imports below `if TYPE_CHECKING` */
};

struct ptd_import {
    uint32_t module; /* name: as written, with the dots of a relative import in front */
    uint32_t name;   /* what is taken from it; PTD_NO_NAME: the module itself */
    uint32_t as;     /* the name that is bound; PTD_NO_NAME: everything (`import *`) */
};

/* What evaluating the annotations of a header does; a plain string or another constant is nothing.
 */
enum ptd_hint_use {
    PTD_HINT_WHOLE,    /* `X`, `a.X`: the annotation is nothing else */
    PTD_HINT_ARGUMENT, /* `...[X]` */
    PTD_HINT_OPERAND,  /* `X | ...` */
    PTD_HINT_BASE,     /* `X[...]` */
    PTD_HINT_UNION,    /* an operator `|`, of no name */
    PTD_HINT_OTHER,    /* anything else, which may do anything; of no name */
};

/* BASE: what is between the brackets. An argument is a type, `None` or a dotted name in quotes. */
enum ptd_hint_shape {
    PTD_HINT_TYPES,      /* arguments only */
    PTD_HINT_LIST,       /* [[A, B], C] */
    PTD_HINT_DOTS_FIRST, /* [..., A] */
    PTD_HINT_DOTS_LAST,  /* [A, ...] */
    PTD_HINT_CONSTANTS,  /* strings, numbers, None, True, False */
};

struct ptd_hint {
    uint32_t name; /* as written, with dots: "X", "a.X"; or PTD_NO_NAME */
    enum ptd_hint_use use;
    enum ptd_hint_use result;  /* BASE: what becomes of X[...]: WHOLE, ARGUMENT or OPERAND */
    enum ptd_hint_shape shape; /* BASE */
    uint32_t count;            /* BASE: of arguments */
};

struct ptd_definition {
    enum ptd_definition_kind kind;
    uint32_t flags;
    uint32_t owner; /* index of the class definition that it is in, or PTD_NO_DEFINITION */
    uint32_t line;  /* of the first decorator, if any */
    uint32_t end_line;
    uint64_t checksum;
    uint64_t plain;        /* FUNCTION: the checksum without the annotations */
    const uint32_t *binds; /* borrowed; names, ascending */
    size_t bind_count;
    struct ptd_mentions mentions;
    const struct ptd_import *imports; /* borrowed */
    size_t import_count;
    /* borrowed; FUNCTION: but for OTHER, none when its annotations are kept as text */
    const struct ptd_hint *hints;
    size_t hint_count;
};

struct ptd_definitions {
    const char **names; /* owned array; NUL-terminated, borrowed from `strings` */
    size_t name_count;
    struct ptd_mentions *blocks; /* owned; as in the ptd_blocks that this belongs to: item 0, the
                                    module level, is empty, its definitions have the mentions */
    size_t block_count;
    struct ptd_definition *items; /* owned; in the order of the file, a class before its body */
    size_t count;
    char *strings;                    /* owned */
    struct ptd_mention *mention_pool; /* owned */
    uint32_t *bind_pool;              /* owned */
    struct ptd_import *import_pool;   /* owned */
    struct ptd_hint *hint_pool;       /* owned */
};

/* From ptd_blocks.definitions; -1 when the bytes are not it (an empty string: nothing is known, as
 * of a source that does not parse). */
int ptd_definitions_read(const void *data, size_t len, struct ptd_definitions *out);
void ptd_definitions_release(struct ptd_definitions *definitions);

/* The index of a name in this source, or PTD_NO_NAME. Linear: for tests and single questions. */
uint32_t ptd_definitions_find_name(const struct ptd_definitions *definitions, const char *name);
/* How a block mentions a name: enum ptd_mention_how, 0: not at all. */
uint32_t ptd_mentions_how(const struct ptd_mentions *mentions, uint32_t name);

#endif
