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
#define RECENT      512
#define CHARGED     64

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

/* What a frame says about who reads, by its code. */
enum voice {
    VOICE_LIBRARY, /* nothing: on behalf of its caller */
    VOICE_FOREIGN, /* an installed package, on behalf of its caller too */
    VOICE_PYTEST,
    VOICE_PYTEST_NEEDS, /* monkeypatch.delenv() fails where the variable is not set */
    VOICE_PROJECT,
    VOICE_INTERNAL_ITEM, /* methods that take everything out, or hand out pairs */
    VOICE_INTERNAL_ITER,
};

static PyObject *current_frame(void)
{
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    Py_XINCREF(frame);
    return frame;
}

static enum voice voice_of_module(const char *module, const char *function, PyObject *filename)
{
    static const char *const ours[] = {"_pytdiff", NULL};
    static const char *const helpers[] = {"pytest",   "_pytest", "pluggy",     "iniconfig", "xdist",
                                          "coverage", "execnet", "pytest_cov", NULL};
    if (is_one_of(module, ours))
        return VOICE_LIBRARY;
    if (is_one_of(module, helpers))
        return !strcmp(module, "_pytest.monkeypatch") && !strcmp(function, "delitem")
                   ? VOICE_PYTEST_NEEDS
                   : VOICE_PYTEST;
    if (!filename || ptd_ids_watched(filename) != PTD_UNWATCHED)
        return VOICE_PROJECT;
    if (!ptd_ids_is_library(filename))
        return VOICE_FOREIGN;
    if (!strcmp(module, "collections.abc") || !strcmp(module, "_collections_abc")) {
        if (!strcmp(function, "popitem"))
            return VOICE_INTERNAL_ITEM;
        if (!strcmp(function, "__iter__"))
            return VOICE_INTERNAL_ITER;
    }
    return VOICE_LIBRARY;
}

static enum voice listen(PyObject *frame, PyObject *code)
{
    PyObject *globals = ptd_pyapi_attr(frame, PTD_ATTR_F_GLOBALS);
    PyObject *function = ptd_pyapi_attr(code, PTD_ATTR_CO_NAME);
    PyObject *filename = ptd_pyapi_attr(code, PTD_ATTR_CO_FILENAME);
    PyObject *name =
        globals && PyDict_Check(globals) ? PyDict_GetItemWithError(globals, key_name) : NULL;
    const char *module = ptd_pyapi_utf8(name, NULL);
    const char *text = ptd_pyapi_utf8(function, NULL);
    enum voice voice = voice_of_module(module ? module : "", text ? text : "", filename);
    Py_XDECREF(filename);
    Py_XDECREF(function);
    Py_XDECREF(globals);
    PyErr_Clear();
    return voice;
}

/* pytest asks for the size of the terminal several times per test, from the same few functions. */
static enum voice voice_of(PyObject *frame)
{
    static struct {
        PyObject *code; /* owned */
        enum voice voice;
    } recent[RECENT];
    PyObject *code = ptd_pyapi_attr(frame, PTD_ATTR_F_CODE);
    if (!code) {
        PyErr_Clear();
        return VOICE_PROJECT;
    }
    size_t at = ((uintptr_t)code >> 4 ^ (uintptr_t)code >> 13) % RECENT;
    if (recent[at].code == code) {
        Py_DECREF(code);
        return recent[at].voice;
    }
    enum voice voice = listen(frame, code);
    PyObject *old = recent[at].code;
    recent[at].code = code;
    recent[at].voice = voice;
    Py_XDECREF(old);
    return voice;
}

static enum reader find_reader(void)
{
    PyObject *frame = current_frame();
    bool foreign = false;
    enum voice voice = VOICE_LIBRARY;
    for (int i = 0; frame && frame != Py_None && i < MOST_FRAMES; i++) {
        voice = voice_of(frame);
        if (voice == VOICE_PYTEST || voice == VOICE_PYTEST_NEEDS || voice == VOICE_PROJECT)
            break;
        foreign = foreign || voice == VOICE_FOREIGN;
        PyObject *back = ptd_pyapi_attr(frame, PTD_ATTR_F_BACK);
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    PyErr_Clear();
    if (voice == VOICE_PROJECT || voice == VOICE_PYTEST_NEEDS)
        return READER_PROJECT;
    return voice == VOICE_PYTEST && !foreign ? READER_NOBODY : READER_PLUGIN;
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

/* `what`: "env:..." or "dist:..."; `name` decides whether a plugin's interest counts. Whether the
 * current scope is charged with it now. */
static bool note(const char *what, size_t len, const char *name)
{
    if (ptd_loading != PTD_NOT_LOADING) {
        /* A module that is loaded once: whoever imports it. */
        const char *top = ptd_ids_name_of(ptd_loading);
        ptd_imports_edge(top, strlen(top), what, len);
        return false;
    }
    enum reader reader = find_reader();
    bool counts = reader == READER_PROJECT ||
                  (reader == READER_PLUGIN && !ptd_scope_is_session() && !is_incidental(name));
    if (counts)
        ptd_scope_name(ptd_ids_name(what, len));
    return counts;
}

static bool note_variable(const char *name, size_t name_len, const char *value, size_t value_len)
{
    char what[MOST_NAME + 32];
    int head;
    if (name_len > MOST_NAME)
        return false; /* nobody sets such a name */
    if (value)
        head = snprintf(what, sizeof what, "env:%016llx:",
                        (unsigned long long)ptd_environ_hash(name, name_len, value, value_len));
    else
        head = snprintf(what, sizeof what, "env:-:");
    memcpy(what + head, name, name_len + 1);
    return note(what, (size_t)head + name_len, name);
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
    enum voice voice = frame ? voice_of(frame) : VOICE_LIBRARY;
    Py_XDECREF(frame);
    return voice == VOICE_INTERNAL_ITEM || voice == VOICE_INTERNAL_ITER;
}

/* What the current scope was charged with already: gettext asks for the same four variables at each
 * of its calls. */
static struct charged {
    PyObject *key, *value; /* owned; no value: it was not set */
    const void *thread;
    uint32_t epoch;
} charged[CHARGED];

static struct charged *charged_slot(PyObject *key)
{
    return &charged[((uintptr_t)key >> 4 ^ (uintptr_t)key >> 10) % CHARGED];
}

static bool is_charged(PyObject *key, PyObject *value)
{
    const struct charged *slot = charged_slot(key);
    if (slot->key != key || slot->epoch != ptd_epoch || slot->thread != ptd_scope_thread() ||
        bulk.keys || ptd_loading != PTD_NOT_LOADING)
        return false;
    if (!value || !slot->value)
        return !value && !slot->value;
    return PyUnicode_Check(value) && PyUnicode_Compare(value, slot->value) == 0;
}

static void remember_charged(PyObject *key, PyObject *value)
{
    struct charged *slot = charged_slot(key), old = *slot;
    if (!PyUnicode_Check(key) || (value && !PyUnicode_Check(value)))
        return;
    Py_INCREF(key);
    Py_IncRef(value);
    *slot = (struct charged){key, value, ptd_scope_thread(), ptd_epoch};
    Py_XDECREF(old.key);
    Py_XDECREF(old.value);
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
    if (usable && !is_next_of_bulk(name_text, (size_t)name_len) && !is_internal_read() &&
        note_variable(name_text, (size_t)name_len, text, (size_t)len))
        remember_charged(key, value);
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
    if (is_charged(key, value)) {
        PyErr_Restore(type, error, traceback);
        return value;
    }
    if (value || (type && PyErr_GivenExceptionMatches(type, PyExc_KeyError)))
        after_get(key, value);
    PyErr_Clear();
    PyErr_Restore(type, error, traceback);
    return value;
}

static bool is_called(PyObject *frame, const char *wanted)
{
    PyObject *code = ptd_pyapi_attr(frame, PTD_ATTR_F_CODE);
    PyObject *function = code ? ptd_pyapi_attr(code, PTD_ATTR_CO_NAME) : NULL;
    const char *name = ptd_pyapi_utf8(function, NULL);
    bool result = name && !strcmp(name, wanted);
    Py_XDECREF(function);
    Py_XDECREF(code);
    PyErr_Clear();
    return result;
}

/* Whether the names are asked for: with items() and values(), the values come along. */
static bool is_keys_view(void)
{
    PyObject *frame = current_frame();
    bool result = false;
    if (frame && is_called(frame, "__iter__")) {
        PyObject *locals = PyObject_GetAttrString(frame, "f_locals");
        PyObject *view = locals ? PyMapping_GetItemString(locals, "self") : NULL;
        PyObject *type = view ? PyObject_Type(view) : NULL;
        PyObject *name = type ? PyObject_GetAttrString(type, "__name__") : NULL;
        const char *text = ptd_pyapi_utf8(name, NULL);
        result = text && !strcmp(text, "KeysView");
        Py_XDECREF(name);
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
        result = is_called(frame, "popitem");
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
