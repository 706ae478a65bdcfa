#include "scope_environ.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/environ.h"
#include "imports.h"
#include "scope.h"
#include "scope_ids.h"

#define MOST_FRAMES 200
#define MOST_NAME   512

bool ptd_environ_pending;

static PyObject *original_get, *original_iter, *original_copy; /* owned functions */
static PyObject *key_name;                                     /* owned */
static __thread int quiet; /* above 0: the environment is copied as a whole */

/* The names that dict(os.environ) will ask for one after the other, if that is what goes on. */
static struct {
    PyObject *keys; /* owned list of bytes; NULL: nothing is pending */
    Py_ssize_t next;
    const void *thread;
    bool counts; /* somebody whose reading counts has asked */
} bulk;

/* ---- who reads ---- */

enum reader {
    READER_NOBODY,  /* pytest for itself: does not count */
    READER_PLUGIN,  /* an installed package that pytest called */
    READER_PROJECT, /* code of the project, maybe through a library */
};

static bool is_one_of(const char *name, const char *const *packages)
{
    for (; *packages; packages++) {
        size_t len = strlen(*packages);
        if (!strncmp(name, *packages, len) && (!name[len] || name[len] == '.'))
            return true;
    }
    return false;
}

struct frame_facts {
    const char *module, *function; /* borrowed from objects that the frame holds */
    PyObject *filename;            /* borrowed likewise */
};

static PyObject *attribute_of(PyObject *object, const char *name)
{
    PyObject *value = object ? PyObject_GetAttrString(object, name) : NULL;
    Py_XDECREF(value); /* the object holds it */
    return value;
}

static struct frame_facts facts_of(PyObject *frame)
{
    PyObject *globals = attribute_of(frame, "f_globals");
    PyObject *code = attribute_of(frame, "f_code");
    PyObject *name =
        globals && PyDict_Check(globals) ? PyDict_GetItemWithError(globals, key_name) : NULL;
    const char *module = ptd_pyapi_utf8(name, NULL);
    const char *function = ptd_pyapi_utf8(attribute_of(code, "co_name"), NULL);
    struct frame_facts facts = {module ? module : "", function ? function : "",
                                attribute_of(code, "co_filename")};
    PyErr_Clear();
    return facts;
}

/* What one frame says; `foreign`: there was code of an installed package above it. */
static bool judge(const struct frame_facts *frame, bool *foreign, enum reader *out)
{
    static const char *const ours[] = {"_pytdiff", NULL};
    static const char *const helpers[] = {"pytest",   "_pytest", "pluggy",     "iniconfig", "xdist",
                                          "coverage", "execnet", "pytest_cov", NULL};
    if (is_one_of(frame->module, ours))
        return false;
    if (is_one_of(frame->module, helpers)) {
        /* monkeypatch.delenv() fails where the variable is not set. */
        bool needed =
            !strcmp(frame->module, "_pytest.monkeypatch") && !strcmp(frame->function, "delitem");
        *out = needed ? READER_PROJECT : *foreign ? READER_PLUGIN : READER_NOBODY;
        return true;
    }
    if (!frame->filename || ptd_ids_watched(frame->filename) != PTD_UNWATCHED) {
        *out = READER_PROJECT;
        return true;
    }
    if (!ptd_ids_is_library(frame->filename))
        *foreign = true;
    return false;
}

static PyObject *current_frame(void)
{
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    Py_XINCREF(frame);
    return frame;
}

static enum reader find_reader(void)
{
    PyObject *frame = current_frame();
    bool foreign = false, found = false;
    enum reader reader = READER_PLUGIN;
    for (int i = 0; frame && frame != Py_None && !found && i < MOST_FRAMES; i++) {
        struct frame_facts facts = facts_of(frame);
        found = judge(&facts, &foreign, &reader);
        PyObject *back = PyObject_GetAttrString(frame, "f_back");
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    PyErr_Clear();
    return reader;
}

/* What terminals and temporary directories are asked for on pytest's own account. */
static bool is_incidental(const char *name)
{
    static const char *const names[] = {"COLUMNS",   "LINES",  "TERM", "NO_COLOR", "FORCE_COLOR",
                                        "PY_COLORS", "TMPDIR", "TEMP", "TMP",      "PWD",
                                        "SHLVL",     "CI",     NULL};
    for (size_t i = 0; names[i]; i++)
        if (!strcmp(name, names[i]))
            return true;
    return !strncmp(name, "PYTEST_", 7);
}

/* ---- who is charged ---- */

/* `what`: "env:..." or "dist:..."; `name` decides whether a plugin's interest counts. */
static void note(const char *what, size_t len, const char *name)
{
    if (ptd_loading != PTD_NOT_LOADING) {
        /* A module that is loaded once: whoever imports it. */
        const char *top = ptd_ids_name_of(ptd_loading);
        ptd_imports_edge(top, strlen(top), what, len);
        return;
    }
    enum reader reader = find_reader();
    if (reader == READER_PROJECT ||
        (reader == READER_PLUGIN && !ptd_scope_is_session() && !is_incidental(name)))
        ptd_scope_name(ptd_ids_name(what, len));
}

static void note_variable(const char *name, size_t name_len, const char *value, size_t value_len)
{
    char what[MOST_NAME + 32];
    int head;
    if (name_len > MOST_NAME)
        return; /* nobody sets such a name */
    if (value)
        head = snprintf(what, sizeof what, "env:%016llx:",
                        (unsigned long long)ptd_environ_hash(name, name_len, value, value_len));
    else
        head = snprintf(what, sizeof what, "env:-:");
    memcpy(what + head, name, name_len + 1);
    note(what, (size_t)head + name_len, name);
}

/* ---- copies of the whole ---- */

static void forget_bulk(void)
{
    PyObject *keys = bulk.keys;
    bulk.keys = NULL;
    ptd_environ_pending = false;
    Py_XDECREF(keys);
}

void ptd_environ_settle(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    bool counts = bulk.keys && bulk.counts;
    forget_bulk();
    if (counts && ptd_scope_recording())
        ptd_scope_name(ptd_ids_name("env:*", 5));
    PyErr_Restore(type, value, traceback);
}

/* Whether a name is the one that a copy asks for next. */
static bool is_next_of_bulk(const char *name, size_t len)
{
    char *expected = NULL;
    Py_ssize_t expected_len = 0;
    if (!bulk.keys || bulk.thread != ptd_scope_thread())
        return false;
    PyObject *key = PyList_GetItem(bulk.keys, bulk.next);
    bool same = key && PyBytes_AsStringAndSize(key, &expected, &expected_len) == 0 &&
                (size_t)expected_len == len && !memcmp(expected, name, len);
    PyErr_Clear();
    if (!same) {
        ptd_environ_settle();
        return false;
    }
    if (++bulk.next == PyList_Size(bulk.keys))
        forget_bulk(); /* it was copied */
    return true;
}

static void begin_bulk(PyObject *mapping)
{
    PyObject *data = PyObject_GetAttrString(mapping, "_data");
    PyObject *keys = data && PyDict_Check(data) ? PyDict_Keys(data) : NULL;
    Py_XDECREF(data);
    if (keys && PyList_Size(keys) > 0) {
        bulk.keys = keys;
        bulk.next = 0;
        bulk.thread = ptd_scope_thread();
        bulk.counts = ptd_loading == PTD_NOT_LOADING && find_reader() == READER_PROJECT;
        ptd_environ_pending = true;
        return;
    }
    Py_XDECREF(keys);
}

/* ---- the methods of os._Environ ---- */

/* The bytes of a key or value as the environment has it; owned, or NULL. */
static PyObject *as_bytes(PyObject *object)
{
    if (object && PyBytes_Check(object)) {
        Py_INCREF(object);
        return object;
    }
    return object && PyUnicode_Check(object) ? PyUnicode_EncodeFSDefault(object) : NULL;
}

/* Methods that take everything out, or hand out pairs, read on somebody else's account. */
static bool is_internal_read(void)
{
    PyObject *frame = current_frame();
    bool internal = false;
    if (frame) {
        struct frame_facts facts = facts_of(frame);
        internal =
            !strcmp(facts.module, "collections.abc") || !strcmp(facts.module, "_collections_abc");
        internal =
            internal && (!strcmp(facts.function, "popitem") || !strcmp(facts.function, "__iter__"));
    }
    Py_XDECREF(frame);
    return internal;
}

static void after_get(PyObject *key, PyObject *value)
{
    PyObject *name = as_bytes(key), *content = as_bytes(value);
    char *name_text = NULL, *text = NULL;
    Py_ssize_t name_len = 0, len = 0;
    bool usable = name && PyBytes_AsStringAndSize(name, &name_text, &name_len) == 0 &&
                  strlen(name_text) == (size_t)name_len;
    if (usable && content)
        usable = PyBytes_AsStringAndSize(content, &text, &len) == 0;
    PyErr_Clear();
    if (usable && !is_next_of_bulk(name_text, (size_t)name_len) && !is_internal_read())
        note_variable(name_text, (size_t)name_len, text, (size_t)len);
    Py_XDECREF(name);
    Py_XDECREF(content);
}

static PyObject *call_original(PyObject *function, PyObject *self, PyObject *argument)
{
    PyObject *args[] = {self, argument};
    return ptd_pyapi_call(function, args, argument ? 2 : 1, NULL);
}

static PyObject *get(PyObject *self, PyObject *key)
{
    PyObject *value = call_original(original_get, self, key);
    if (quiet || !ptd_scope_recording())
        return value;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    if (value || (type && PyErr_GivenExceptionMatches(type, PyExc_KeyError)))
        after_get(key, value);
    PyErr_Clear();
    PyErr_Restore(type, error, traceback);
    return value;
}

/* Whether the names are asked for: with items() and values(), the values come along. */
static bool is_keys_view(void)
{
    PyObject *frame = current_frame();
    bool result = false;
    if (frame && !strcmp(facts_of(frame).function, "__iter__")) {
        PyObject *locals = PyObject_GetAttrString(frame, "f_locals");
        PyObject *view = locals ? PyMapping_GetItemString(locals, "self") : NULL;
        PyObject *type = view ? PyObject_Type(view) : NULL;
        const char *name = ptd_pyapi_utf8(attribute_of(type, "__name__"), NULL);
        result = name && !strcmp(name, "KeysView");
        Py_XDECREF(type);
        Py_XDECREF(view);
        Py_XDECREF(locals);
    }
    Py_XDECREF(frame);
    PyErr_Clear();
    return result;
}

/* clear() takes one pair after the other. */
static bool is_popitem(void)
{
    PyObject *frame = current_frame();
    bool result = false;
    if (frame)
        result = !strcmp(facts_of(frame).function, "popitem");
    Py_XDECREF(frame);
    return result;
}

static void before_iter(PyObject *self)
{
    if (ptd_environ_pending)
        ptd_environ_settle();
    if (is_popitem())
        return;
    if (is_keys_view())
        begin_bulk(self);
    else
        note("env:*", 5, "*");
}

static PyObject *iter(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    if (!quiet && ptd_scope_recording()) {
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        before_iter(self);
        PyErr_Clear();
        PyErr_Restore(type, error, traceback);
    }
    return call_original(original_iter, self, NULL);
}

static PyObject *copy(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    quiet++;
    PyObject *result = call_original(original_copy, self, NULL);
    quiet--;
    return result;
}

/* ---- metadata of distributions ---- */

void ptd_environ_distribution(PyObject *name)
{
    char what[MOST_NAME + 8];
    PyObject *type, *error, *traceback;
    if (!ptd_scope_recording())
        return;
    PyErr_Fetch(&type, &error, &traceback);
    const char *text = ptd_pyapi_utf8(name, NULL);
    int len = snprintf(what, sizeof what, "dist:%s", text && *text ? text : "*");
    if (len > 0 && (size_t)len < sizeof what)
        note(what, (size_t)len, "");
    PyErr_Restore(type, error, traceback);
}

/* ---- set-up ---- */

static PyMethodDef get_def = {"__getitem__", PTD_CFUNCTION(get), METH_O, NULL};
static PyMethodDef iter_def = {"__iter__", PTD_CFUNCTION(iter), METH_NOARGS, NULL};
static PyMethodDef copy_def = {"copy", PTD_CFUNCTION(copy), METH_NOARGS, NULL};

static int wrap_method(PyObject *type, PyMethodDef *def, PyObject **original)
{
    *original = PyObject_GetAttrString(type, def->ml_name);
    PyObject *method = *original ? PyDescr_NewMethod((PyTypeObject *)type, def) : NULL;
    int result = method ? PyObject_SetAttrString(type, def->ml_name, method) : -1;
    Py_XDECREF(method);
    return result;
}

int ptd_environ_wrap(char *why, size_t size)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *mapping = os ? PyObject_GetAttrString(os, "environ") : NULL;
    PyObject *type = mapping ? PyObject_Type(mapping) : NULL;
    key_name = PyUnicode_InternFromString("__name__");
    int result = type && key_name && wrap_method(type, &get_def, &original_get) == 0 &&
                         wrap_method(type, &iter_def, &original_iter) == 0 &&
                         wrap_method(type, &copy_def, &original_copy) == 0
                     ? 0
                     : -1;
    Py_XDECREF(type);
    Py_XDECREF(mapping);
    Py_XDECREF(os);
    if (result < 0) {
        PyErr_Clear();
        snprintf(why, size, "os.environ cannot be watched");
    }
    return result;
}
