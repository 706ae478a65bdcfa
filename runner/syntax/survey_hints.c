/* What evaluating the annotations of a function's header does. */
#include "syntax/survey.h"

#include <string.h>

#include "base/mem.h"

/* So deep are types looked into. */
#define TYPES_DEEP 30

static void add(struct ptd_survey *s, struct ptd_hint hint)
{
    struct ptd_survey_result *r = s->result;
    for (size_t i = r->hint_count; i-- > 0 && r->hints[i].definition == s->definition;)
        if (memcmp(&r->hints[i].hint, &hint, sizeof(hint)) == 0)
            return;
    r->hints = ptd_xgrow(r->hints, &r->hint_cap, r->hint_count + 1, sizeof(*r->hints));
    r->hints[r->hint_count++] = (struct ptd_draft_hint){s->definition, hint};
}

static void add_nameless(struct ptd_survey *s, enum ptd_hint_use use)
{
    add(s, (struct ptd_hint){.name = PTD_NO_NAME, .use = use});
}

static bool is_type(TSNode node, const char *type)
{
    return strcmp(ts_node_type(node), type) == 0;
}

/* The i-th child that is no comment; a null node: there are not so many. */
static TSNode child_at(TSNode node, uint32_t wanted)
{
    TSNode none = {0};
    for (uint32_t i = 0; i < ts_node_named_child_count(node); i++) {
        TSNode child = ts_node_named_child(node, i);
        if (ptd_node_kind(child) != PTD_NODE_COMMENT && wanted-- == 0)
            return child;
    }
    return none;
}

/* Without what the grammar and parentheses put around it. */
static TSNode unwrap(TSNode node)
{
    while (!ts_node_is_null(node) &&
           (is_type(node, "type") || is_type(node, "parenthesized_expression"))) {
        TSNode inner = child_at(node, 0);
        if (ts_node_is_null(inner))
            break;
        node = inner;
    }
    return node;
}

/* `a`, `a.b` */
static bool is_dotted(TSNode node)
{
    while (!ts_node_is_null(node) && ptd_node_kind(node) == PTD_NODE_ATTRIBUTE)
        node = ptd_survey_field(node, "object");
    return !ts_node_is_null(node) && ptd_node_kind(node) == PTD_NODE_IDENTIFIER;
}

static bool is_word(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool is_keyword(const char *word, size_t len)
{
    static const char keywords[] =
        " and as assert async await break class continue def del elif else except finally for "
        "from global if import in is lambda nonlocal not or pass raise return try while with "
        "yield print exec ";
    char key[16];
    if (len + 2 >= sizeof(key))
        return false;
    key[0] = ' ';
    memcpy(key + 1, word, len);
    key[len + 1] = ' ';
    key[len + 2] = '\0';
    return strstr(keywords, key);
}

/* "a.b" in plain letters: it compiles. */
static bool spells_names(const char *text, size_t len)
{
    for (size_t from = 0, to; from <= len; from = to + 1) {
        for (to = from; to < len && is_word(text[to], to == from);)
            to++;
        if (to == from || (to < len && text[to] != '.') || is_keyword(text + from, to - from))
            return false;
    }
    return len > 0;
}

static bool is_name_in_quotes(const struct ptd_survey *s, TSNode string)
{
    TSNode start = ts_node_child(string, 0), content = ts_node_named_child(string, 1);
    if (ts_node_named_child_count(string) != 3 || !is_type(content, "string_content"))
        return false;
    char quote = s->text[ts_node_start_byte(start)];
    uint32_t from = ts_node_start_byte(content);
    return (quote == '"' || quote == '\'') &&
           spells_names(s->text + from, ts_node_end_byte(content) - from);
}

/* Between plain quotes, nothing computed and no escapes, which might not be valid. */
static bool is_plain_string(const struct ptd_survey *s, TSNode node)
{
    const char *text = s->text + ts_node_start_byte(node);
    size_t len = ts_node_end_byte(node) - ts_node_start_byte(node);
    return ptd_node_kind(node) == PTD_NODE_STRING && (*text == '"' || *text == '\'') &&
           !memchr(text, '\\', len);
}

/* The grammar takes 0777 as well. */
static bool is_plain_number(const struct ptd_survey *s, TSNode node)
{
    const char *text = s->text + ts_node_start_byte(node);
    size_t len = ts_node_end_byte(node) - ts_node_start_byte(node);
    return is_type(node, "integer") && strspn(text, "0123456789") >= len &&
           (len == 1 || *text != '0');
}

static bool is_plain_constant(const struct ptd_survey *s, TSNode node)
{
    return is_type(node, "none") || is_type(node, "ellipsis") || is_type(node, "true") ||
           is_type(node, "false") || is_plain_string(s, node) || is_plain_number(s, node);
}

/* What can stand in Literal[...]. */
static bool is_constant(const struct ptd_survey *s, TSNode node)
{
    if (ptd_node_kind(node) == PTD_NODE_SIGN) {
        TSNode argument = ptd_survey_field(node, "argument");
        return !ts_node_is_null(argument) && is_plain_number(s, argument);
    }
    return is_plain_constant(s, node) && !is_type(node, "ellipsis");
}

static void note_type(struct ptd_survey *s, TSNode node, enum ptd_hint_use role, unsigned depth);

static void note_union(struct ptd_survey *s, TSNode left, TSNode right, unsigned depth)
{
    left = unwrap(left);
    right = unwrap(right);
    if (ts_node_is_null(left) || ts_node_is_null(right) ||
        (is_type(left, "none") && is_type(right, "none"))) {
        add_nameless(s, PTD_HINT_OTHER);
        return;
    }
    add_nameless(s, PTD_HINT_UNION);
    note_type(s, left, PTD_HINT_OPERAND, depth);
    note_type(s, right, PTD_HINT_OPERAND, depth);
}

static void note_list(struct ptd_survey *s, TSNode list, unsigned depth)
{
    for (uint32_t i = 0; i < ts_node_named_child_count(list); i++)
        if (ptd_node_kind(ts_node_named_child(list, i)) != PTD_NODE_COMMENT)
            note_type(s, ts_node_named_child(list, i), PTD_HINT_ARGUMENT, depth);
}

/* Looks at the arguments, from child `from` of `node` on. */
static void note_arguments(struct ptd_survey *s, TSNode node, uint32_t from, struct ptd_hint *base,
                           unsigned depth)
{
    bool constants = true, types = true;
    for (TSNode arg; !ts_node_is_null(arg = unwrap(child_at(node, from + base->count)));
         base->count++) {
        constants &= is_constant(s, arg);
        types &= is_type(arg, "none") ||
                 (ptd_node_kind(arg) == PTD_NODE_STRING && is_name_in_quotes(s, arg));
    }
    if (constants && !types) {
        base->shape = PTD_HINT_CONSTANTS;
        return;
    }
    for (uint32_t i = 0; i < base->count; i++) {
        TSNode arg = unwrap(child_at(node, from + i));
        if (is_type(arg, "list") && i == 0 && base->count == 2) {
            base->shape = PTD_HINT_LIST;
            note_list(s, arg, depth);
        } else if (is_type(arg, "ellipsis") && base->count == 2 && base->shape == PTD_HINT_TYPES) {
            base->shape = i == 0 ? PTD_HINT_DOTS_FIRST : PTD_HINT_DOTS_LAST;
        } else {
            note_type(s, arg, PTD_HINT_ARGUMENT, depth);
        }
    }
}

/* With blanks, lines or other than plain letters in it, it is something else. */
static void note_name(struct ptd_survey *s, TSNode node, struct ptd_hint hint)
{
    uint32_t from = ts_node_start_byte(node), to = ts_node_end_byte(node);
    if (ts_node_is_null(node) || !is_dotted(node) || !spells_names(s->text + from, to - from)) {
        add_nameless(s, PTD_HINT_OTHER);
        return;
    }
    hint.name = ptd_survey_intern(s, node);
    add(s, hint);
}

static void note_subscript(struct ptd_survey *s, TSNode node, enum ptd_hint_use role,
                           unsigned depth)
{
    struct ptd_hint base = {.use = PTD_HINT_BASE, .result = role};
    TSNode value = child_at(node, 0);
    if (is_type(node, "subscript")) {
        note_arguments(s, node, 1, &base, depth);
    } else {
        TSNode arguments = child_at(node, 1);
        if (!ts_node_is_null(arguments))
            note_arguments(s, arguments, 0, &base, depth);
    }
    note_name(s, value, base);
}

static bool is_or(const struct ptd_survey *s, TSNode operation)
{
    TSNode sign = ptd_survey_field(operation, "operator");
    return !ts_node_is_null(sign) && ptd_survey_spells(s, sign, "|");
}

static void note_type(struct ptd_survey *s, TSNode node, enum ptd_hint_use role, unsigned depth)
{
    node = unwrap(node);
    enum ptd_node_kind kind = ts_node_is_null(node) ? PTD_NODE_OTHER : ptd_node_kind(node);
    if (depth == 0 || ts_node_is_null(node))
        add_nameless(s, PTD_HINT_OTHER);
    else if (kind == PTD_NODE_IDENTIFIER || kind == PTD_NODE_ATTRIBUTE)
        note_name(s, node, (struct ptd_hint){.use = role});
    else if (role == PTD_HINT_WHOLE && is_plain_constant(s, node))
        return;
    else if (is_type(node, "none"))
        return;
    else if (role == PTD_HINT_ARGUMENT && kind == PTD_NODE_STRING && is_name_in_quotes(s, node))
        return;
    else if (is_type(node, "generic_type") || is_type(node, "subscript"))
        note_subscript(s, node, role, depth - 1);
    else if (is_type(node, "union_type"))
        note_union(s, child_at(node, 0), child_at(node, 1), depth - 1);
    else if (is_type(node, "binary_operator") && is_or(s, node))
        note_union(s, ptd_survey_field(node, "left"), ptd_survey_field(node, "right"), depth - 1);
    else
        add_nameless(s, PTD_HINT_OTHER);
}

/* Text is compiled at least: whether it certainly can be. */
static bool is_compiled(const struct ptd_survey *s, TSNode node, unsigned depth)
{
    static const char *const types[] = {"generic_type", "type_parameter", "union_type",
                                        "binary_operator", NULL};
    uint32_t from = ts_node_start_byte(node), to = ts_node_end_byte(node);
    bool known = false;
    switch (ptd_node_kind(node)) {
    case PTD_NODE_TOKEN:
    case PTD_NODE_COMMENT:
        return true;
    case PTD_NODE_IDENTIFIER:
        return spells_names(s->text + from, to - from);
    case PTD_NODE_CONSTANT:
    case PTD_NODE_STRING:
        return is_plain_constant(s, node);
    case PTD_NODE_ATTRIBUTE:
    case PTD_NODE_SUBSCRIPT:
    case PTD_NODE_CONTAINER:
    case PTD_NODE_HARMLESS:
        known = true;
        break;
    default:
        for (const char *const *p = types; *p; p++)
            known |= is_type(node, *p);
    }
    for (uint32_t i = 0; known && depth && i < ts_node_named_child_count(node); i++)
        known = is_compiled(s, ts_node_named_child(node, i), depth - 1);
    return known && depth;
}

static void note_annotation(struct ptd_survey *s, TSNode type)
{
    if (!s->lazy_types)
        note_type(s, type, PTD_HINT_WHOLE, TYPES_DEEP);
    else if (!is_compiled(s, type, TYPES_DEEP))
        add_nameless(s, PTD_HINT_OTHER);
}

bool ptd_survey_hints(struct ptd_survey *s, TSNode function)
{
    TSNode parameters = ptd_survey_field(function, "parameters");
    TSNode result = ptd_survey_field(function, "return_type");
    bool any = !ts_node_is_null(result);
    if (any)
        note_annotation(s, result);
    for (uint32_t i = 0; !ts_node_is_null(parameters) && i < ts_node_named_child_count(parameters);
         i++) {
        TSNode type = ptd_survey_field(ts_node_named_child(parameters, i), "type");
        if (ts_node_is_null(type))
            continue;
        any = true;
        note_annotation(s, type);
    }
    return any;
}
