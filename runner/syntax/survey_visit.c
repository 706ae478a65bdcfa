/* What expressions, and statements in functions, mention and bind. */
#include "syntax/survey.h"

#include <string.h>

#include "base/mem.h"

/* Deeper trees are not looked at: they would harm the stack. */
#define DEPTH_MAX 3000
/* So far is looked for what is returned; deeper, nothing is handed out as it is. */
#define RETURNED_DEEP 8
/* Longer strings are texts. */
#define WORDS_MAX 200

TSNode ptd_survey_field(TSNode node, const char *name)
{
    return ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

uint32_t ptd_survey_intern(struct ptd_survey *s, TSNode node)
{
    uint32_t start = ts_node_start_byte(node);
    return ptd_survey_name(s->result, s->text + start, ts_node_end_byte(node) - start);
}

bool ptd_survey_spells(const struct ptd_survey *s, TSNode node, const char *text)
{
    uint32_t start = ts_node_start_byte(node);
    size_t len = ts_node_end_byte(node) - start;
    return strlen(text) == len && memcmp(s->text + start, text, len) == 0;
}

static bool spells_one_of(const struct ptd_survey *s, TSNode node, const char *const *words)
{
    for (; *words; words++)
        if (ptd_survey_spells(s, node, *words))
            return true;
    return false;
}

uint32_t ptd_survey_draft_of(const struct ptd_survey *s, TSNode node)
{
    uint32_t start = ts_node_start_byte(node);
    size_t at = ptd_map_find(&s->starts, &start, sizeof(start));
    return at == PTD_MAP_NONE ? 0 : (uint32_t)s->starts.entries[at].value;
}

void ptd_survey_note(struct ptd_survey *s, uint32_t flags)
{
    if (s->in_types)
        flags &= PTD_DEFINITION_SEVERAL | PTD_DEFINITION_ANNOTATED;
    if (s->draft == 0 && s->definition != PTD_NO_DEFINITION)
        s->result->items[s->definition].flags |= flags;
}

static void hear(struct ptd_survey *s, uint32_t name, uint32_t how)
{
    if (s->in_types)
        how = PTD_MENTION_TYPE;
    else if (s->in_hint && s->draft == 0)
        how |= PTD_MENTION_HINT;
    if (s->draft)
        ptd_survey_hear(s->result, s->draft, name, how);
    else if (s->definition != PTD_NO_DEFINITION)
        ptd_survey_hear(s->result, PTD_SINK_DEFINITION + s->definition, name, how);
    if (s->header)
        ptd_survey_hear(s->result, s->header, name, how);
}

static void reflect(struct ptd_survey *s, uint32_t how)
{
    if (s->in_types)
        return;
    if (s->draft)
        s->result->draft_reflects[s->draft] |= how;
    else if (s->definition != PTD_NO_DEFINITION)
        s->result->items[s->definition].reflects |= how;
    if (s->header)
        s->result->draft_reflects[s->header] |= how;
}

static void visit(struct ptd_survey *s, TSNode node, TSTreeCursor *cursor);

/* What is below the cursor's place. */
static void visit_children(struct ptd_survey *s, TSTreeCursor *cursor)
{
    if (s->bad || ++s->depth > DEPTH_MAX) {
        s->bad = true;
        return;
    }
    if (ts_tree_cursor_goto_first_child(cursor)) {
        do
            visit(s, ts_tree_cursor_current_node(cursor), cursor);
        while (ts_tree_cursor_goto_next_sibling(cursor));
        ts_tree_cursor_goto_parent(cursor);
    }
    s->depth--;
}

static void visit_below(struct ptd_survey *s, TSNode node)
{
    TSTreeCursor cursor = ts_tree_cursor_new(node);
    visit_children(s, &cursor);
    ts_tree_cursor_delete(&cursor);
}

/* The node's kind is taken from the node: a cursor that begins at it would not know its alias. */
void ptd_survey_visit(struct ptd_survey *s, TSNode node)
{
    if (ts_node_is_null(node))
        return;
    if (s->bad || ++s->depth > DEPTH_MAX) {
        s->bad = true;
        return;
    }
    TSTreeCursor cursor = ts_tree_cursor_new(node);
    visit(s, node, &cursor);
    ts_tree_cursor_delete(&cursor);
    s->depth--;
}

/* ---- binding ---- */

void ptd_survey_bind_name(struct ptd_survey *s, TSNode identifier)
{
    struct ptd_survey_result *r = s->result;
    uint32_t name = ptd_survey_intern(s, identifier);
    if (s->draft) {
        ptd_survey_hear(r, s->draft, name, PTD_MENTION_BOUND);
    } else if (s->definition != PTD_NO_DEFINITION) {
        r->binds = ptd_xgrow(r->binds, &r->bind_cap, r->bind_count + 1, sizeof(*r->binds));
        r->binds[r->bind_count++] = (struct ptd_bound){s->definition, name};
    }
}

/* `a.b[c]`: a and its attribute b are heard. Returns the name that it begins with, or a null node.
 */
static TSNode hear_chain(struct ptd_survey *s, TSNode target, uint32_t how)
{
    TSNode at = target, none = {0};
    while (!ts_node_is_null(at)) {
        enum ptd_node_kind kind = ptd_node_kind(at);
        if (kind == PTD_NODE_IDENTIFIER) {
            hear(s, ptd_survey_intern(s, at), how);
            return at;
        }
        if (kind == PTD_NODE_ATTRIBUTE) {
            TSNode name = ptd_survey_field(at, "attribute");
            if (!ts_node_is_null(name))
                hear(s, ptd_survey_intern(s, name), how);
            at = ptd_survey_field(at, "object");
        } else if (kind == PTD_NODE_SUBSCRIPT) {
            at = ptd_survey_field(at, "value");
        } else {
            break;
        }
    }
    return none;
}

/* `a.b[c] = ...`, `a.b.append(...)`: a and what its attribute b stands for are changed. */
static TSNode hear_changed(struct ptd_survey *s, TSNode target)
{
    return hear_chain(s, target, PTD_MENTION_CHANGED);
}

/* `self.x = ...` is the instance's, whatever the class has under that name. */
static bool is_own_attribute(const struct ptd_survey *s, TSNode target)
{
    if (s->draft == 0 || ptd_node_kind(target) != PTD_NODE_ATTRIBUTE)
        return false;
    TSNode object = ptd_survey_field(target, "object");
    return !ts_node_is_null(object) && ptd_survey_spells(s, object, "self");
}

static void bind_root(struct ptd_survey *s, TSNode target)
{
    TSNode none = {0};
    TSNode root = is_own_attribute(s, target) ? none : hear_changed(s, target);
    if (s->draft == 0 && !ts_node_is_null(root))
        ptd_survey_bind_name(s, root);
    ptd_survey_note(s, PTD_DEFINITION_STORES | PTD_DEFINITION_RISKY);
}

void ptd_survey_bind(struct ptd_survey *s, TSNode target)
{
    switch (ptd_node_kind(target)) {
    case PTD_NODE_IDENTIFIER:
        ptd_survey_bind_name(s, target);
        break;
    case PTD_NODE_TARGETS:
    case PTD_NODE_AS_TARGET:
    case PTD_NODE_HARMLESS:
    case PTD_NODE_CONTAINER:
        for (uint32_t i = 0; i < ts_node_named_child_count(target); i++)
            ptd_survey_bind(s, ts_node_named_child(target, i));
        break;
    case PTD_NODE_ATTRIBUTE:
    case PTD_NODE_SUBSCRIPT:
        bind_root(s, target);
        ptd_survey_visit(s, target);
        break;
    case PTD_NODE_COMMENT:
        break;
    default:
        ptd_survey_visit(s, target);
    }
}

static void visit_type(struct ptd_survey *s, TSNode type)
{
    bool types = s->in_types, hint = s->in_hint;
    s->in_types |= s->lazy_types;
    s->in_hint = s->draft == 0 && s->definition != PTD_NO_DEFINITION &&
                 s->result->items[s->definition].kind == PTD_DEFINES_FUNCTION;
    ptd_survey_visit(s, type);
    s->in_types = types;
    s->in_hint = hint;
}

static void visit_assignment(struct ptd_survey *s, TSNode node, bool augmented)
{
    TSNode left = ptd_survey_field(node, "left"), type = ptd_survey_field(node, "type");
    ptd_survey_bind(s, left);
    if (augmented) {
        ptd_survey_visit(s, left);
        ptd_survey_note(s, PTD_DEFINITION_STORES | PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
    }
    if (!ts_node_is_null(type))
        ptd_survey_note(s, PTD_DEFINITION_ANNOTATED);
    visit_type(s, type);
    TSNode right = ptd_survey_field(node, "right");
    if (s->draft && !ts_node_is_null(right) && ptd_node_kind(right) != PTD_NODE_CALL)
        hear_changed(s, right); /* another name for it */
    ptd_survey_visit(s, right);
}

/* ---- imports ---- */

static void add_import(struct ptd_survey *s, uint32_t module, uint32_t name, uint32_t as)
{
    struct ptd_survey_result *r = s->result;
    if (s->draft || s->definition == PTD_NO_DEFINITION)
        return;
    r->imports = ptd_xgrow(r->imports, &r->import_cap, r->import_count + 1, sizeof(*r->imports));
    r->imports[r->import_count++] = (struct ptd_draft_import){s->definition, {module, name, as}};
}

/* The identifiers of a dotted name: in a function each may be a global of some module. */
static void hear_parts(struct ptd_survey *s, TSNode dotted, uint32_t how)
{
    for (uint32_t i = 0; i < ts_node_named_child_count(dotted); i++) {
        TSNode part = ts_node_named_child(dotted, i);
        if (ptd_node_kind(part) == PTD_NODE_IDENTIFIER)
            hear(s, ptd_survey_intern(s, part), how);
        else
            hear_parts(s, part, how);
    }
}

static void import_one(struct ptd_survey *s, TSNode item, TSNode from)
{
    TSNode alias = ptd_survey_field(item, "alias"), name = item;
    if (!ts_node_is_null(alias))
        name = ptd_survey_field(item, "name");
    TSNode first = ts_node_named_child(name, 0);
    if (ts_node_is_null(name) || ts_node_is_null(first))
        return;
    TSNode bound = !ts_node_is_null(alias) ? alias : first;
    hear_parts(s, name, PTD_MENTION_ATTRIBUTE | PTD_MENTION_MODULE);
    ptd_survey_bind_name(s, bound);
    uint32_t as = ptd_survey_intern(s, bound), what = ptd_survey_intern(s, name);
    if (ts_node_is_null(from) && ptd_node_kind(first) == PTD_NODE_IDENTIFIER)
        hear(s, ptd_survey_intern(s, first), PTD_MENTION_TOP);
    if (ts_node_is_null(from))
        add_import(s, what, PTD_NO_NAME, as);
    else
        add_import(s, ptd_survey_intern(s, from), what, as);
}

void ptd_survey_import(struct ptd_survey *s, TSNode statement, enum ptd_node_kind kind)
{
    TSNode from = {0};
    ptd_survey_note(s, PTD_DEFINITION_RISKY);
    if (kind == PTD_NODE_IMPORT_FROM) {
        from = ptd_survey_field(statement, "module_name");
        if (ts_node_is_null(from))
            return;
        hear_parts(s, from, PTD_MENTION_ATTRIBUTE);
        TSNode top = ts_node_named_child(from, 0);
        if (!ts_node_is_null(top) && ptd_node_kind(top) == PTD_NODE_IDENTIFIER)
            hear(s, ptd_survey_intern(s, top), PTD_MENTION_TOP);
    }
    TSTreeCursor cursor = ts_tree_cursor_new(statement);
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
         more = ts_tree_cursor_goto_next_sibling(&cursor)) {
        TSNode child = ts_tree_cursor_current_node(&cursor);
        const char *field = ts_tree_cursor_current_field_name(&cursor);
        if (field && strcmp(field, "name") == 0)
            import_one(s, child, from);
        else if (strcmp(ts_node_type(child), "wildcard_import") == 0)
            add_import(s, ptd_survey_intern(s, from), PTD_NO_NAME, PTD_NO_NAME);
    }
    ts_tree_cursor_delete(&cursor);
}

/* ---- strings, attributes, calls ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80);
}

/*
 * "a.b", "a, b", "pkg.mod:name", "a-b" for a_b; a blank only behind a comma, other texts are not
 * names.
 */
static bool is_names(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_word(text[i]) || text[i] == '.' || text[i] == ',' || text[i] == ':' ||
            text[i] == '-')
            continue;
        if (text[i] != ' ' || i == 0 || text[i - 1] != ',')
            return false;
    }
    return len <= WORDS_MAX;
}

/* Of at most WORDS_MAX characters; options and the like have a dash where names have a line. */
static void hear_word(struct ptd_survey *s, const char *text, size_t len)
{
    char word[WORDS_MAX];
    for (size_t i = 0; i < len; i++)
        word[i] = text[i] == '-' ? '_' : text[i];
    hear(s, ptd_survey_name(s->result, word, len), PTD_MENTION_STRING);
}

/* Code in a text, for another process: who reads annotations there counts as if named here. */
static void hear_readers(struct ptd_survey *s, const char *text, size_t len)
{
    static const struct {
        const char *text, *name;
    } readers[] = {
        {"__annotations__", "__annotations__"},
        {"get_type_hints", "get_type_hints"},
        {"get_annotations", "get_annotations"},
        {"signature(", "signature"},
        {"Signature.", "Signature"},
        {"getfullargspec", "getfullargspec"},
        {"pydoc", "pydoc"},
        {"help(", "pydoc"},
    };
    for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
        if (memmem(text, len, readers[i].text, strlen(readers[i].text)))
            hear(s, ptd_survey_name(s->result, readers[i].name, strlen(readers[i].name)),
                 PTD_MENTION_STRING);
}

/* Its examples are run by doctest. */
void ptd_survey_docstring(struct ptd_survey *s, TSNode node)
{
    const char *text = s->text + ts_node_start_byte(node);
    size_t len = ts_node_end_byte(node) - ts_node_start_byte(node);
    if (memmem(text, len, ">>>", strlen(">>>")))
        hear_readers(s, text, len);
}

static void visit_string(struct ptd_survey *s, TSNode node)
{
    for (uint32_t i = 0; i < ts_node_named_child_count(node); i++) {
        TSNode child = ts_node_named_child(node, i);
        if (strcmp(ts_node_type(child), "interpolation") == 0) {
            ptd_survey_note(s, PTD_DEFINITION_RISKY);
            visit_below(s, child);
            continue;
        }
        if (strcmp(ts_node_type(child), "string_content") != 0)
            continue;
        const char *text = s->text + ts_node_start_byte(child);
        size_t len = ts_node_end_byte(child) - ts_node_start_byte(child);
        if (!is_names(text, len)) {
            hear_readers(s, text, len);
            continue;
        }
        for (size_t from = 0, to; from < len; from = to + 1) {
            for (to = from; to < len && (is_word(text[to]) || (to > from && text[to] == '-'));)
                to++;
            if (to > from && !(text[from] >= '0' && text[from] <= '9'))
                hear_word(s, text + from, to - from);
        }
    }
}

static void visit_attribute(struct ptd_survey *s, TSNode node)
{
    static const char *const selves[] = {"self", "cls", NULL};
    TSNode object = ptd_survey_field(node, "object");
    TSNode name = ptd_survey_field(node, "attribute");
    ptd_survey_note(s, PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
    if (ptd_node_kind(object) == PTD_NODE_IDENTIFIER)
        hear(s, ptd_survey_intern(s, object), PTD_MENTION_NAME);
    else
        ptd_survey_visit(s, object);
    if (ts_node_is_null(name))
        return;
    bool own = ptd_node_kind(object) == PTD_NODE_IDENTIFIER && spells_one_of(s, object, selves);
    hear(s, ptd_survey_intern(s, name), own ? PTD_MENTION_SELF : PTD_MENTION_ATTRIBUTE);
    if (ptd_survey_spells(s, name, "__dict__"))
        reflect(s, PTD_REFLECT_ATTRIBUTES);
    if (ptd_survey_spells(s, name, "modules"))
        reflect(s, PTD_REFLECT_MODULES);
}

static TSNode argument(TSNode call, uint32_t which)
{
    TSNode arguments = ptd_survey_field(call, "arguments"), none = {0};
    return ts_node_is_null(arguments) ? none : ts_node_named_child(arguments, which);
}

/* A string without anything computed in it. */
static bool is_plain_string(TSNode node)
{
    if (ts_node_is_null(node) || ptd_node_kind(node) != PTD_NODE_STRING)
        return false;
    for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
        if (strcmp(ts_node_type(ts_node_named_child(node, i)), "interpolation") == 0)
            return false;
    return true;
}

/* Methods and functions that leave alone what they are called on. */
static bool only_looks(const struct ptd_survey *s, TSNode name)
{
    static const char *const names[] = {
        "get",     "items",   "keys",      "values",     "copy",       "index",      "count",
        "join",    "format",  "split",     "rsplit",     "strip",      "startswith", "endswith",
        "match",   "search",  "fullmatch", "sub",        "findall",    "replace",    "lower",
        "upper",   "encode",  "decode",    "isinstance", "issubclass", "len",        "getattr",
        "hasattr", "list",    "dict",      "set",        "tuple",      "frozenset",  "sorted",
        "str",     "repr",    "iter",      "enumerate",  "zip",        "any",        "all",
        "type",    "id",      "hash",      "callable",   "int",        "bool",       "float",
        "min",     "max",     "sum",       "map",        "filter",     "reversed",   "super",
        "cast",    "partial", "deepcopy",  "vars",       "dir",        "print",      "warn",
        "debug",   "info",    "warning",   "error",      "exception",  "range",      "next",
        NULL};
    return spells_one_of(s, name, names);
}

/* What a call may change: what its method belongs to, and what it is given first. */
static void hear_call(struct ptd_survey *s, TSNode call, TSNode callee, TSNode name)
{
    static const char *const changers[] = {"heappush",     "heappop", "heapify",
                                           "insort",       "setitem", "insort_left",
                                           "insort_right", "shuffle", NULL};
    bool method = ptd_node_kind(callee) == PTD_NODE_ATTRIBUTE;
    TSNode first = argument(call, 0);
    if (only_looks(s, name))
        return;
    if (method)
        hear_changed(s, ptd_survey_field(callee, "object"));
    if ((!method || spells_one_of(s, name, changers)) && !ts_node_is_null(first))
        hear_changed(s, first);
}

/* What it returns is not used. */
static bool is_statement(TSNode call)
{
    TSNode parent = ts_node_parent(call);
    return !ts_node_is_null(parent) && ptd_node_kind(parent) == PTD_NODE_EXPRESSION_STATEMENT &&
           ts_node_named_child_count(parent) == 1;
}

static void look_at_callee(struct ptd_survey *s, TSNode call, TSNode callee)
{
    static const char *const by_second[] = {"getattr", "setattr", "delattr", "hasattr", NULL};
    static const char *const by_first[] = {"attrgetter", "methodcaller", "getfixturevalue", NULL};
    static const char *const lists[] = {"vars", "dir", "getmembers", "getmembers_static", NULL};
    static const char *const imports[] = {"import_module", "__import__", NULL};
    static const char *const runs[] = {"eval", "exec", NULL};
    static const char *const changes[] = {"setdefault", "pop",    "popitem", "append", "extend",
                                          "insert",     "update", "add",     "remove", "setlocale",
                                          "seed",       "start",  "install", "clear",  NULL};
    bool method = ptd_node_kind(callee) == PTD_NODE_ATTRIBUTE;
    TSNode name = method ? ptd_survey_field(callee, "attribute") : callee;
    if (ts_node_is_null(name) || ptd_node_kind(name) != PTD_NODE_IDENTIFIER)
        return;
    if (spells_one_of(s, name, by_second) && !is_plain_string(argument(call, 1)))
        reflect(s, PTD_REFLECT_ATTRIBUTES);
    else if (spells_one_of(s, name, by_first) && !is_plain_string(argument(call, 0)))
        reflect(s, PTD_REFLECT_ATTRIBUTES);
    else if (spells_one_of(s, name, lists))
        reflect(s, PTD_REFLECT_ATTRIBUTES);
    else if (ptd_survey_spells(s, name, "globals"))
        reflect(s, PTD_REFLECT_GLOBALS);
    else if (spells_one_of(s, name, imports) && !is_plain_string(argument(call, 0)))
        reflect(s, is_statement(call) ? PTD_REFLECT_MODULES : PTD_REFLECT_ANYTHING);
    else if (!method && spells_one_of(s, name, runs))
        reflect(s, PTD_REFLECT_ANYTHING);
    if (method && s->draft == 0 && spells_one_of(s, name, changes))
        s->changes_things = true;
    hear_call(s, call, callee, name);
}

/* What is handed out as it is: also one of two, or of several. */
static void hear_returned(struct ptd_survey *s, TSNode value, unsigned depth)
{
    enum ptd_node_kind kind = ptd_node_kind(value);
    if (kind == PTD_NODE_IDENTIFIER || kind == PTD_NODE_ATTRIBUTE || kind == PTD_NODE_SUBSCRIPT)
        hear_chain(s, value, PTD_MENTION_RETURNED);
    else if (kind != PTD_NODE_CALL && kind != PTD_NODE_LAMBDA)
        for (uint32_t i = 0; depth > 0 && i < ts_node_named_child_count(value); i++)
            hear_returned(s, ts_node_named_child(value, i), depth - 1);
}

static void visit_call(struct ptd_survey *s, TSNode node)
{
    ptd_survey_note(s, PTD_DEFINITION_CALLS | PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
    TSNode callee = ptd_survey_field(node, "function");
    if (!ts_node_is_null(callee))
        look_at_callee(s, node, callee);
    else /* yield, await */
        for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
            hear_returned(s, ts_node_named_child(node, i), RETURNED_DEEP);
    visit_below(s, node);
}

static void visit_keyword(struct ptd_survey *s, TSNode node)
{
    TSNode name = ptd_survey_field(node, "name");
    if (!ts_node_is_null(name))
        hear(s, ptd_survey_intern(s, name), PTD_MENTION_KEYWORD);
    ptd_survey_visit(s, ptd_survey_field(node, "value"));
}

/* ---- functions, lambdas, classes ---- */

/* The identifier that a parameter is, below defaults, types and stars. */
static TSNode parameter_name(TSNode node)
{
    TSNode none = {0};
    for (;;) {
        if (ts_node_is_null(node) || ptd_node_kind(node) == PTD_NODE_IDENTIFIER)
            return node;
        TSNode name = ptd_survey_field(node, "name");
        enum ptd_node_kind kind = ptd_node_kind(node);
        if (ts_node_is_null(name) && (kind == PTD_NODE_TYPED || kind == PTD_NODE_TARGETS))
            name = ts_node_named_child(node, 0);
        if (ts_node_is_null(name))
            return none;
        node = name;
    }
}

/* Names of parameters are heard by the function and by its definition. */
static void visit_parameters(struct ptd_survey *s, TSNode parameters, uint32_t draft)
{
    if (ts_node_is_null(parameters))
        return;
    for (uint32_t i = 0; i < ts_node_named_child_count(parameters); i++) {
        TSNode p = ts_node_named_child(parameters, i);
        TSNode name = parameter_name(p);
        if (!ts_node_is_null(name)) {
            uint32_t id = ptd_survey_intern(s, name);
            hear(s, id, PTD_MENTION_PARAMETER);
            if (draft)
                ptd_survey_hear(s->result, draft, id, PTD_MENTION_BOUND);
        }
        visit_type(s, ptd_survey_field(p, "type"));
        ptd_survey_visit(s, ptd_survey_field(p, "value"));
    }
}

/* The code of `body` is that of the draft. */
static void visit_body(struct ptd_survey *s, TSNode body, uint32_t draft)
{
    uint32_t outer = s->draft, header = s->header;
    s->draft = draft;
    s->header = 0;
    ptd_survey_visit(s, body);
    s->draft = outer;
    s->header = header;
}

void ptd_survey_visit_function(struct ptd_survey *s, TSNode node, TSNode decorated)
{
    uint32_t draft = ptd_survey_draft_of(s, node), header = s->header;
    TSNode name = ptd_survey_field(node, "name");
    if (!draft || ts_node_is_null(name)) {
        s->bad = true;
        return;
    }
    ptd_survey_bind_name(s, name);
    s->header = draft;
    if (!ts_node_is_null(decorated))
        ptd_survey_visit_decorators(s, decorated);
    visit_parameters(s, ptd_survey_field(node, "parameters"), draft);
    ptd_survey_visit(s, ptd_survey_field(node, "type_parameters"));
    visit_type(s, ptd_survey_field(node, "return_type"));
    s->header = header;
    visit_body(s, ptd_survey_field(node, "body"), draft);
}

void ptd_survey_visit_class_header(struct ptd_survey *s, TSNode node)
{
    TSNode name = ptd_survey_field(node, "name");
    if (!ts_node_is_null(name))
        ptd_survey_bind_name(s, name);
    ptd_survey_visit(s, ptd_survey_field(node, "type_parameters"));
    TSNode bases = ptd_survey_field(node, "superclasses");
    if (!ts_node_is_null(bases))
        visit_below(s, bases);
}

/* A class that is no definition of its own: in a function, or in a branch. */
static void visit_class(struct ptd_survey *s, TSNode node)
{
    uint32_t draft = ptd_survey_draft_of(s, node), header = s->header;
    ptd_survey_note(s, PTD_DEFINITION_SEVERAL);
    ptd_survey_visit_class_header(s, node);
    s->header = 0;
    if (draft)
        visit_body(s, ptd_survey_field(node, "body"), draft);
    else
        ptd_survey_visit(s, ptd_survey_field(node, "body"));
    s->header = header;
}

static void visit_lambda(struct ptd_survey *s, TSNode node)
{
    uint32_t draft = ptd_survey_draft_of(s, node), header = s->header;
    bool own = draft && !s->drafts->items[draft].fold;
    ptd_survey_note(s, PTD_DEFINITION_MUTABLE);
    visit_parameters(s, ptd_survey_field(node, "parameters"), own ? draft : 0);
    s->header = own ? 0 : header;
    if (own)
        visit_body(s, ptd_survey_field(node, "body"), draft);
    else
        ptd_survey_visit(s, ptd_survey_field(node, "body"));
    s->header = header;
}

/* Decorators that run nothing which could change anything else than what they decorate. */
static bool is_transparent(const struct ptd_survey *s, TSNode expression)
{
    static const char *const names[] = {"property",
                                        "staticmethod",
                                        "classmethod",
                                        "abstractmethod",
                                        "overload",
                                        "contextmanager",
                                        "cached_property",
                                        "lru_cache",
                                        "cache",
                                        "wraps",
                                        "final",
                                        "override",
                                        "setter",
                                        "getter",
                                        "deleter",
                                        "fixture",
                                        "asynccontextmanager",
                                        NULL};
    TSNode at = expression;
    if (ptd_node_kind(at) == PTD_NODE_CALL)
        at = ptd_survey_field(at, "function");
    TSNode last = at;
    if (!ts_node_is_null(at) && ptd_node_kind(at) == PTD_NODE_ATTRIBUTE)
        last = ptd_survey_field(at, "attribute");
    while (!ts_node_is_null(at) && ptd_node_kind(at) == PTD_NODE_ATTRIBUTE)
        at = ptd_survey_field(at, "object");
    if (ts_node_is_null(at) || ts_node_is_null(last) || ptd_node_kind(at) != PTD_NODE_IDENTIFIER)
        return false;
    return ptd_survey_spells(s, at, "pytest") || spells_one_of(s, last, names);
}

static void visit_decorator(struct ptd_survey *s, TSNode decorator)
{
    TSNode expression = ts_node_named_child(decorator, 0);
    if (ts_node_is_null(expression))
        return;
    bool counts = s->draft == 0 && s->definition != PTD_NO_DEFINITION;
    ptd_survey_note(s, PTD_DEFINITION_DECORATED);
    if (!is_transparent(s, expression)) {
        ptd_survey_note(s, PTD_DEFINITION_CALLS | PTD_DEFINITION_RISKY);
        if (ptd_node_kind(expression) == PTD_NODE_ATTRIBUTE) /* @handlers.append */
            hear_changed(s, ptd_survey_field(expression, "object"));
        ptd_survey_visit(s, expression);
        return;
    }
    TSNode callee = expression;
    if (ptd_node_kind(expression) == PTD_NODE_CALL)
        callee = ptd_survey_field(expression, "function");
    uint32_t flags = counts ? s->result->items[s->definition].flags : 0;
    ptd_survey_visit(s, callee);
    if (counts)
        s->result->items[s->definition].flags = flags;
    if (ptd_node_kind(expression) == PTD_NODE_CALL) {
        TSNode arguments = ptd_survey_field(expression, "arguments");
        if (!ts_node_is_null(arguments))
            visit_below(s, arguments);
    }
}

void ptd_survey_visit_decorators(struct ptd_survey *s, TSNode decorated)
{
    for (uint32_t i = 0; i < ts_node_named_child_count(decorated); i++) {
        TSNode child = ts_node_named_child(decorated, i);
        if (ptd_node_kind(child) == PTD_NODE_DECORATOR)
            visit_decorator(s, child);
    }
}

static void visit_decorated(struct ptd_survey *s, TSNode node)
{
    TSNode inner = ptd_survey_field(node, "definition");
    if (ts_node_is_null(inner))
        return;
    ptd_survey_note(s, PTD_DEFINITION_SEVERAL);
    if (ptd_node_kind(inner) == PTD_NODE_FUNCTION) {
        ptd_survey_visit_function(s, inner, node);
        return;
    }
    ptd_survey_visit_decorators(s, node);
    visit_class(s, inner);
}

/* ---- all of it ---- */

static void visit_global(struct ptd_survey *s, TSNode node)
{
    for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
        hear(s, ptd_survey_intern(s, ts_node_named_child(node, i)),
             PTD_MENTION_NAME | PTD_MENTION_CHANGED | (s->draft ? PTD_MENTION_GLOBAL : 0));
}

static void visit_for(struct ptd_survey *s, TSTreeCursor *cursor)
{
    if (!ts_tree_cursor_goto_first_child(cursor))
        return;
    do {
        const char *field = ts_tree_cursor_current_field_name(cursor);
        if (field && strcmp(field, "left") == 0)
            ptd_survey_bind(s, ts_tree_cursor_current_node(cursor));
        else
            visit(s, ts_tree_cursor_current_node(cursor), cursor);
    } while (ts_tree_cursor_goto_next_sibling(cursor));
    ts_tree_cursor_goto_parent(cursor);
}

static void visit_clause(struct ptd_survey *s, TSNode node)
{
    TSNode alias = ptd_survey_field(node, "alias");
    if (!ts_node_is_null(alias))
        ptd_survey_bind(s, alias);
    visit_below(s, node);
}

/* `TYPE_CHECKING` of typing, which is false whenever the code runs. */
bool ptd_survey_is_type_checking(const struct ptd_survey *s, TSNode statement)
{
    TSNode condition = ptd_survey_field(statement, "condition");
    if (ts_node_is_null(condition))
        return false;
    if (ptd_node_kind(condition) == PTD_NODE_IDENTIFIER)
        return s->type_checking && ptd_survey_spells(s, condition, "TYPE_CHECKING");
    if (ptd_node_kind(condition) != PTD_NODE_ATTRIBUTE || ts_node_is_null(s->typing))
        return false;
    TSNode object = ptd_survey_field(condition, "object");
    uint32_t start = ts_node_start_byte(s->typing), end = ts_node_end_byte(s->typing);
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(s->text + start, end - start);
    return ptd_node_kind(object) == PTD_NODE_IDENTIFIER && ptd_survey_spells(s, object, name) &&
           ptd_survey_spells(s, ptd_survey_field(condition, "attribute"), "TYPE_CHECKING");
}

static void visit_if(struct ptd_survey *s, TSNode node, TSTreeCursor *cursor)
{
    bool outer = s->in_types, skip = ptd_survey_is_type_checking(s, node);
    if (!skip)
        ptd_survey_note(s, PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
    if (!ts_tree_cursor_goto_first_child(cursor))
        return;
    do {
        const char *field = ts_tree_cursor_current_field_name(cursor);
        s->in_types |= skip && field && strcmp(field, "consequence") == 0;
        if (!skip || !field || strcmp(field, "condition") != 0)
            visit(s, ts_tree_cursor_current_node(cursor), cursor);
        s->in_types = outer;
    } while (ts_tree_cursor_goto_next_sibling(cursor));
    ts_tree_cursor_goto_parent(cursor);
}

static void visit_statement_expression(struct ptd_survey *s, TSTreeCursor *cursor, TSNode node)
{
    TSNode first = ts_node_named_child(node, 0);
    if (!ts_node_is_null(first) && ts_node_named_child_count(node) == 1 && is_plain_string(first)) {
        ptd_survey_docstring(s, first); /* no name */
        return;
    }
    visit_children(s, cursor);
}

static void visit_sign(struct ptd_survey *s, TSNode node, TSTreeCursor *cursor)
{
    TSNode argument = ptd_survey_field(node, "argument");
    if (ts_node_is_null(argument) || ptd_node_kind(argument) != PTD_NODE_CONSTANT)
        ptd_survey_note(s, PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
    visit_children(s, cursor);
}

/* The cursor stands on the node. */
static void visit(struct ptd_survey *s, TSNode node, TSTreeCursor *cursor)
{
    TSNode none = {0};
    enum ptd_node_kind kind = ptd_node_kind(node);
    switch (kind) {
    case PTD_NODE_TOKEN:
    case PTD_NODE_COMMENT:
    case PTD_NODE_CONSTANT:
    case PTD_NODE_PASS:
        break;
    case PTD_NODE_IDENTIFIER:
        ptd_survey_note(s, PTD_DEFINITION_MUTABLE);
        hear(s, ptd_survey_intern(s, node), PTD_MENTION_NAME | PTD_MENTION_VALUE);
        break;
    case PTD_NODE_STRING:
        visit_string(s, node);
        break;
    case PTD_NODE_ATTRIBUTE:
        visit_attribute(s, node);
        break;
    case PTD_NODE_CALL:
        visit_call(s, node);
        break;
    case PTD_NODE_KEYWORD:
        visit_keyword(s, node);
        break;
    case PTD_NODE_LAMBDA:
        visit_lambda(s, node);
        break;
    case PTD_NODE_FUNCTION:
        ptd_survey_note(s, PTD_DEFINITION_SEVERAL);
        ptd_survey_visit_function(s, node, none);
        break;
    case PTD_NODE_CLASS:
        visit_class(s, node);
        break;
    case PTD_NODE_DECORATED:
        visit_decorated(s, node);
        break;
    case PTD_NODE_EXPRESSION_STATEMENT:
        visit_statement_expression(s, cursor, node);
        break;
    case PTD_NODE_ASSIGNMENT:
    case PTD_NODE_AUGMENTED:
    case PTD_NODE_TYPE_ALIAS:
        visit_assignment(s, node, kind == PTD_NODE_AUGMENTED);
        break;
    case PTD_NODE_IMPORT:
    case PTD_NODE_IMPORT_FROM:
        ptd_survey_import(s, node, kind);
        break;
    case PTD_NODE_AS_TARGET:
        ptd_survey_bind(s, node);
        break;
    case PTD_NODE_NAMED_EXPRESSION:
        ptd_survey_bind(s, ptd_survey_field(node, "name"));
        ptd_survey_visit(s, ptd_survey_field(node, "value"));
        break;
    case PTD_NODE_GLOBAL:
        visit_global(s, node);
        break;
    case PTD_NODE_FOR:
        visit_for(s, cursor);
        break;
    case PTD_NODE_IF:
        visit_if(s, node, cursor);
        break;
    case PTD_NODE_RETURN:
        ptd_survey_note(s, PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
        hear_returned(s, node, RETURNED_DEEP);
        visit_children(s, cursor);
        break;
    case PTD_NODE_DELETE:
        for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
            hear_changed(s, ts_node_named_child(node, i));
        visit_children(s, cursor);
        break;
    case PTD_NODE_CLAUSE:
        visit_clause(s, node);
        break;
    case PTD_NODE_CONTAINER:
        ptd_survey_note(s, PTD_DEFINITION_MUTABLE);
        visit_children(s, cursor);
        break;
    case PTD_NODE_HARMLESS:
    case PTD_NODE_SUITE:
        visit_children(s, cursor);
        break;
    case PTD_NODE_SIGN:
        visit_sign(s, node, cursor);
        break;
    default:
        ptd_survey_note(s, PTD_DEFINITION_RISKY | PTD_DEFINITION_MUTABLE);
        visit_children(s, cursor);
    }
}
