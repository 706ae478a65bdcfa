/* The tree-sitter grammar for Python, and what each kind of its nodes means to us. */
#ifndef PTD_SYNTAX_GRAMMAR_H
#define PTD_SYNTAX_GRAMMAR_H

#include <stdint.h>
#include <tree_sitter/api.h>

enum ptd_role {
    PTD_ROLE_TOKEN, /* any other unnamed node: operators, keywords, punctuation */
    PTD_ROLE_PLAIN, /* any other named node */
    PTD_ROLE_SKIP,  /* comments, line continuations, ";" */
    PTD_ROLE_FUNCTION,
    PTD_ROLE_CLASS,
    PTD_ROLE_LAMBDA,
    PTD_ROLE_DECORATED,
    PTD_ROLE_SUITE,
    PTD_ROLE_LISTCOMP,
    PTD_ROLE_SETCOMP,
    PTD_ROLE_DICTCOMP,
    PTD_ROLE_GENEXP,
    PTD_ROLE_STRING,
    PTD_ROLE_STRING_START,
    PTD_ROLE_STRING_CONTENT,
    PTD_ROLE_STRING_END,
    PTD_ROLE_FORMAT_SPEC,
    PTD_ROLE_INTERPOLATION,
    PTD_ROLE_NUMBER,
    PTD_ROLE_COLON,
    PTD_ROLE_EQUALS,
};

const TSLanguage *ptd_grammar_language(void);
enum ptd_role ptd_grammar_role(TSSymbol symbol);
/*
 * A number for the kind of node that depends on its name only: symbol numbers change with every
 * build of the grammar, and checksums outlive the build.
 */
uint32_t ptd_grammar_stamp(TSSymbol symbol);

#endif
