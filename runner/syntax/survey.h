/* Surveys a syntax tree: its definitions, and what its definitions and blocks mention. */
#ifndef PTD_SYNTAX_SURVEY_H
#define PTD_SYNTAX_SURVEY_H

#include <stdbool.h>

#include <tree_sitter/api.h>

#include "syntax/mentions.h"
#include "syntax/node_kind.h"

struct ptd_survey {
    struct ptd_survey_result *result;
    const struct ptd_drafts *drafts;
    const char *text;
    struct ptd_map starts; /* first byte of a function, class or lambda → its draft */
    uint32_t draft;        /* takes what is mentioned; 0: the definition does */
    uint32_t header;       /* takes it as well: the draft whose header it is, or 0 */
    uint32_t definition;   /* or PTD_NO_DEFINITION */
    bool changes_things;   /* the definition calls a method that is there for its effect */
    bool lazy_types;       /* annotations are not evaluated: from __future__ import annotations */
    bool type_checking;    /* TYPE_CHECKING is that of typing */
    TSNode typing;         /* what typing is imported as, or a null node */
    bool in_types;         /* nothing of what is visited runs */
    bool in_hint;          /* in an annotation of a header that is a definition, and evaluated */
    unsigned depth;
    bool bad; /* nested too deeply */
};

/* Appends the serialised definitions to `out`; nothing when the tree is too deep to be looked at.
 * The drafts are those of this tree, with `fold` and `start` final. */
void ptd_survey_run(const char *text, TSNode root, const struct ptd_drafts *drafts,
                    struct ptd_buf *out);

/* A node with everything below it: expressions, and statements in functions. */
void ptd_survey_visit(struct ptd_survey *s, TSNode node);
/* The parts of a definition: decorators, and a function's or class's header. */
void ptd_survey_visit_decorators(struct ptd_survey *s, TSNode decorated);
void ptd_survey_visit_function(struct ptd_survey *s, TSNode node, TSNode decorated);
/* Notes what evaluating the annotations of a FUNCTION does, and whether it has any. */
bool ptd_survey_hints(struct ptd_survey *s, TSNode function);
void ptd_survey_visit_class_header(struct ptd_survey *s, TSNode node);
/* A text that stands for itself. */
void ptd_survey_docstring(struct ptd_survey *s, TSNode node);
/* Binds what is assigned to. */
void ptd_survey_bind(struct ptd_survey *s, TSNode target);
void ptd_survey_bind_name(struct ptd_survey *s, TSNode identifier);
void ptd_survey_import(struct ptd_survey *s, TSNode statement, enum ptd_node_kind kind);

TSNode ptd_survey_field(TSNode node, const char *name);
/* Whether what an `if` statement guards is never run. */
bool ptd_survey_is_type_checking(const struct ptd_survey *s, TSNode statement);
uint32_t ptd_survey_intern(struct ptd_survey *s, TSNode node);
bool ptd_survey_spells(const struct ptd_survey *s, TSNode node, const char *text);
/* The draft of a function, class or lambda, or 0. */
uint32_t ptd_survey_draft_of(const struct ptd_survey *s, TSNode node);

/* Flags of the current definition, when the code is its own and not that of a function in it. */
void ptd_survey_note(struct ptd_survey *s, uint32_t flags);

#endif
