#include "syntax/survey.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "syntax/checksum.h"

/* A lambda that shares its line with another has no block. */
static bool has_block(const void *arg, TSNode lambda)
{
    const struct ptd_survey *s = arg;
    uint32_t draft = ptd_survey_draft_of(s, lambda);
    return draft && !s->drafts->items[draft].fold;
}

static uint64_t checksum(const struct ptd_survey *s, TSNode node, unsigned without)
{
    return ptd_checksum_node(s->text, node, without, has_block, s);
}

/* ---- statements ---- */

static void define_suite(struct ptd_survey *s, TSNode suite, uint32_t owner);

static uint32_t begin(struct ptd_survey *s, enum ptd_definition_kind kind, TSNode node,
                      uint32_t owner)
{
    struct ptd_survey_result *r = s->result;
    r->items = ptd_xgrow(r->items, &r->cap, r->count + 1, sizeof(*r->items));
    r->items[r->count] = (struct ptd_draft_definition){.kind = kind,
                                                       .owner = owner,
                                                       .line = ts_node_start_point(node).row + 1,
                                                       .end_line = ts_node_end_point(node).row + 1};
    s->definition = (uint32_t)r->count;
    s->changes_things = false;
    return (uint32_t)r->count++;
}

/* `x.y.append(z)` changes x as `x.y[0] = z` does. */
static void bind_changed(struct ptd_survey *s, TSNode node)
{
    static const char *const changers[] = {"append", "appendleft", "extend",  "insert", "add",
                                           "update", "setdefault", "pop",     "remove", "discard",
                                           "clear",  "popitem",    "reverse", "sort",   NULL};
    TSNode call = ts_node_named_child(node, 0), at = {0};
    if (ptd_node_kind(node) != PTD_NODE_EXPRESSION_STATEMENT ||
        ts_node_named_child_count(node) != 1 || ptd_node_kind(call) != PTD_NODE_CALL)
        return;
    TSNode callee = ptd_survey_field(call, "function");
    if (ts_node_is_null(callee) || ptd_node_kind(callee) != PTD_NODE_ATTRIBUTE)
        return;
    for (const char *const *p = changers; *p; p++)
        if (ptd_survey_spells(s, ptd_survey_field(callee, "attribute"), *p))
            at = ptd_survey_field(callee, "object");
    while (!ts_node_is_null(at) && ptd_node_kind(at) == PTD_NODE_ATTRIBUTE)
        at = ptd_survey_field(at, "object");
    if (ts_node_is_null(at) || ptd_node_kind(at) != PTD_NODE_IDENTIFIER)
        return;
    ptd_survey_bind_name(s, at);
    ptd_survey_note(s, PTD_DEFINITION_STORES);
}

static void define_effect(struct ptd_survey *s, TSNode node, uint32_t owner)
{
    uint32_t at = begin(s, PTD_DEFINES_EFFECT, node, owner);
    ptd_survey_note(s, PTD_DEFINITION_CALLS | PTD_DEFINITION_RISKY);
    bind_changed(s, node);
    ptd_survey_visit(s, node);
    s->result->items[at].checksum = checksum(s, node, 0);
}

static void define_docstring(struct ptd_survey *s, TSNode node, uint32_t owner)
{
    struct ptd_survey_result *r = s->result;
    uint32_t at = begin(s, PTD_DEFINES_NOTHING, node, owner);
    r->binds = ptd_xgrow(r->binds, &r->bind_cap, r->bind_count + 1, sizeof(*r->binds));
    r->binds[r->bind_count++] =
        (struct ptd_bound){at, ptd_survey_name(r, "__doc__", strlen("__doc__"))};
    ptd_survey_docstring(s, node);
    r->items[at].checksum = checksum(s, node, 0);
}

/* `TypeVar("T")`, `Union[A, B]`: nobody has an instance of it. */
static bool makes_type(const struct ptd_survey *s, TSNode value)
{
    static const char *const calls[] = {"TypeVar", "ParamSpec", "TypeVarTuple", NULL};
    static const char *const forms[] = {"Union", "Optional", "Callable", "Literal", NULL};
    if (ts_node_is_null(value))
        return false;
    bool call = ptd_node_kind(value) == PTD_NODE_CALL;
    if (!call && ptd_node_kind(value) != PTD_NODE_SUBSCRIPT)
        return false;
    TSNode from = ptd_survey_field(value, call ? "function" : "value");
    if (!ts_node_is_null(from) && ptd_node_kind(from) == PTD_NODE_ATTRIBUTE)
        from = ptd_survey_field(from, "attribute");
    if (ts_node_is_null(from) || ptd_node_kind(from) != PTD_NODE_IDENTIFIER)
        return false;
    for (const char *const *p = call ? calls : forms; *p; p++)
        if (ptd_survey_spells(s, from, *p))
            return true;
    return false;
}

/* The text in T = TypeVar("T") means no other T. */
static void forget_own_name(struct ptd_survey *s, size_t heard)
{
    struct ptd_survey_result *r = s->result;
    for (size_t i = heard; i < r->heard_count; i++)
        for (size_t b = 0; b < r->bind_count; b++)
            if (r->heard[i].how == PTD_MENTION_STRING && r->binds[b].definition == s->definition &&
                r->binds[b].name == r->heard[i].name)
                r->heard[i].how = 0;
}

static void define_value(struct ptd_survey *s, TSNode node, uint32_t owner)
{
    uint32_t at = begin(s, PTD_DEFINES_VALUE, node, owner);
    if (makes_type(s, ptd_survey_field(ts_node_named_child(node, 0), "right")))
        ptd_survey_note(s, PTD_DEFINITION_TYPES);
    size_t heard = s->result->heard_count;
    ptd_survey_visit(s, node);
    struct ptd_draft_definition *d = &s->result->items[at];
    if (d->flags & PTD_DEFINITION_TYPES)
        forget_own_name(s, heard);
    d->checksum = checksum(s, node, 0);
    bool augmented = ptd_node_kind(ts_node_named_child(node, 0)) == PTD_NODE_AUGMENTED;
    if ((d->flags & PTD_DEFINITION_STORES && !augmented) || s->changes_things)
        d->kind = PTD_DEFINES_EFFECT;
}

static void define_expression(struct ptd_survey *s, TSNode node, uint32_t owner)
{
    TSNode first = ts_node_named_child(node, 0);
    enum ptd_node_kind kind = ts_node_is_null(first) ? PTD_NODE_OTHER : ptd_node_kind(first);
    if (ts_node_named_child_count(node) == 1) {
        if (kind == PTD_NODE_STRING || kind == PTD_NODE_CONSTANT ||
            strcmp(ts_node_type(first), "concatenated_string") == 0) {
            define_docstring(s, node, owner);
            return;
        }
        if (kind == PTD_NODE_ASSIGNMENT || kind == PTD_NODE_AUGMENTED) {
            define_value(s, node, owner);
            return;
        }
    }
    define_effect(s, node, owner);
}

static void define_import(struct ptd_survey *s, TSNode node, uint32_t owner,
                          enum ptd_node_kind kind)
{
    uint32_t at = begin(s, PTD_DEFINES_IMPORT, node, owner);
    ptd_survey_import(s, node, kind);
    s->result->items[at].checksum = checksum(s, node, 0);
}

static void define_function(struct ptd_survey *s, TSNode node, TSNode whole, uint32_t owner)
{
    TSNode none = {0};
    bool decorated = !ts_node_eq(node, whole);
    uint32_t at = begin(s, PTD_DEFINES_FUNCTION, whole, owner);
    ptd_survey_visit_function(s, node, decorated ? whole : none);
    struct ptd_draft_definition *d = &s->result->items[at];
    unsigned without = d->flags & (PTD_DEFINITION_CALLS | PTD_DEFINITION_DECORATED)
                           ? 0
                           : PTD_WITHOUT_DEFAULTS; /* they belong to the function's block */
    d->plain = d->checksum = checksum(s, whole, without | PTD_WITHOUT_TYPES);
    if (ptd_survey_hints(s, node))
        d->checksum = checksum(s, whole, without);
}

static uint64_t class_checksum(const struct ptd_survey *s, TSNode node, TSNode whole)
{
    uint64_t sums[3] = {0};
    TSNode name = ptd_survey_field(node, "name"), bases = ptd_survey_field(node, "superclasses");
    TSNode types = ptd_survey_field(node, "type_parameters");
    if (!ts_node_is_null(name))
        sums[0] = checksum(s, name, 0);
    if (!ts_node_is_null(bases))
        sums[1] = checksum(s, bases, 0);
    if (!ts_node_is_null(types))
        sums[2] = checksum(s, types, 0);
    uint64_t all = ptd_hash64(sums, sizeof(sums));
    for (uint32_t i = 0; i < ts_node_named_child_count(whole); i++) {
        TSNode child = ts_node_named_child(whole, i);
        if (ptd_node_kind(child) != PTD_NODE_DECORATOR)
            continue;
        const uint64_t pair[] = {all, checksum(s, child, 0)};
        all = ptd_hash64(pair, sizeof(pair));
    }
    return all;
}

static void define_class(struct ptd_survey *s, TSNode node, TSNode whole, uint32_t owner)
{
    uint32_t at = begin(s, PTD_DEFINES_CLASS, whole, owner);
    ptd_survey_visit_decorators(s, whole);
    ptd_survey_visit_class_header(s, node);
    s->result->items[at].checksum = class_checksum(s, node, whole);
    TSNode body = ptd_survey_field(node, "body");
    if (!ts_node_is_null(body))
        define_suite(s, body, at);
}

/* Whether everything in a suite, also in the branches in it, only defines. */
static bool only_defines(TSNode node, unsigned depth)
{
    enum ptd_node_kind kind = ptd_node_kind(node);
    TSNode first = ts_node_named_child(node, 0);
    switch (kind) {
    case PTD_NODE_COMMENT:
    case PTD_NODE_PASS:
    case PTD_NODE_RAISE:
    case PTD_NODE_IMPORT:
    case PTD_NODE_IMPORT_FROM:
    case PTD_NODE_FUNCTION:
    case PTD_NODE_CLASS:
    case PTD_NODE_DECORATED:
    case PTD_NODE_TYPE_ALIAS:
        return true;
    case PTD_NODE_EXPRESSION_STATEMENT:
        if (ts_node_is_null(first) || ts_node_named_child_count(node) != 1)
            return false;
        kind = ptd_node_kind(first);
        return kind == PTD_NODE_STRING || kind == PTD_NODE_CONSTANT || kind == PTD_NODE_ASSIGNMENT;
    case PTD_NODE_IF:
    case PTD_NODE_TRY:
    case PTD_NODE_CLAUSE:
    case PTD_NODE_SUITE:
        break;
    default:
        return false;
    }
    if (depth == 0)
        return false;
    for (uint32_t i = 0; i < ts_node_named_child_count(node); i++) {
        TSNode child = ts_node_named_child(node, i);
        enum ptd_node_kind below = ptd_node_kind(child);
        bool statement =
            kind == PTD_NODE_SUITE || below == PTD_NODE_SUITE || below == PTD_NODE_CLAUSE;
        if (statement && !only_defines(child, depth - 1))
            return false;
    }
    return true;
}

static void define_branches(struct ptd_survey *s, TSNode node, uint32_t owner)
{
    if (!only_defines(node, 50)) {
        define_effect(s, node, owner);
        return;
    }
    uint32_t at = begin(s, PTD_DEFINES_BRANCHES, node, owner);
    bool types = ptd_node_kind(node) == PTD_NODE_IF && ptd_survey_is_type_checking(s, node) &&
                 ts_node_is_null(ptd_survey_field(node, "alternative"));
    ptd_survey_note(s, types ? PTD_DEFINITION_TYPES : PTD_DEFINITION_RISKY);
    ptd_survey_visit(s, node);
    struct ptd_draft_definition *d = &s->result->items[at];
    d->checksum = checksum(s, node, 0);
    if (d->flags & PTD_DEFINITION_STORES || s->changes_things)
        d->kind = PTD_DEFINES_EFFECT;
}

static void define(struct ptd_survey *s, TSNode node, uint32_t owner)
{
    enum ptd_node_kind kind = ptd_node_kind(node);
    switch (kind) {
    case PTD_NODE_TOKEN:
    case PTD_NODE_COMMENT:
    case PTD_NODE_PASS:
        break;
    case PTD_NODE_EXPRESSION_STATEMENT:
        define_expression(s, node, owner);
        break;
    case PTD_NODE_TYPE_ALIAS:
        define_value(s, node, owner);
        break;
    case PTD_NODE_IMPORT:
    case PTD_NODE_IMPORT_FROM:
        define_import(s, node, owner, kind);
        break;
    case PTD_NODE_FUNCTION:
        define_function(s, node, node, owner);
        break;
    case PTD_NODE_CLASS:
        define_class(s, node, node, owner);
        break;
    case PTD_NODE_DECORATED: {
        TSNode inner = ptd_survey_field(node, "definition");
        if (ts_node_is_null(inner))
            s->bad = true;
        else if (ptd_node_kind(inner) == PTD_NODE_FUNCTION)
            define_function(s, inner, node, owner);
        else
            define_class(s, inner, node, owner);
        break;
    }
    case PTD_NODE_IF:
    case PTD_NODE_TRY:
        define_branches(s, node, owner);
        break;
    default:
        define_effect(s, node, owner);
    }
}

static void define_suite(struct ptd_survey *s, TSNode suite, uint32_t owner)
{
    TSTreeCursor cursor = ts_tree_cursor_new(suite);
    for (bool more = !s->bad && ts_tree_cursor_goto_first_child(&cursor); more && !s->bad;
         more = ts_tree_cursor_goto_next_sibling(&cursor))
        define(s, ts_tree_cursor_current_node(&cursor), owner);
    ts_tree_cursor_delete(&cursor);
}

static void look_at_import(struct ptd_survey *s, TSNode statement, TSNode item, bool from)
{
    TSNode alias = ptd_survey_field(item, "alias");
    TSNode name = ts_node_is_null(alias) ? item : ptd_survey_field(item, "name");
    if (!from && ptd_survey_spells(s, name, "typing"))
        s->typing = ts_node_is_null(alias) ? item : alias;
    if (!from || !ts_node_is_null(alias) || !ptd_survey_spells(s, name, "TYPE_CHECKING"))
        return;
    TSNode module = ptd_survey_field(statement, "module_name");
    if (!ts_node_is_null(module) && (ptd_survey_spells(s, module, "typing") ||
                                     ptd_survey_spells(s, module, "typing_extensions")))
        s->type_checking = true;
}

/* What holds for the whole source: whether annotations are evaluated, and what typing is called. */
static void look_at_imports(struct ptd_survey *s, TSNode root)
{
    for (uint32_t i = 0; i < ts_node_named_child_count(root); i++) {
        TSNode statement = ts_node_named_child(root, i);
        enum ptd_node_kind kind = ptd_node_kind(statement);
        bool future = kind == PTD_NODE_FUTURE_IMPORT;
        if (!future && kind != PTD_NODE_IMPORT && kind != PTD_NODE_IMPORT_FROM)
            continue;
        for (uint32_t k = 0; k < ts_node_named_child_count(statement); k++) {
            TSNode item = ts_node_named_child(statement, k);
            s->lazy_types |= future && ptd_survey_spells(s, item, "annotations");
            if (!future)
                look_at_import(s, statement, item, kind == PTD_NODE_IMPORT_FROM);
        }
    }
}

void ptd_survey_run(const char *text, TSNode root, const struct ptd_drafts *drafts,
                    struct ptd_buf *out)
{
    struct ptd_survey_result result = {0};
    struct ptd_survey s = {
        .result = &result, .drafts = drafts, .text = text, .definition = PTD_NO_DEFINITION};
    result.draft_reflects = ptd_xcalloc(drafts->count, sizeof(uint32_t));
    for (uint32_t i = 1; i < drafts->count; i++)
        ptd_map_put(&s.starts, &drafts->items[i].start, sizeof(uint32_t), i, NULL);
    look_at_imports(&s, root);
    define_suite(&s, root, PTD_NO_DEFINITION);
    if (!s.bad)
        ptd_survey_write(&result, drafts, out);
    ptd_map_release(&s.starts);
    ptd_survey_result_release(&result);
}
