#include "syntax/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "syntax/checksum.h"
#include "syntax/grammar.h"
#include "syntax/limits.h"
#include "syntax/survey.h"
#include "syntax/tokens.h"

#define NONE UINT32_MAX

/*
 * Limits that no file which CPython compiles comes near: they keep the work linear in the size of a
 * hostile one.
 */
#define NESTING_MAX 200
#define KEY_MAX     4096

/* The grammar's scanner keeps the width of an indentation in 8 bits. */
#define INDENT_MAX 250

/* An inner node of the tree on the way from the root to the current one. */
struct level {
    enum ptd_role role;
    bool in_body;   /* definitions: the body has begun; suites: the first statement was seen */
    uint32_t start; /* first byte */
    uint32_t line;  /* first line of a definition's code object */
    uint32_t draft; /* definitions: their own draft, or NONE */
    uint32_t owner; /* definitions: the draft around them */
    uint32_t name;  /* definitions: where the name is */
    uint32_t name_len;
    size_t header;     /* definitions: where their header begins in the owner's stream */
    size_t prefix_len; /* length of the prefix around */
    TSNode node;
};

struct walk {
    struct ptd_drafts *drafts;
    const char *text;
    uint32_t len;
    uint32_t pos;            /* behind the last node seen */
    uint32_t last_line;      /* where that node ended, comments aside */
    uint32_t owner;          /* draft that takes the tokens */
    uint32_t nesting;        /* drafts around, without the module */
    uint32_t interpolations; /* replacement fields around */
    struct ptd_buf prefix;   /* of the keys of what is defined here; owned */
    struct level *levels;    /* owned */
    size_t depth, cap;
    bool bad;
};

static struct ptd_buf *stream(struct walk *w)
{
    return &w->drafts->items[w->owner].stream;
}

static struct level *top(struct walk *w)
{
    return w->depth ? &w->levels[w->depth - 1] : NULL;
}

static enum ptd_role top_role(struct walk *w)
{
    return w->depth ? top(w)->role : PTD_ROLE_PLAIN;
}

static uint32_t line_of(TSNode node)
{
    return ts_node_start_point(node).row + 1;
}

static uint32_t add_draft(struct walk *w, enum ptd_block_kind kind, const char *name, size_t len,
                          uint32_t line)
{
    struct ptd_drafts *d = w->drafts;
    if (w->prefix.len + len > KEY_MAX)
        w->bad = true;
    d->items = ptd_xgrow(d->items, &d->cap, d->count + 1, sizeof(*d->items));
    d->items[d->count] = (struct ptd_draft){
        .kind = kind, .parent = w->owner, .line = line, .end_line = line, .key = d->keys.len};
    ptd_buf_add(&d->keys, w->prefix.data ? w->prefix.data : "", w->prefix.len);
    ptd_buf_add(&d->keys, name, len);
    ptd_buf_addc(&d->keys, '\0');
    return (uint32_t)d->count++;
}

static void add_place(struct walk *w, enum ptd_place_kind kind, uint32_t line, uint32_t owner)
{
    struct ptd_drafts *d = w->drafts;
    d->places = ptd_xgrow(d->places, &d->place_cap, d->place_count + 1, sizeof(*d->places));
    d->places[d->place_count++] = (struct ptd_draft_place){kind, line, owner};
}

/*
 * A deeper line must look deeper to the grammar as well, which takes a tab for 8 columns wherever
 * it stands and forgets all but 8 bits of the width.
 */
static bool indentation_is_safe(const struct walk *w, uint32_t start)
{
    uint32_t begin = start;
    while (begin > 0 && strchr(" \t\f", w->text[begin - 1]))
        begin--;
    if (begin > 0 && w->text[begin - 1] != '\n')
        return true;
    uint32_t width = 0;
    bool space = false;
    for (uint32_t i = begin; i < start; i++) {
        if (w->text[i] == '\f') {
            width = 0;
            space = false;
        } else if (w->text[i] == ' ') {
            width++;
            space = true;
        } else {
            width += 8;
            if (space)
                return false;
        }
    }
    return width <= INDENT_MAX;
}

/* Text that no node covers: white space, and what the grammar hides in format specifiers. */
static void take_gap(struct walk *w, uint32_t until)
{
    if (until <= w->pos)
        return;
    const char *text = w->text + w->pos;
    if (top_role(w) == PTD_ROLE_FORMAT_SPEC || top_role(w) == PTD_ROLE_STRING)
        ptd_tokens_text(stream(w), text, until - w->pos);
    else
        ptd_tokens_gap(stream(w), text, until - w->pos);
    w->pos = until;
}

/* f"{ a = }" shows the text of the expression, blanks included. */
static void take_self_documenting(struct walk *w, uint32_t end)
{
    uint32_t start = top(w)->start;
    while (end < w->len && strchr(" \t\n\f", w->text[end]))
        end++;
    ptd_tokens_text(stream(w), w->text + start, end - start);
}

static void push_prefix(struct walk *w, const struct level *l)
{
    if (l->draft == NONE || w->drafts->items[l->draft].kind == PTD_BLOCK_CLASS) {
        ptd_buf_add(&w->prefix, w->text + l->name, l->name_len);
        ptd_buf_addc(&w->prefix, '.');
        return;
    }
    /* The key may have been made under the decorators, where the prefix was the same. */
    if (l->role == PTD_ROLE_LAMBDA)
        ptd_buf_adds(&w->prefix, "<lambda>");
    else
        ptd_buf_add(&w->prefix, w->text + l->name, l->name_len);
    ptd_buf_adds(&w->prefix, ".<locals>.");
}

/* Bodies of lambdas are drafts of their own. */
static bool is_apart(const void *arg, TSNode lambda)
{
    (void)arg;
    (void)lambda;
    return true;
}

/* Whether a function at the top of the levels is a definition of its own (syntax/definitions.h):
 * nothing but classes is around it. */
static bool is_definition(const struct walk *w)
{
    if (w->levels[w->depth - 1].role != PTD_ROLE_FUNCTION || w->levels[w->depth - 1].owner != 0)
        return false;
    for (size_t i = 1; i + 1 < w->depth; i++) {
        enum ptd_role role = w->levels[i].role;
        if (role != PTD_ROLE_CLASS && role != PTD_ROLE_SUITE && role != PTD_ROLE_DECORATED)
            return false;
    }
    return true;
}

/* The header of a function is part of its block. Annotations are only where no definition has them:
 * running the function does nothing with them. */
static uint64_t sum_header(struct walk *w, const struct level *l)
{
    const struct ptd_buf *around = stream(w);
    if (is_definition(w))
        return ptd_checksum_node(w->text, l->node, PTD_WITHOUT_TYPES, is_apart, NULL);
    return ptd_hash64(around->data + l->header, around->len - l->header);
}

/* From here on the tokens are the definition's own. */
static void begin_body(struct walk *w, struct level *l)
{
    l->in_body = true;
    if (l->draft != NONE) {
        uint64_t header = sum_header(w, l);
        w->owner = l->draft;
        ptd_tokens_digest(stream(w), header);
        if (++w->nesting > NESTING_MAX)
            w->bad = true;
    }
    push_prefix(w, l);
    if (w->prefix.len > KEY_MAX)
        w->bad = true;
}

static void end_body(struct walk *w, const struct level *l)
{
    w->prefix.len = l->prefix_len;
    if (l->draft == NONE)
        return;
    struct ptd_draft *draft = &w->drafts->items[l->draft];
    draft->end_line = w->last_line > draft->line ? w->last_line : draft->line;
    w->owner = l->owner;
    w->nesting--;
    if (draft->kind == PTD_BLOCK_LAMBDA) {
        draft->slot = stream(w)->len;
        ptd_tokens_digest(stream(w), 0);
    }
}

/* The first named child that is no comment. */
static TSNode first_child(TSNode node)
{
    uint32_t count = ts_node_named_child_count(node);
    for (uint32_t i = 0; i < count; i++) {
        TSNode child = ts_node_named_child(node, i);
        if (ptd_grammar_role(ts_node_symbol(child)) != PTD_ROLE_SKIP)
            return child;
    }
    return node;
}

/* CPython counts a decorated definition from its first decorator's expression, parentheses aside.
 */
static uint32_t decorator_line(TSNode decorated)
{
    TSNode node = first_child(first_child(decorated));
    while (strcmp(ts_node_type(node), "parenthesized_expression") == 0) {
        TSNode inner = first_child(node);
        if (ts_node_eq(inner, node))
            break;
        node = inner;
    }
    return line_of(node);
}

static void name_definition(struct walk *w, TSNode node, struct level *l)
{
    TSNode name = ts_node_child_by_field_name(node, "name", 4);
    if (ts_node_is_null(name)) {
        w->bad = true;
        return;
    }
    l->name = ts_node_start_byte(name);
    l->name_len = ts_node_end_byte(name) - l->name;
}

static bool owner_is_module(const struct walk *w)
{
    return w->drafts->items[w->owner].kind == PTD_BLOCK_MODULE;
}

/* Makes the draft of a definition when it gets one; `l->line` is known. */
static void draft_definition(struct walk *w, TSNode node, struct level *l, enum ptd_role role)
{
    l->draft = NONE;
    name_definition(w, node, l);
    if (role == PTD_ROLE_FUNCTION)
        l->draft = add_draft(w, PTD_BLOCK_FUNCTION, w->text + l->name, l->name_len, l->line);
    else if (!owner_is_module(w))
        l->draft = add_draft(w, PTD_BLOCK_CLASS, w->text + l->name, l->name_len, l->line);
    if (l->draft != NONE)
        w->drafts->items[l->draft].start = ts_node_start_byte(node);
    uint32_t annotate = role == PTD_ROLE_CLASS && l->draft != NONE ? l->draft : w->owner;
    add_place(w, PTD_PLACE_ANNOTATE, l->line, annotate);
    if (line_of(node) != l->line)
        add_place(w, PTD_PLACE_ANNOTATE, line_of(node), annotate);
}

static void enter_decorated(struct walk *w, TSNode node, struct level *l)
{
    uint32_t count = ts_node_named_child_count(node);
    for (uint32_t i = count; i-- > 0;) {
        TSNode child = ts_node_named_child(node, i);
        enum ptd_role role = ptd_grammar_role(ts_node_symbol(child));
        if (role != PTD_ROLE_FUNCTION && role != PTD_ROLE_CLASS)
            continue;
        l->line = decorator_line(node);
        draft_definition(w, child, l, role);
        return;
    }
    w->bad = true;
}

static void enter_definition(struct walk *w, TSNode node, struct level *l)
{
    const struct level *around = top(w);
    l->owner = w->owner;
    l->header = stream(w)->len;
    l->prefix_len = w->prefix.len;
    if (around && around->role == PTD_ROLE_DECORATED) {
        l->draft = around->draft;
        l->line = around->line;
        l->name = around->name;
        l->name_len = around->name_len;
    } else {
        l->line = line_of(node);
        draft_definition(w, node, l, l->role);
    }
}

static void enter_lambda(struct walk *w, TSNode node, struct level *l)
{
    l->owner = w->owner;
    l->header = stream(w)->len;
    l->prefix_len = w->prefix.len;
    l->line = line_of(node);
    l->draft = add_draft(w, PTD_BLOCK_LAMBDA, "<lambda>", strlen("<lambda>"), l->line);
    w->drafts->items[l->draft].start = ts_node_start_byte(node);
    /* Older versions of CPython do not know the lines of what is inside a replacement field. */
    w->drafts->items[l->draft].fold = w->interpolations > 0;
}

static void enter_special(struct walk *w, TSNode node, struct level *l)
{
    switch (l->role) {
    case PTD_ROLE_FUNCTION:
    case PTD_ROLE_CLASS:
        enter_definition(w, node, l);
        break;
    case PTD_ROLE_LAMBDA:
        enter_lambda(w, node, l);
        break;
    case PTD_ROLE_DECORATED:
        enter_decorated(w, node, l);
        break;
    case PTD_ROLE_LISTCOMP:
        add_place(w, PTD_PLACE_LISTCOMP, line_of(node), w->owner);
        break;
    case PTD_ROLE_SETCOMP:
        add_place(w, PTD_PLACE_SETCOMP, line_of(node), w->owner);
        break;
    case PTD_ROLE_DICTCOMP:
        add_place(w, PTD_PLACE_DICTCOMP, line_of(node), w->owner);
        break;
    case PTD_ROLE_GENEXP:
        add_place(w, PTD_PLACE_GENEXP, line_of(node), w->owner);
        break;
    case PTD_ROLE_INTERPOLATION:
        w->interpolations++;
        break;
    default:
        break;
    }
}

static void take_leaf(struct walk *w, TSNode node, enum ptd_role role)
{
    uint32_t start = ts_node_start_byte(node);
    uint32_t end = ts_node_end_byte(node);
    const char *text = w->text + start;
    size_t len = end - start;
    switch (role) {
    case PTD_ROLE_STRING_START:
        ptd_tokens_string_start(stream(w), text, len);
        break;
    case PTD_ROLE_STRING_END:
        break;
    case PTD_ROLE_NUMBER:
        ptd_tokens_number(stream(w), text, len);
        break;
    case PTD_ROLE_EQUALS:
        if (top_role(w) == PTD_ROLE_INTERPOLATION) {
            take_self_documenting(w, end);
            break;
        } /* fall through */
    default:
        ptd_tokens_text(stream(w), text, len);
    }
    w->pos = end;
    if (len > 0)
        w->last_line = ts_node_end_point(node).row + 1;
    if (role == PTD_ROLE_COLON && top_role(w) == PTD_ROLE_LAMBDA)
        begin_body(w, top(w));
}

static void watch_suite(struct walk *w, TSNode node, enum ptd_role role)
{
    struct level *around = top(w);
    if (!around || around->in_body)
        return;
    if (around->role == PTD_ROLE_SUITE) {
        around->in_body = true;
        if (!indentation_is_safe(w, ts_node_start_byte(node)))
            w->bad = true;
    } else if (role == PTD_ROLE_SUITE &&
               (around->role == PTD_ROLE_FUNCTION || around->role == PTD_ROLE_CLASS)) {
        begin_body(w, around);
    }
}

static bool is_leaf(TSNode node, enum ptd_role role)
{
    return role == PTD_ROLE_STRING_CONTENT || role == PTD_ROLE_STRING_START ||
           role == PTD_ROLE_STRING_END || ts_node_child_count(node) == 0;
}

/* True when the node's children are to be visited; then leave() follows. */
static bool enter(struct walk *w, TSNode node)
{
    TSSymbol symbol = ts_node_symbol(node);
    struct level level = {
        .role = ptd_grammar_role(symbol), .start = ts_node_start_byte(node), .node = node};
    take_gap(w, level.start);
    if (level.role == PTD_ROLE_SKIP) {
        w->pos = ts_node_end_byte(node);
        return false;
    }
    watch_suite(w, node, level.role);
    if (w->depth > 0 && is_leaf(node, level.role)) {
        take_leaf(w, node, level.role);
        return false;
    }
    enter_special(w, node, &level);
    ptd_tokens_enter(stream(w), ptd_grammar_stamp(symbol));
    w->levels = ptd_xgrow(w->levels, &w->cap, w->depth + 1, sizeof(*w->levels));
    w->levels[w->depth++] = level;
    return true;
}

static void leave(struct walk *w, TSNode node)
{
    take_gap(w, ts_node_end_byte(node));
    if (w->depth == 0 || !w->levels)
        PTD_BUG("left a node that was not entered");
    const struct level *l = &w->levels[--w->depth];
    if (l->in_body && l->role != PTD_ROLE_SUITE)
        end_body(w, l);
    else if (l->role == PTD_ROLE_FUNCTION || l->role == PTD_ROLE_CLASS ||
             l->role == PTD_ROLE_LAMBDA)
        w->bad = true; /* a definition without a body: no tree that we understand */
    else if (l->role == PTD_ROLE_INTERPOLATION)
        w->interpolations--;
    ptd_tokens_leave(stream(w));
}

static void walk_tree(struct walk *w, TSNode root)
{
    TSTreeCursor cursor = ts_tree_cursor_new(root);
    bool more = true;
    while (more && !w->bad) {
        TSNode node = ts_tree_cursor_current_node(&cursor);
        if (enter(w, node)) {
            if (ts_tree_cursor_goto_first_child(&cursor))
                continue;
            leave(w, node);
        }
        while (more && !ts_tree_cursor_goto_next_sibling(&cursor)) {
            more = ts_tree_cursor_goto_parent(&cursor);
            if (more)
                leave(w, ts_tree_cursor_current_node(&cursor));
        }
    }
    ts_tree_cursor_delete(&cursor);
}

static bool walk_text(const struct ptd_buf *text, TSNode root, struct ptd_drafts *out)
{
    struct walk w = {.drafts = out, .text = text->data, .len = (uint32_t)text->len};
    add_draft(&w, PTD_BLOCK_MODULE, "", 0, 1);
    walk_tree(&w, root);
    take_gap(&w, w.len);
    TSPoint end = ts_node_end_point(root);
    out->items[0].end_line = end.row + (end.column > 0 || end.row == 0);
    ptd_buf_release(&w.prefix);
    free(w.levels);
    return !w.bad;
}

/* A lambda that begins on one line with another cannot be told from it. */
static void fold_lambdas(struct ptd_drafts *d)
{
    uint32_t line = 0;
    struct ptd_draft *last = NULL;
    for (size_t i = 1; i < d->count; i++) {
        struct ptd_draft *draft = &d->items[i];
        if (draft->kind != PTD_BLOCK_LAMBDA)
            continue;
        if (last && draft->line == line) {
            draft->fold = true;
            last->fold = true;
        }
        last = draft;
        line = draft->line;
    }
}

bool ptd_drafts_parse(const struct ptd_buf *text, struct ptd_drafts *out)
{
    if (text->len > INT32_MAX || !ptd_limits_hold(text))
        return false;
    TSParser *parser = ts_parser_new();
    if (!ts_parser_set_language(parser, ptd_grammar_language()))
        PTD_BUG("the grammar and the parser do not fit");
    TSTree *tree = ts_parser_parse_string(parser, NULL, text->data, (uint32_t)text->len);
    ts_parser_delete(parser);
    if (!tree)
        return false;
    TSNode root = ts_tree_root_node(tree);
    bool ok = !ts_node_has_error(root) && walk_text(text, root, out);
    if (ok) {
        fold_lambdas(out);
        ptd_survey_run(text->data, root, out, &out->definitions);
    }
    ts_tree_delete(tree);
    return ok;
}

void ptd_drafts_release(struct ptd_drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++)
        ptd_buf_release(&drafts->items[i].stream);
    free(drafts->items);
    free(drafts->places);
    ptd_buf_release(&drafts->keys);
    ptd_buf_release(&drafts->definitions);
    *drafts = (struct ptd_drafts){0};
}
