/* What the survey of a source wants to know of a node of the syntax tree. */
#ifndef PTD_SYNTAX_NODE_KIND_H
#define PTD_SYNTAX_NODE_KIND_H

#include <tree_sitter/api.h>

enum ptd_node_kind {
    PTD_NODE_OTHER,
    PTD_NODE_TOKEN, /* unnamed: operators, keywords, punctuation */
    PTD_NODE_COMMENT,
    PTD_NODE_IDENTIFIER,
    PTD_NODE_ATTRIBUTE,
    PTD_NODE_SUBSCRIPT,
    PTD_NODE_CALL,
    PTD_NODE_KEYWORD,
    PTD_NODE_STRING,
    PTD_NODE_CONSTANT,  /* numbers, True, None, ... */
    PTD_NODE_SIGN,      /* -1 */
    PTD_NODE_CONTAINER, /* list, dictionary, set */
    PTD_NODE_HARMLESS, /* tuples, pairs, parentheses, strings in a row: as good as what they hold */
    PTD_NODE_FUNCTION,
    PTD_NODE_CLASS,
    PTD_NODE_LAMBDA,
    PTD_NODE_DECORATED,
    PTD_NODE_DECORATOR,
    PTD_NODE_SUITE,
    PTD_NODE_EXPRESSION_STATEMENT,
    PTD_NODE_ASSIGNMENT,
    PTD_NODE_AUGMENTED,
    PTD_NODE_TYPE_ALIAS,
    PTD_NODE_TARGETS, /* tuple and list patterns, starred ones */
    PTD_NODE_IMPORT,
    PTD_NODE_IMPORT_FROM,
    PTD_NODE_FUTURE_IMPORT,
    PTD_NODE_PASS,
    PTD_NODE_RAISE,
    PTD_NODE_RETURN,
    PTD_NODE_IF,
    PTD_NODE_TRY,
    PTD_NODE_CLAUSE, /* elif, else, except, finally */
    PTD_NODE_FOR,
    PTD_NODE_AS_TARGET,
    PTD_NODE_NAMED_EXPRESSION,
    PTD_NODE_GLOBAL,
    PTD_NODE_DELETE,
    PTD_NODE_DEFAULT, /* a parameter with a default value */
    PTD_NODE_TYPED,   /* a parameter with a type */
};

enum ptd_node_kind ptd_node_kind(TSNode node);

#endif
