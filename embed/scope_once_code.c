/*
 * What a function stores outside of itself, from its instructions: names are resolved in them
 * already. Opcodes are known by their names in the module `opcode`; one that has changed its
 * meaning would only make a suspect too few or too many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scope_ids.h"
#include "scope_once.h"

/* Instructions of one function that are looked at. */
#define MOST_CODE 60000
/* Between an object and what is done to it. */
#define MOST_STEPS 200

enum op {
    OP_OTHER,
    OP_SKIP, /* inline cache */
    OP_EXTENDED,
    OP_UPPER, /* loads a global or the variable of a function around */
    OP_DEREF,
    OP_FAST,
    OP_FAST_FAST, /* the last of them is in the low four bits */
    OP_ATTR,
    OP_METHOD,
    OP_CALL,
    OP_SUBSCR,
    OP_BINARY, /* 3.14 has x[y] among them */
    OP_STORE_FAST,
    OP_STORE_UPPER,
    OP_STORE_DEREF,
    OP_STORE_ATTR,
    OP_STORE_SUBSCR,
    OP_STORE_SLICE,
};

struct instruction {
    unsigned char op, opcode;
    unsigned arg;
};

static unsigned char meaning[256]; /* enum op */
static bool known;                 /* the table is filled */

enum root {
    ROOT_OWN,
    ROOT_UPPER,
    ROOT_SELF,  /* an attribute of the object that a method belongs to, or that object */
    ROOT_CALL,  /* what a call gave */
    ROOT_CACHE, /* a cache of that object */
};

/* Where an object comes from, and the name that is closest to it, with its prefix in a label. */
struct origin {
    enum root root;
    const char *prefix, *name; /* borrowed */
    const char *global;        /* borrowed: the global at the bottom of it, or "" */
};

/* Local variables that are looked at. */
#define MOST_LOCALS 64

/* A function while it is looked at. */
struct body {
    struct instruction *items; /* owned */
    size_t count;
    PyObject *names, *varnames, *cellvars, *freevars; /* owned; tuples */
    size_t first_free;                                /* of what LOAD_DEREF counts */
    size_t first_cell;
    struct origin *aliases; /* owned; local variables that hold something from outside, or NULL */
    struct ptd_once_names *served;
    bool suspect;
};

/* ---- opcodes ---- */

static enum op meaning_of(const char *name)
{
    static const struct {
        const char *name;
        enum op op;
        bool prefix;
    } table[] = {
        {"CACHE", OP_SKIP, false},
        {"EXTENDED_ARG", OP_EXTENDED, false},
        {"LOAD_GLOBAL", OP_UPPER, false},
        {"LOAD_NAME", OP_UPPER, false},
        {"LOAD_DEREF", OP_DEREF, false},
        {"LOAD_FAST_LOAD_FAST", OP_FAST_FAST, false},
        {"LOAD_FAST_BORROW_LOAD_FAST_BORROW", OP_FAST_FAST, false},
        {"STORE_FAST_LOAD_FAST", OP_FAST_FAST, false},
        {"LOAD_FAST", OP_FAST, true},
        {"LOAD_ATTR", OP_ATTR, false},
        {"LOAD_METHOD", OP_METHOD, false},
        {"CALL", OP_CALL, true},
        {"BINARY_SUBSCR", OP_SUBSCR, false},
        {"BINARY_OP", OP_BINARY, false},
        {"STORE_FAST", OP_STORE_FAST, false},
        {"STORE_GLOBAL", OP_STORE_UPPER, false},
        {"DELETE_GLOBAL", OP_STORE_UPPER, false},
        {"STORE_DEREF", OP_STORE_DEREF, false},
        {"STORE_ATTR", OP_STORE_ATTR, false},
        {"STORE_SUBSCR", OP_STORE_SUBSCR, false},
        {"STORE_SLICE", OP_STORE_SLICE, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].prefix ? !strncmp(name, table[i].name, strlen(table[i].name))
                            : !strcmp(name, table[i].name))
            return table[i].op;
    }
    return OP_OTHER;
}

static void fill_meaning(PyObject *opmap)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(opmap, &at, &key, &value)) {
        const char *name = ptd_pyapi_utf8(key, NULL);
        long number = PyLong_AsLong(value);
        if (name && number >= 0 && number < 256)
            meaning[number] = (unsigned char)meaning_of(name);
    }
    known = meaning[0] == OP_SKIP || ptd_py.version < 0x030b;
}

void ptd_once_start(void)
{
    PyObject *module = PyImport_ImportModule("opcode");
    PyObject *opmap = module ? PyObject_GetAttrString(module, "opmap") : NULL;
    if (opmap && PyDict_Check(opmap) && ptd_py.stack_effect)
        fill_meaning(opmap);
    Py_XDECREF(opmap);
    Py_XDECREF(module);
    PyErr_Clear();
}

/* ---- reading ---- */

static bool decode(PyObject *code, struct body *body)
{
    char *bytes = NULL;
    Py_ssize_t len = 0;
    PyObject *object = PyObject_GetAttrString(code, "co_code");
    bool stores = false;
    if (object && PyBytes_AsStringAndSize(object, &bytes, &len) == 0 && len / 2 < MOST_CODE)
        body->items = malloc(((size_t)len / 2 + 1) * sizeof *body->items);
    unsigned extended = 0;
    for (Py_ssize_t i = 0; body->items && i + 1 < len; i += 2) {
        unsigned char opcode = (unsigned char)bytes[i], op = meaning[opcode];
        unsigned arg = extended << 8 | (unsigned char)bytes[i + 1];
        extended = op == OP_EXTENDED ? arg : 0;
        if (op == OP_SKIP || op == OP_EXTENDED)
            continue;
        stores = stores || op >= OP_STORE_UPPER || op == OP_METHOD || op == OP_ATTR;
        body->items[body->count++] = (struct instruction){op, opcode, arg};
    }
    Py_XDECREF(object);
    return stores;
}

static size_t length(PyObject *tuple)
{
    Py_ssize_t size = tuple && PyTuple_Check(tuple) ? PyTuple_Size(tuple) : 0;
    return size > 0 ? (size_t)size : 0;
}

static const char *item(PyObject *tuple, size_t at)
{
    const char *text =
        at < length(tuple) ? ptd_pyapi_utf8(PyTuple_GetItem(tuple, (Py_ssize_t)at), NULL) : NULL;
    return text ? text : "";
}

static bool contains(PyObject *tuple, const char *name)
{
    for (size_t i = 0; i < length(tuple); i++) {
        if (!strcmp(item(tuple, i), name))
            return true;
    }
    return false;
}

static void read_names(PyObject *code, struct body *body)
{
    body->names = PyObject_GetAttrString(code, "co_names");
    body->varnames = PyObject_GetAttrString(code, "co_varnames");
    body->cellvars = PyObject_GetAttrString(code, "co_cellvars");
    body->freevars = PyObject_GetAttrString(code, "co_freevars");
    PyErr_Clear();
    body->first_cell = 0;
    body->first_free = length(body->cellvars);
    if (ptd_py.version < 0x030b)
        return;
    /* Cells and variables of functions around are numbered behind the local ones. */
    body->first_cell = length(body->varnames);
    body->first_free = body->first_cell;
    for (size_t i = 0; i < length(body->cellvars); i++)
        body->first_free += !contains(body->varnames, item(body->cellvars, i));
}

static bool is_free(const struct body *body, unsigned arg)
{
    return arg >= body->first_free;
}

static const char *free_name(const struct body *body, unsigned arg)
{
    return item(body->freevars, arg - body->first_free);
}

static const char *local_name(const struct body *body, const struct instruction *at)
{
    return item(body->varnames, at->op == OP_FAST_FAST ? at->arg & 15 : at->arg);
}

static const char *global_name(const struct body *body, const struct instruction *at)
{
    bool shifted = ptd_py.version >= 0x030b && at->op == OP_UPPER;
    return item(body->names, shifted ? at->arg >> 1 : at->arg);
}

static const char *attr_name(const struct body *body, const struct instruction *at)
{
    bool shifted = ptd_py.version >= 0x030c && at->op == OP_ATTR;
    return item(body->names, shifted ? at->arg >> 1 : at->arg);
}

static bool sounds_like_cache(const char *name)
{
    for (; *name; name++) {
        if (!strncasecmp(name, "cache", 5) || !strncasecmp(name, "memo", 4))
            return true;
    }
    return false;
}

/* ---- where an object comes from ---- */

/* The first instruction of the expression whose last one is `last`; SIZE_MAX when it cannot be
 * told. One that loads two variables at once may belong to it with the second of them only. */
static size_t start_of(const struct body *body, size_t last)
{
    int sum = 0;
    for (size_t i = last + 1, steps = 0; i-- > 0 && steps < MOST_STEPS; steps++) {
        const struct instruction *at = &body->items[i];
        int effect = ptd_py.stack_effect(at->opcode, (int)at->arg);
        if (effect < -1000 || effect > 1000) { /* an error: it takes an argument or has none */
            PyErr_Clear();
            return SIZE_MAX;
        }
        sum += effect;
        if (sum >= 1)
            return sum == 1 || at->op == OP_FAST_FAST ? i : SIZE_MAX;
    }
    return SIZE_MAX;
}

static bool is_subscript(const struct instruction *at)
{
    enum { NB_SUBSCR = 26 };
    return at->op == OP_SUBSCR ||
           (at->op == OP_BINARY && ptd_py.version >= 0x030e && at->arg == NB_SUBSCR);
}

static struct origin origin_of_local(const struct body *body, const struct instruction *at)
{
    static const char *const classes[] = {"cls", "mcs", "mcls", "metacls", "klass"};
    unsigned number = at->op == OP_FAST_FAST ? at->arg & 15 : at->arg;
    const char *local = local_name(body, at);
    if (number < MOST_LOCALS && body->aliases && body->aliases[number].root != ROOT_OWN)
        return body->aliases[number];
    if (number == 0 && !strcmp(local, "self"))
        return (struct origin){ROOT_SELF, "", "", ""};
    for (size_t i = 0; number == 0 && i < sizeof classes / sizeof *classes; i++) {
        if (!strcmp(local, classes[i]))
            return (struct origin){ROOT_UPPER, "", "", ""};
    }
    /* A default value that is kept from call to call. */
    return (struct origin){sounds_like_cache(local) ? ROOT_UPPER : ROOT_OWN, "", "", ""};
}

bool ptd_once_is_foreign_module(const char *name)
{
    PyObject *modules = PySys_GetObject("modules");
    PyObject *module = modules ? PyDict_GetItemString(modules, name) : NULL;
    if (!module || !PyModule_Check(module))
        return false;
    PyObject *dict = PyModule_GetDict(module);
    PyObject *file = PyDict_GetItemString(dict, "__file__");
    if (!file || !PyUnicode_Check(file))
        return PyDict_GetItemString(dict, "__path__") == NULL;
    return ptd_ids_watched(file) == PTD_UNWATCHED;
}

static struct origin origin_of_load(const struct body *body, const struct instruction *at)
{
    if (at->op == OP_UPPER)
        return (struct origin){ROOT_UPPER, "", global_name(body, at), global_name(body, at)};
    if (at->op == OP_DEREF && is_free(body, at->arg)) {
        const char *name = free_name(body, at->arg);
        bool self = !strcmp(name, "self");
        return (struct origin){self ? ROOT_SELF : ROOT_UPPER, ":", name, ""};
    }
    if (at->op == OP_FAST || at->op == OP_FAST_FAST)
        return origin_of_local(body, at);
    return (struct origin){at->op == OP_CALL ? ROOT_CALL : ROOT_OWN, "", "", ""};
}

/* Whose the object is that instruction `last` leaves. */
static struct origin origin_of(const struct body *body, size_t last)
{
    const char *attr = NULL;
    bool cache = false, class = false;
    struct origin origin = {ROOT_OWN, "", "", ""};
    for (int steps = 0; last < body->count && steps < MOST_STEPS; steps++) {
        const struct instruction *at = &body->items[last];
        if (at->op == OP_ATTR || at->op == OP_METHOD) {
            const char *name = attr_name(body, at);
            class = class || !strcmp(name, "__class__");
            cache = cache || sounds_like_cache(name);
            attr = attr ? attr : name;
            last--;
        } else if (is_subscript(at)) {
            size_t key = last ? start_of(body, last - 1) : SIZE_MAX;
            last = key == SIZE_MAX ? SIZE_MAX : key - 1;
        } else {
            origin = origin_of_load(body, at);
            break;
        }
    }
    if (attr) {
        if (ptd_once_is_foreign_module(origin.global))
            origin.root = ROOT_OWN;
        origin.prefix = ".";
        origin.name = attr;
    }
    if (class)
        origin.root = ROOT_UPPER;
    if (origin.root == ROOT_SELF && cache)
        origin = (struct origin){ROOT_CACHE, "$", "", ""};
    return origin;
}

/* ---- stores ---- */

static void add(struct body *body, const char *prefix, const char *name)
{
    body->suspect = true;
    ptd_once_add_name(body->served, prefix, name);
}

static void add_attribute(struct body *body, struct origin origin, const char *attr)
{
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s.", origin.global);
    add(body, prefix, attr);
}

/* The object whose attribute or item is set. */
static void store_to(struct body *body, struct origin origin, const char *attr)
{
    if (origin.root == ROOT_CACHE) {
        add(body, "$", "");
        return;
    }
    if (origin.root != ROOT_UPPER && origin.root != ROOT_CALL)
        return;
    if (attr && ptd_once_is_foreign_module(origin.global))
        return;
    if (attr)
        add_attribute(body, origin, attr);
    else if (origin.prefix[0] == '.')
        add_attribute(body, origin, origin.name);
    else if (origin.root == ROOT_CALL && !origin.name[0])
        add(body, "", "*"); /* globals()[name], registry()[name] */
    else
        add(body, origin.name[0] ? origin.prefix : "!", origin.name);
}

/* `last` leaves the key, behind the object. */
static void store_item(struct body *body, size_t last)
{
    size_t key = start_of(body, last);
    if (key == SIZE_MAX)
        return;
    struct instruction first = body->items[key];
    if (first.op == OP_FAST_FAST && ptd_py.stack_effect(first.opcode, (int)first.arg) == 2) {
        first = (struct instruction){OP_FAST, first.opcode, first.arg >> 4};
        store_to(body, origin_of_local(body, &first), NULL);
    } else if (key > 0) {
        store_to(body, origin_of(body, key - 1), NULL);
    }
}

static bool adds_to_container(const char *method)
{
    static const char *const methods[] = {"add",    "append", "appendleft", "extend",
                                          "insert", "update", "setdefault", "__setitem__"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!strcmp(method, methods[i]))
            return true;
    }
    return false;
}

static void look_at_method(struct body *body, size_t at)
{
    if (at == 0 || !adds_to_container(attr_name(body, &body->items[at])))
        return;
    struct origin origin = origin_of(body, at - 1);
    if (origin.root == ROOT_UPPER || origin.root == ROOT_CACHE)
        store_to(body, origin, NULL);
}

static void look_at_store(struct body *body, size_t at)
{
    const struct instruction *store = &body->items[at];
    if (store->op == OP_STORE_UPPER) {
        add(body, "", item(body->names, store->arg));
    } else if (store->op == OP_STORE_DEREF && is_free(body, store->arg)) {
        add(body, ":", free_name(body, store->arg));
    } else if (store->op == OP_STORE_ATTR && at > 0) {
        store_to(body, origin_of(body, at - 1), attr_name(body, store));
    } else if (store->op == OP_STORE_SUBSCR && at > 1) {
        store_item(body, at - 1);
    } else if (store->op == OP_STORE_SLICE && at > 2) {
        size_t stop = start_of(body, at - 1);
        if (stop != SIZE_MAX && stop > 0)
            store_item(body, stop - 1);
    }
}

static void find_aliases(struct body *body)
{
    struct origin *aliases = calloc(MOST_LOCALS, sizeof *aliases);
    body->aliases = aliases;
    for (size_t i = 1; aliases && i < body->count; i++) {
        const struct instruction *at = &body->items[i];
        if (at->op != OP_STORE_FAST || at->arg >= MOST_LOCALS)
            continue;
        struct origin origin = origin_of(body, i - 1);
        if (origin.root == ROOT_UPPER || origin.root == ROOT_CACHE)
            aliases[at->arg] = origin;
    }
}

/* setattr(module, name, value) and globals()[name] = value: by names that cannot be told. */
static void look_at_builtins(struct body *body)
{
    for (size_t i = 0; i + 1 < body->count; i++) {
        if (body->items[i].op != OP_UPPER ||
            strcmp(global_name(body, &body->items[i]), "setattr") != 0)
            continue;
        size_t next = i + 1;
        while (next + 1 < body->count && body->items[next].op == OP_OTHER)
            next++; /* PUSH_NULL */
        if (origin_of(body, next).root == ROOT_UPPER)
            add(body, "", "*");
    }
}

bool ptd_once_stores(PyObject *code, struct ptd_once_names *served)
{
    struct body body = {.served = served};
    if (!known)
        return false;
    if (decode(code, &body)) {
        read_names(code, &body);
        find_aliases(&body);
        for (size_t i = 0; i < body.count; i++) {
            if (body.items[i].op >= OP_STORE_UPPER)
                look_at_store(&body, i);
            else if (body.items[i].op == OP_METHOD || body.items[i].op == OP_ATTR)
                look_at_method(&body, i);
        }
        if (contains(body.names, "setattr"))
            look_at_builtins(&body);
        Py_XDECREF(body.names);
        Py_XDECREF(body.varnames);
        Py_XDECREF(body.cellvars);
        Py_XDECREF(body.freevars);
    }
    PyErr_Clear();
    free(body.aliases);
    free(body.items);
    return body.suspect;
}
