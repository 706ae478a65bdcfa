#include "imports.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pyapi.h"
#include "scope.h"
#include "scope_files.h"
#include "scope_ids.h"

static PyObject *original_import, *original_gcd_import, *original_find, *original_exec; /* owned */
static PyObject *key_file, *key_name, *key_package, *key_spec; /* owned strings */
static PyObject *modules;                                      /* borrowed: sys.modules */

enum importer {
    IMPORTER_PROJECT, /* the current scope is charged */
    IMPORTER_PYTEST,  /* the current scope is charged, but not with what pytest itself needs */
    IMPORTER_LIBRARY, /* the standard library: with what is installed, on behalf of its caller */
    IMPORTER_FOREIGN, /* imports once for everybody: the session is charged as well */
};

__thread uint32_t ptd_loading = PTD_NOT_LOADING;

/* An import statement that was noted. Strings and tuples of strings are held: no object of the
 * user's. */
struct noted {
    PyObject *name, *fromlist, *origin; /* owned or NULL */
    long level;
    uint32_t epoch;
    bool for_good; /* nothing in it can ever concern another scope */
};
#define NOTED_SIZE 4096
static struct noted noted[NOTED_SIZE];

/* ---- who imports ---- */

static bool has_prefix(const char *name, const char *package)
{
    size_t len = strlen(package);
    return !strncmp(name, package, len) && (!name[len] || name[len] == '.');
}

static bool is_machinery(const char *name)
{
    return has_prefix(name, "importlib") || has_prefix(name, "_frozen_importlib") ||
           has_prefix(name, "_frozen_importlib_external");
}

static bool is_pytest(const char *name)
{
    static const char *const packages[] = {"pytest", "_pytest", "pluggy", "_pytdiff"};
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
        if (has_prefix(name, packages[i]))
            return true;
    }
    return false;
}

static PyObject *global_item(PyObject *globals, PyObject *key)
{
    if (!globals || !PyDict_Check(globals))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(globals, key);
    if (!value)
        PyErr_Clear();
    return value;
}

/* Parts of pytest that import what a test names. */
static bool is_on_behalf(const char *name)
{
    return !strcmp(name, "_pytest.outcomes") || !strcmp(name, "_pytest.monkeypatch");
}

static enum importer importer_kind(PyObject *globals)
{
    const char *name = ptd_pyapi_utf8(global_item(globals, key_name), NULL);
    PyObject *file = global_item(globals, key_file);
    if (name && is_on_behalf(name))
        return IMPORTER_PROJECT;
    if (name && (is_pytest(name) || is_machinery(name)))
        return IMPORTER_PYTEST;
    /* Code without a file is run by somebody who is charged. */
    if (!file || !PyUnicode_Check(file) || ptd_ids_watched(file) != PTD_UNWATCHED)
        return IMPORTER_PROJECT;
    return ptd_ids_is_library(file) ? IMPORTER_LIBRARY : IMPORTER_FOREIGN;
}

/* ---- what is imported ---- */

struct note {
    enum importer importer;
    bool watched;     /* a file of the project was among it, or something was missing */
    const char *from; /* __name__ of the importer, or NULL */
};

/* The file of a module without running code of its own (a lazy module would load itself). */
static uint32_t module_file(PyObject *module)
{
    PyObject *file = NULL, *spec = NULL;
    if (PyModule_Check(module)) {
        PyObject *dict = PyModule_GetDict(module);
        file = global_item(dict, key_file);
        spec = global_item(dict, key_spec);
        Py_XINCREF(file);
        Py_XINCREF(spec);
    } else {
        file = PyObject_GenericGetAttr(module, key_file);
        PyErr_Clear();
        spec = PyObject_GenericGetAttr(module, key_spec);
        PyErr_Clear();
    }
    uint32_t id = ptd_ids_watched(file);
    if (id == PTD_UNWATCHED && spec && spec != Py_None) {
        PyObject *origin = ptd_pyapi_attr(spec, PTD_ATTR_ORIGIN);
        PyErr_Clear();
        id = ptd_ids_watched(origin);
        Py_XDECREF(origin);
    }
    Py_XDECREF(file);
    Py_XDECREF(spec);
    PyErr_Clear();
    return id;
}

static void note_file(struct note *note, uint32_t file)
{
    if (file == PTD_UNWATCHED)
        return;
    note->watched = true;
    ptd_scope_import(file);
    if (note->importer == IMPORTER_FOREIGN || note->importer == IMPORTER_LIBRARY)
        ptd_scope_import_in(PTD_SESSION, file);
}

static PyObject *loaded(const char *name, size_t len)
{
    PyObject *key = PyUnicode_FromStringAndSize(name, (Py_ssize_t)len);
    PyObject *module = key && modules ? PyDict_GetItemWithError(modules, key) : NULL;
    Py_XDECREF(key);
    PyErr_Clear();
    return module;
}

/* Whether a module that is loaded belongs to the standard library. */
static bool is_library_module(PyObject *module)
{
    if (!PyModule_Check(module))
        return false;
    PyObject *dict = PyModule_GetDict(module);
    PyObject *file = global_item(dict, key_file);
    if (file)
        return ptd_ids_is_library(file);
    PyObject *spec = global_item(dict, key_spec);
    PyObject *origin = spec && spec != Py_None ? PyObject_GetAttrString(spec, "origin") : NULL;
    const char *text = ptd_pyapi_utf8(origin, NULL);
    bool result = text && (!strcmp(text, "built-in") || !strcmp(text, "frozen"));
    Py_XDECREF(origin);
    PyErr_Clear();
    return result;
}

static bool is_library_name(const char *name, size_t len)
{
    PyObject *module = loaded(name, len);
    Py_XINCREF(module);
    bool result = module && is_library_module(module);
    Py_XDECREF(module);
    return result;
}

static size_t top_length(const char *name, size_t len)
{
    const char *dot = memchr(name, '.', len);
    return dot ? (size_t)(dot - name) : len;
}

void ptd_imports_edge(const char *from, size_t from_len, const char *to, size_t to_len)
{
    char edge[1024];
    if (!from_len || !to_len || from_len + to_len + 1 > sizeof edge)
        return;
    memcpy(edge, from, from_len);
    edge[from_len] = '>';
    memcpy(edge + from_len + 1, to, to_len);
    ptd_scope_name_in(PTD_INSTALLED, ptd_ids_name(edge, from_len + 1 + to_len));
}

/* An installed package asked for a module; what it needs of itself or of the standard library is no
 * news. */
static void note_edge(const char *from, const char *name, size_t len)
{
    size_t from_len = from ? top_length(from, strlen(from)) : 0, top = top_length(name, len);
    if (from && from_len == top && !memcmp(from, name, top))
        return;
    if (!is_library_name(name, top))
        ptd_imports_edge(from, from_len, name, top);
}

/* Who is charged with having asked for a name. */
static void charge_name(struct note *note, const char *name, size_t len)
{
    uint32_t id = ptd_ids_name(name, len);
    switch (note->importer) {
    case IMPORTER_PROJECT:
        ptd_scope_name(id);
        return;
    case IMPORTER_PYTEST:
        /* It asks on behalf of a test for what is the project's or missing; what it needs itself it
         * imports for everybody. */
        if (note->watched)
            ptd_scope_name(id);
        else
            ptd_scope_name_in(PTD_SESSION, id);
        return;
    case IMPORTER_LIBRARY:
        if (loaded(name, top_length(name, len)) && !is_library_name(name, top_length(name, len))) {
            note->watched = true;
            ptd_scope_name(id);
        }
        break;
    case IMPORTER_FOREIGN:
        note_edge(note->from, name, len);
        break;
    }
    ptd_scope_name_in(PTD_INSTALLED, id);
}

/* A dotted name: the name itself, and the module of each prefix that is loaded. */
static void note_name(struct note *note, const char *name, size_t len)
{
    if (!len)
        return;
    bool was_watched = note->watched;
    note->watched = false;
    for (size_t end = 1; end <= len; end++) {
        if (end < len && name[end] != '.')
            continue;
        PyObject *module = loaded(name, end);
        if (!module) {
            note->watched = true;
            continue;
        }
        Py_INCREF(module);
        note_file(note, module_file(module));
        Py_DECREF(module);
    }
    charge_name(note, name, len);
    note->watched = note->watched || was_watched;
}

/* `from package import item`: a submodule, or something that is none. */
static void note_item(struct note *note, const char *package, size_t len, PyObject *item)
{
    size_t item_len = 0;
    const char *text = ptd_pyapi_utf8(item, &item_len);
    char full[1024];
    if (!text || !strcmp(text, "*") || len + item_len + 2 > sizeof full)
        return;
    memcpy(full, package, len);
    full[len] = '.';
    memcpy(full + len + 1, text, item_len + 1);
    if (!loaded(full, len + 1 + item_len)) {
        PyObject *module = loaded(package, len);
        PyObject *value =
            module && PyModule_Check(module) ? global_item(PyModule_GetDict(module), item) : NULL;
        if (value && !PyModule_Check(value))
            return;
        if (value)
            note_file(note, module_file(value));
    }
    note_name(note, full, len + 1 + item_len);
}

static void note_fromlist(struct note *note, const char *package, size_t len, PyObject *fromlist)
{
    Py_ssize_t count = PySequence_Size(fromlist);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_GetItem(fromlist, i);
        if (item)
            note_item(note, package, len, item);
        Py_XDECREF(item);
        PyErr_Clear();
    }
}

/* The package that a relative import starts from, as UTF-8 in `out`; its length, 0 when unknown. */
static size_t package_of(PyObject *globals, char *out, size_t size)
{
    size_t len = 0;
    const char *text = ptd_pyapi_utf8(global_item(globals, key_package), &len);
    PyObject *parent = NULL;
    PyObject *spec = global_item(globals, key_spec);
    if (!text && spec && spec != Py_None) {
        parent = PyObject_GetAttrString(spec, "parent");
        PyErr_Clear();
        text = ptd_pyapi_utf8(parent, &len);
    }
    if (!text) {
        text = ptd_pyapi_utf8(global_item(globals, key_name), &len);
        if (text && PyDict_GetItemString(globals, "__path__") == NULL) {
            const char *dot = strrchr(text, '.');
            len = dot ? (size_t)(dot - text) : 0;
        }
    }
    if (!text || len >= size)
        len = 0;
    memcpy(out, text ? text : "", len);
    Py_XDECREF(parent);
    return len;
}

/* The absolute name; its length, 0 when there is none. */
static size_t absolute_name(const char *package, size_t package_len, const char *name, size_t len,
                            long level, char *out, size_t size)
{
    for (long i = 1; i < level && package_len; i++) {
        while (package_len && package[package_len - 1] != '.')
            package_len--;
        package_len -= package_len > 0;
    }
    if ((level > 0 && !package_len) || package_len + len + 2 > size)
        return 0;
    memcpy(out, package, package_len);
    if (package_len && len)
        out[package_len++] = '.';
    memcpy(out + package_len, name, len);
    return package_len + len;
}

static void note_import(struct note *note, PyObject *name, PyObject *globals, PyObject *fromlist,
                        long level)
{
    char package[512], full[1024];
    size_t len = 0, package_len = level > 0 ? package_of(globals, package, sizeof package) : 0;
    const char *text = ptd_pyapi_utf8(name, &len);
    if (!text)
        return;
    len = absolute_name(package, package_len, text, len, level, full, sizeof full);
    if (!len)
        return;
    note_name(note, full, len);
    if (fromlist && (PyTuple_Check(fromlist) || PyList_Check(fromlist)))
        note_fromlist(note, full, len, fromlist);
}

/* ---- builtins.__import__ ---- */

static struct noted *find_noted(PyObject *name, PyObject *fromlist, PyObject *origin, long level)
{
    uintptr_t hash = ((uintptr_t)name >> 4) * 31 + ((uintptr_t)fromlist >> 4) * 17 +
                     ((uintptr_t)origin >> 4) + (uintptr_t)level;
    return &noted[(hash ^ hash >> 12) % NOTED_SIZE];
}

static bool is_noted(const struct noted *entry, PyObject *name, PyObject *fromlist,
                     PyObject *origin, long level)
{
    return entry->name == name && entry->fromlist == fromlist && entry->origin == origin &&
           entry->level == level && (entry->for_good || entry->epoch == ptd_epoch);
}

static void remember(struct noted *entry, PyObject *name, PyObject *fromlist, PyObject *origin,
                     long level, bool for_good)
{
    struct noted old = *entry;
    Py_XINCREF(name);
    Py_XINCREF(fromlist);
    Py_XINCREF(origin);
    *entry = (struct noted){name, fromlist, origin, level, ptd_epoch, for_good};
    Py_XDECREF(old.name);
    Py_XDECREF(old.fromlist);
    Py_XDECREF(old.origin);
}

static bool is_cacheable(PyObject *name, PyObject *fromlist, PyObject *origin)
{
    return PyUnicode_Check(name) && (!fromlist || fromlist == Py_None || PyTuple_Check(fromlist)) &&
           (!origin || PyUnicode_Check(origin));
}

/* After the import, whether it succeeded or not. */
static void after_import(PyObject *name, PyObject *globals, PyObject *fromlist, long level)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value,
                &traceback); /* the import may have failed, and look-ups clear errors */
    /* What tells one importer from another: its file, and its package for relative names. */
    PyObject *origin = global_item(globals, level > 0 ? key_package : key_file);
    struct noted *entry = find_noted(name, fromlist, origin, level);
    if (is_noted(entry, name, fromlist, origin, level)) {
        PyErr_Restore(type, value, traceback);
        return;
    }
    struct note note = {importer_kind(globals), type != NULL,
                        ptd_pyapi_utf8(global_item(globals, key_name), NULL)};
    note_import(&note, name, globals, fromlist, level);
    if (is_cacheable(name, fromlist, origin) && (level == 0 || origin))
        remember(entry, name, fromlist, origin, level,
                 note.importer != IMPORTER_PROJECT && !note.watched);
    PyErr_Restore(type, value, traceback);
}

struct import_args {
    PyObject *name, *globals, *locals, *fromlist, *level;
};

static void parse_import(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                         struct import_args *out)
{
    static const char *const keywords[] = {"name", "globals", "locals", "fromlist", "level"};
    PyObject **slots = &out->name;
    Py_ssize_t count = kwnames ? PyTuple_Size(kwnames) : 0;
    for (Py_ssize_t i = 0; i < nargs && i < 5; i++)
        slots[i] = args[i];
    for (Py_ssize_t i = 0; i < count; i++) {
        for (int k = 0; k < 5; k++) {
            if (!PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, i), keywords[k]))
                slots[k] = args[nargs + i];
        }
    }
}

static PyObject *import(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    (void)self;
    struct import_args got = {NULL, NULL, NULL, NULL, NULL};
    parse_import(args, nargs, kwnames, &got);
    PyObject *result = ptd_pyapi_call(original_import, args, nargs, kwnames);
    if (!ptd_scope_recording() || !got.name || !PyUnicode_Check(got.name))
        return result;
    long level = 0;
    if (got.level && PyLong_Check(got.level))
        level = PyLong_AsLong(got.level);
    PyObject *globals = got.globals;
    if (!globals || globals == Py_None)
        globals = PyEval_GetGlobals();
    after_import(got.name, globals, got.fromlist, level);
    return result;
}

/* ---- _frozen_importlib._gcd_import ---- */

/* Globals of the frame that called import_module: the first that does not belong to importlib. */
static PyObject *calling_globals(void)
{
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    PyObject *globals = NULL;
    Py_XINCREF(frame);
    while (frame && frame != Py_None) {
        Py_XDECREF(globals);
        globals = ptd_pyapi_attr(frame, PTD_ATTR_F_GLOBALS);
        const char *name = ptd_pyapi_utf8(global_item(globals, key_name), NULL);
        if (!name || !is_machinery(name))
            break;
        PyObject *back = ptd_pyapi_attr(frame, PTD_ATTR_F_BACK);
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    PyErr_Clear();
    return globals;
}

static void after_gcd_import(PyObject *name, PyObject *package, long level)
{
    char full[1024];
    size_t len = 0, package_len = 0;
    const char *text = ptd_pyapi_utf8(name, &len);
    const char *package_text = level > 0 ? ptd_pyapi_utf8(package, &package_len) : "";
    PyObject *globals = calling_globals();
    struct note note = {importer_kind(globals), false,
                        ptd_pyapi_utf8(global_item(globals, key_name), NULL)};
    if (text && package_text) {
        len = absolute_name(package_text, package_len, text, len, level, full, sizeof full);
        note_name(&note, full, len);
    }
    Py_XDECREF(globals);
}

static PyObject *gcd_import(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    static const char *const keywords[] = {"name", "package", "level"};
    (void)self;
    PyObject *slots[3] = {NULL, NULL, NULL};
    Py_ssize_t count = kwnames ? PyTuple_Size(kwnames) : 0;
    for (Py_ssize_t i = 0; i < nargs && i < 3; i++)
        slots[i] = args[i];
    for (Py_ssize_t i = 0; i < count; i++) {
        for (int k = 0; k < 3; k++) {
            if (!PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, i), keywords[k]))
                slots[k] = args[nargs + i];
        }
    }
    PyObject *result = ptd_pyapi_call(original_gcd_import, args, nargs, kwnames);
    if (!ptd_scope_recording() || !slots[0])
        return result;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    after_gcd_import(slots[0], slots[1],
                     slots[2] && PyLong_Check(slots[2]) ? PyLong_AsLong(slots[2]) : 0);
    PyErr_Restore(type, value, traceback);
    return result;
}

/* ---- _frozen_importlib._find_and_load ---- */

/* Where every import ends up whose module is not loaded yet. What it looks at while it searches and
 * reads is told by the names and files that are noted above; the code of the module itself is run
 * by exec. */
static PyObject *find_and_load(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    (void)self;
    uint32_t outer = ptd_loading;
    size_t len = 0;
    const char *name = nargs >= 1 && ptd_scope_recording() ? ptd_pyapi_utf8(args[0], &len) : NULL;
    if (name)
        ptd_loading = ptd_ids_name(name, top_length(name, len));
    ptd_files_quiet++;
    PyObject *result = ptd_pyapi_call(original_find, args, nargs, kwnames);
    ptd_files_quiet--;
    ptd_loading = outer;
    /* Extension modules import without anybody being asked. */
    if (name && outer != PTD_NOT_LOADING && ptd_scope_recording()) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        note_edge(ptd_ids_name_of(outer), name, len);
        PyErr_Restore(type, value, traceback);
    }
    return result;
}

/* ---- builtins.exec ---- */

/* The watched file whose module body a code object is. */
static uint32_t module_body_file(PyObject *code)
{
    PyObject *type = PyObject_Type(code);
    Py_XDECREF(type); /* the object holds it */
    if (type != ptd_py.code_type)
        return PTD_UNWATCHED;
    PyObject *name = ptd_pyapi_attr(code, PTD_ATTR_CO_NAME);
    PyObject *filename = ptd_pyapi_attr(code, PTD_ATTR_CO_FILENAME);
    uint32_t file = PTD_UNWATCHED;
    if (name && filename && !PyUnicode_CompareWithASCIIString(name, "<module>"))
        file = ptd_ids_watched(filename);
    Py_XDECREF(name);
    Py_XDECREF(filename);
    PyErr_Clear();
    return file;
}

static PyObject *run(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int quiet = ptd_files_quiet;
    ptd_files_quiet = 0;
    PyObject *result = ptd_pyapi_call(original_exec, args, nargs, kwnames);
    ptd_files_quiet = quiet;
    return result;
}

static PyObject *exec(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    (void)self;
    uint32_t file = PTD_UNWATCHED;
    if (ptd_scope_recording() && nargs >= 1)
        file = module_body_file(args[0]);
    if (file == PTD_UNWATCHED)
        return run(args, nargs, kwnames);
    const char *label = NULL;
    if (nargs >= 2)
        label = ptd_pyapi_utf8(global_item(args[1], key_name), NULL);
    uint32_t scope = ptd_scope_module(file, label ? label : "");
    ptd_scope_import(file);
    uint32_t loading = ptd_loading;
    ptd_loading = PTD_NOT_LOADING;
    ptd_scope_push(scope, args[0]);
    PyObject *result = run(args, nargs, kwnames);
    ptd_scope_pop(scope);
    ptd_loading = loading;
    return result;
}

/* ---- set-up ---- */

#define KEYWORDS (PTD_METH_FASTCALL | METH_KEYWORDS)
static PyMethodDef import_def = {"__import__", PTD_CFUNCTION(import), KEYWORDS, NULL};
static PyMethodDef gcd_import_def = {"_gcd_import", PTD_CFUNCTION(gcd_import), KEYWORDS, NULL};
static PyMethodDef find_def = {"_find_and_load", PTD_CFUNCTION(find_and_load), KEYWORDS, NULL};
static PyMethodDef exec_def = {"exec", PTD_CFUNCTION(exec), KEYWORDS, NULL};

int ptd_imports_wrap(char *why, size_t size)
{
    modules = PySys_GetObject("modules");
    key_file = PyUnicode_InternFromString("__file__");
    key_name = PyUnicode_InternFromString("__name__");
    key_package = PyUnicode_InternFromString("__package__");
    key_spec = PyUnicode_InternFromString("__spec__");
    if (modules && key_file && key_name && key_package && key_spec &&
        ptd_wrap("_frozen_importlib", &gcd_import_def, &original_gcd_import) == 0 &&
        ptd_wrap("_frozen_importlib", &find_def, &original_find) == 0 &&
        ptd_wrap("builtins", &exec_def, &original_exec) == 0 &&
        ptd_wrap("builtins", &import_def, &original_import) == 0)
        return 0;
    PyErr_Clear();
    snprintf(why, size, "the import functions cannot be wrapped");
    return -1;
}
