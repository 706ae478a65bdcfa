#include "syntax/checksum.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "syntax/grammar.h"
#include "syntax/node_kind.h"
#include "syntax/tokens.h"

/* Below this the text itself is summed. */
#define DEPTH_MAX 3000

/* So deep is looked for a lambda in a default value. */
#define DEFAULT_DEEP 50

/* In the place of the kind of node that a parameter with a default value is, with or without a
 * type. No kind has this stamp: they are hashes. */
#define PARAMETER_STAMP 1

struct summing {
    const char *text;
    unsigned without;
    ptd_checksum_apart *apart;
    const void *arg;
    struct ptd_buf stream;
};

static void sum_node(struct summing *sum, TSTreeCursor *cursor, TSNode node, unsigned depth);

static void sum_string(struct summing *sum, TSNode node)
{
    bool plain = true;
    for (uint32_t i = 0; i < ts_node_named_child_count(node) && plain; i++)
        plain = strcmp(ts_node_type(ts_node_named_child(node, i)), "interpolation") != 0;
    for (uint32_t i = 0; plain && i < ts_node_child_count(node); i++) {
        TSNode child = ts_node_child(node, i);
        const char *text = sum->text + ts_node_start_byte(child);
        size_t len = ts_node_end_byte(child) - ts_node_start_byte(child);
        enum ptd_role role = ptd_grammar_role(ts_node_symbol(child));
        if (role == PTD_ROLE_STRING_START)
            ptd_tokens_string_start(&sum->stream, text, len);
        else if (role == PTD_ROLE_STRING_CONTENT)
            ptd_tokens_text(&sum->stream, text, len);
    }
    if (!plain)
        ptd_tokens_text(&sum->stream, sum->text + ts_node_start_byte(node),
                        ts_node_end_byte(node) - ts_node_start_byte(node));
}

/* Whether a value has a lambda whose body belongs to what is around it. */
static bool has_own_lambda(const struct summing *sum, TSNode node, unsigned depth)
{
    if (depth == 0 || (ptd_node_kind(node) == PTD_NODE_LAMBDA && !sum->apart(sum->arg, node)))
        return true;
    for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
        if (has_own_lambda(sum, ts_node_named_child(node, i), depth - 1))
            return true;
    return false;
}

/* What belongs to another definition or to a block, or is not wanted. */
static bool is_left_out(const struct summing *sum, const char *field, TSNode child, TSNode parent)
{
    enum ptd_node_kind around = ptd_node_kind(parent);
    bool types = sum->without & PTD_WITHOUT_TYPES;
    if (!field) /* the arrow, and the colon behind a parameter's name */
        return types && ((around == PTD_NODE_FUNCTION && !strcmp(ts_node_type(child), "->")) ||
                         ((around == PTD_NODE_DEFAULT || around == PTD_NODE_TYPED) &&
                          !strcmp(ts_node_type(child), ":")));
    if (strcmp(field, "body") == 0 && around == PTD_NODE_FUNCTION)
        return true;
    if (strcmp(field, "body") == 0 && around == PTD_NODE_LAMBDA)
        return sum->apart(sum->arg, parent);
    if (types &&
        ((strcmp(field, "return_type") == 0 && around == PTD_NODE_FUNCTION) ||
         (strcmp(field, "type") == 0 && (around == PTD_NODE_DEFAULT || around == PTD_NODE_TYPED))))
        return true;
    return sum->without & PTD_WITHOUT_DEFAULTS && around == PTD_NODE_DEFAULT &&
           strcmp(field, "value") == 0 && !has_own_lambda(sum, child, DEFAULT_DEEP);
}

/* A parameter without its type is of another kind of node. */
static void enter_inner(struct summing *sum, TSNode node, enum ptd_node_kind kind)
{
    if (!(sum->without & PTD_WITHOUT_TYPES) || (kind != PTD_NODE_TYPED && kind != PTD_NODE_DEFAULT))
        ptd_tokens_enter(&sum->stream, ptd_grammar_stamp(ts_node_symbol(node)));
    else if (kind == PTD_NODE_DEFAULT)
        ptd_tokens_enter(&sum->stream, PARAMETER_STAMP);
}

static void sum_inner(struct summing *sum, TSTreeCursor *cursor, TSNode node, unsigned depth)
{
    enum ptd_node_kind kind = ptd_node_kind(node);
    enter_inner(sum, node, kind);
    if (ts_tree_cursor_goto_first_child(cursor)) {
        do {
            TSNode child = ts_tree_cursor_current_node(cursor);
            if (!is_left_out(sum, ts_tree_cursor_current_field_name(cursor), child, node))
                sum_node(sum, cursor, child, depth);
        } while (ts_tree_cursor_goto_next_sibling(cursor));
        ts_tree_cursor_goto_parent(cursor);
    }
    if (!(sum->without & PTD_WITHOUT_TYPES) || kind != PTD_NODE_TYPED)
        ptd_tokens_leave(&sum->stream);
}

static void sum_node(struct summing *sum, TSTreeCursor *cursor, TSNode node, unsigned depth)
{
    enum ptd_node_kind kind = ptd_node_kind(node);
    const char *text = sum->text + ts_node_start_byte(node);
    size_t len = ts_node_end_byte(node) - ts_node_start_byte(node);
    if (kind == PTD_NODE_COMMENT)
        return;
    if (kind == PTD_NODE_STRING)
        sum_string(sum, node);
    else if (ptd_grammar_role(ts_node_symbol(node)) == PTD_ROLE_NUMBER)
        ptd_tokens_number(&sum->stream, text, len);
    else if (depth == 0 || ts_node_child_count(node) == 0)
        ptd_tokens_text(&sum->stream, text, len);
    else
        sum_inner(sum, cursor, node, depth - 1);
}

uint64_t ptd_checksum_node(const char *text, TSNode node, unsigned without,
                           ptd_checksum_apart *apart, const void *arg)
{
    struct summing sum = {.text = text, .without = without, .apart = apart, .arg = arg};
    TSTreeCursor cursor = ts_tree_cursor_new(node);
    sum_node(&sum, &cursor, node, DEPTH_MAX);
    ts_tree_cursor_delete(&cursor);
    uint64_t result = ptd_hash64(sum.stream.data ? sum.stream.data : "", sum.stream.len);
    ptd_buf_release(&sum.stream);
    return result;
}
