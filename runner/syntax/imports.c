#include "syntax/imports.h"

#include <stdbool.h>
#include <string.h>

#include <tree_sitter/api.h>

#include "base/map.h"
#include "base/mem.h"
#include "syntax/decode.h"
#include "syntax/grammar.h"
#include "syntax/limits.h"

struct search {
    const char *text;
    struct ptd_map seen; /* pairs that are there already */
    struct ptd_buf *out;
};

/* A name as written, without blanks and line continuations. */
static void add_name(const struct search *s, TSNode node, struct ptd_buf *pair)
{
    for (uint32_t i = ts_node_start_byte(node); i < ts_node_end_byte(node); i++)
        if (!strchr(" \t\n\r\f\\", s->text[i]))
            ptd_buf_addc(pair, s->text[i]);
}

static void add_pair(struct search *s, TSNode module, TSNode name, const char *otherwise)
{
    PTD_CLEANUP_BUF struct ptd_buf pair = PTD_BUF_INIT;
    bool added;
    add_name(s, module, &pair);
    ptd_buf_addc(&pair, '\0');
    if (ts_node_is_null(name))
        ptd_buf_adds(&pair, otherwise);
    else
        add_name(s, name, &pair);
    ptd_buf_addc(&pair, '\0');
    ptd_map_put(&s->seen, pair.data, pair.len, 0, &added);
    if (added && pair.data[0])
        ptd_buf_add(s->out, pair.data, pair.len);
}

static TSNode field(TSNode node, const char *name)
{
    return ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

/* "a.b as c" → "a.b" */
static TSNode without_alias(TSNode item)
{
    TSNode name = field(item, "name");
    return ts_node_is_null(name) ? item : name;
}

static void take_import(struct search *s, TSNode statement, bool from)
{
    const TSNode none = {0};
    TSNode module = from ? field(statement, "module_name") : none;
    if (from && ts_node_is_null(module))
        return;
    TSTreeCursor cursor = ts_tree_cursor_new(statement);
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
         more = ts_tree_cursor_goto_next_sibling(&cursor)) {
        TSNode child = ts_tree_cursor_current_node(&cursor);
        const char *name = ts_tree_cursor_current_field_name(&cursor);
        if (name && strcmp(name, "name") == 0)
            add_pair(s, from ? module : without_alias(child), from ? without_alias(child) : none,
                     "");
        else if (strcmp(ts_node_type(child), "wildcard_import") == 0)
            add_pair(s, module, none, "*");
    }
    ts_tree_cursor_delete(&cursor);
}

/* Nothing in these is a statement. */
static bool is_expression(const char *type)
{
    static const char *const types[] = {"expression_statement",
                                        "return_statement",
                                        "parameters",
                                        "argument_list",
                                        "comment",
                                        "identifier",
                                        "string",
                                        "decorator",
                                        NULL};
    for (const char *const *t = types; *t; t++)
        if (strcmp(type, *t) == 0)
            return true;
    return false;
}

/* True when the children are to be visited. */
static bool visit(struct search *s, TSNode node)
{
    const char *type = ts_node_type(node);
    if (!ts_node_is_named(node) || is_expression(type))
        return false;
    bool from = strcmp(type, "import_from_statement") == 0;
    if (!from && strcmp(type, "import_statement") != 0)
        return true;
    take_import(s, node, from);
    return false;
}

static void walk(struct search *s, TSNode root)
{
    TSTreeCursor cursor = ts_tree_cursor_new(root);
    for (bool more = true; more;) {
        if (visit(s, ts_tree_cursor_current_node(&cursor)) &&
            ts_tree_cursor_goto_first_child(&cursor))
            continue;
        while (more && !ts_tree_cursor_goto_next_sibling(&cursor))
            more = ts_tree_cursor_goto_parent(&cursor);
    }
    ts_tree_cursor_delete(&cursor);
}

void ptd_imports_parse(const void *source, size_t len, struct ptd_buf *out)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    static const char word[] = "import";
    if (!len || !ptd_decode_source(source, len, &text) || !text.len || text.len > INT32_MAX ||
        !memmem(text.data, text.len, word, sizeof(word) - 1) || !ptd_limits_hold(&text))
        return;
    TSParser *parser = ts_parser_new();
    if (!ts_parser_set_language(parser, ptd_grammar_language()))
        PTD_BUG("the grammar and the parser do not fit");
    TSTree *tree = ts_parser_parse_string(parser, NULL, text.data, (uint32_t)text.len);
    ts_parser_delete(parser);
    if (!tree)
        return;
    struct search s = {.text = text.data, .out = out};
    walk(&s, ts_tree_root_node(tree));
    ptd_map_release(&s.seen);
    ts_tree_delete(tree);
}
