/*
 * The module `_pytdiff`: built into the interpreter by the host or the preload stub, or imported
 * from its file. It is the pytest plugin as well; the Python part of it (py/plugin.py) runs in its
 * namespace and reaches the functions here through the object `_c`.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/plan.h"
#include "follow.h"
#include "imports.h"
#include "journal_write.h"
#include "plugin_code.h"
#include "pyapi.h"
#include "scope.h"
#include "scope_children.h"
#include "scope_environ.h"
#include "scope_files.h"
#include "scope_ids.h"
#include "tracer.h"
#include "tracer_lines.h"

#define PTD_EXPORT __attribute__((visibility("default")))

PTD_EXPORT PyObject *PyInit__pytdiff(void);
PTD_EXPORT int ptd_tracer_preinit(const char *mode);

/* The test that is running in this process. */
static struct {
    uint32_t scope, collect;
    char *id;   /* owned */
    char *path; /* owned */
} test = {.scope = PTD_J_NO_SCOPE};

static char no_tracer[PTD_TRACER_WHY]; /* why there is none */
static char no_lines[PTD_TRACER_WHY];  /* why lines are not noted */

/* Not a forked child of the process that does, in which the plugin lives on. */
static bool runs_tests(void)
{
    return ptd_scope_recording() && !ptd_following;
}

static PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

static void add_string(PyObject *text)
{
    PyObject *bytes = PyUnicode_EncodeFSDefault(text);
    char *data = NULL;
    Py_ssize_t len = 0;
    if (bytes && PyBytes_AsStringAndSize(bytes, &data, &len) == 0)
        ptd_journal_bytes(data, (size_t)len);
    else
        ptd_journal_bytes("?", 1);
    PyErr_Clear();
    Py_XDECREF(bytes);
}

static char *copy_fs(PyObject *text)
{
    PyObject *bytes = PyUnicode_EncodeFSDefault(text);
    const char *data = bytes ? PyBytes_AsString(bytes) : NULL;
    char *copy = data ? strdup(data) : NULL;
    PyErr_Clear();
    Py_XDECREF(bytes);
    return copy;
}

/* Id of the file at a path, whether it is watched or not. */
static uint32_t file_of(PyObject *path)
{
    char *copy = copy_fs(path);
    uint32_t file = copy ? ptd_ids_file(copy) : PTD_UNWATCHED;
    free(copy);
    return file;
}

static uint32_t number(PyObject *object)
{
    unsigned long value = PyLong_AsUnsignedLong(object);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return PTD_J_NO_SCOPE;
    }
    return (uint32_t)value;
}

#define NEED(count)                                                                                \
    do {                                                                                           \
        (void)self;                                                                                \
        if (nargs != (count)) {                                                                    \
            PyErr_SetString(PyExc_TypeError, "wrong number of arguments");                         \
            return NULL;                                                                           \
        }                                                                                          \
    } while (0)

/* ---- facts and files ---- */

static PyObject *py_fact(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(2);
    if (!runs_tests() && !no_tracer[0])
        return none();
    ptd_journal_begin(PTD_J_FACT);
    add_string(args[0]);
    add_string(args[1]);
    ptd_journal_end();
    return none();
}

static PyObject *py_exclude(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *dir = copy_fs(args[0]);
    if (dir) {
        ptd_ids_exclude(dir);
        ptd_files_exclude(dir);
    }
    free(dir);
    return none();
}

/* leave_out(directory): what happens to files in it does not count. */
static PyObject *py_leave_out(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *dir = copy_fs(args[0]);
    if (dir)
        ptd_files_exclude(dir);
    free(dir);
    return none();
}

/* root(path): the project's directory; again for other names of the same directory. */
static PyObject *py_root(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *dir = copy_fs(args[0]);
    if (dir) {
        ptd_ids_root(dir);
        ptd_files_root(dir);
    }
    free(dir);
    return none();
}

/* file(path) -> id of a file, for test_begin and collect_push. */
static PyObject *py_file(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    return PyLong_FromUnsignedLong(runs_tests() ? file_of(args[0]) : PTD_UNWATCHED);
}

/* use_file(path): the current scope depends on it like on a module that it imports. */
static PyObject *py_use_file(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    if (runs_tests())
        ptd_scope_import(file_of(args[0]));
    return none();
}

/* distribution(name or None): metadata of one installed distribution is read, or of all. */
static PyObject *py_distribution(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    ptd_environ_distribution(args[0]);
    return none();
}

static void import_all(PyObject *files)
{
    Py_ssize_t count = PyTuple_Check(files) ? PyTuple_Size(files) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        ptd_scope_import(number(PyTuple_GetItem(files, i)));
}

/* ---- scopes ---- */

/* fixture_new(label, path or None) -> scope id */
static PyObject *py_fixture_new(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(2);
    uint32_t scope = PTD_J_NO_SCOPE;
    if (runs_tests()) {
        char *label = copy_fs(args[0]);
        uint32_t file = PyUnicode_Check(args[1]) ? ptd_ids_watched(args[1]) : PTD_J_NO_FILE;
        scope = ptd_scope_new(PTD_SCOPE_FIXTURE, file, label ? label : "?");
        free(label);
    }
    return PyLong_FromUnsignedLong(scope);
}

/* collect_new(file id, label) -> scope id */
static PyObject *py_collect_new(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(2);
    uint32_t scope = PTD_J_NO_SCOPE;
    if (runs_tests()) {
        char *label = copy_fs(args[1]);
        scope = ptd_scope_new(PTD_SCOPE_COLLECT, number(args[0]), label ? label : "?");
        free(label);
    }
    return PyLong_FromUnsignedLong(scope);
}

/* push(scope, file ids): the files are charged to it. */
static PyObject *py_push(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(2);
    if (runs_tests()) {
        ptd_scope_push(number(args[0]), NULL);
        import_all(args[1]);
    }
    return none();
}

static PyObject *py_pop(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    ptd_scope_pop(number(args[0]));
    return none();
}

static PyObject *py_use(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    ptd_scope_use(number(args[0]));
    return none();
}

/* opaque(): what is open does something that is not seen. */
static PyObject *py_opaque(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    NEED(0);
    ptd_scope_opaque();
    return none();
}

/* ---- tests and collections ---- */

/* test_begin(node id, path, file id, collect scope, file ids) */
static PyObject *py_test_begin(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(5);
    if (!runs_tests() || test.id)
        return none();
    ptd_journal_begin(PTD_J_START);
    add_string(args[0]);
    ptd_journal_end();
    test.id = copy_fs(args[0]);
    test.path = copy_fs(args[1]);
    test.scope = ptd_scope_new(PTD_SCOPE_TEST, number(args[2]), test.id ? test.id : "?");
    test.collect = number(args[3]);
    ptd_journal_commit();
    ptd_scope_push(test.scope, NULL);
    import_all(args[4]);
    return none();
}

static void write_test(uint32_t outcome, uint64_t duration)
{
    uint32_t flags = ptd_scope_flags(test.scope);
    ptd_scope_flush();
    ptd_journal_begin(PTD_J_TEST);
    ptd_journal_u32(test.scope);
    ptd_journal_u32(outcome);
    ptd_journal_u32(flags);
    ptd_journal_u64(duration);
    ptd_journal_u32(test.collect);
    ptd_journal_bytes(test.id ? test.id : "?", test.id ? strlen(test.id) : 1);
    ptd_journal_bytes(test.path ? test.path : "", test.path ? strlen(test.path) : 0);
    ptd_journal_end();
    ptd_journal_commit();
}

/* test_end(outcome, duration in seconds) */
static PyObject *py_test_end(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(2);
    if (!runs_tests() || !test.id)
        return none();
    double seconds = PyFloat_AsDouble(args[1]);
    PyErr_Clear();
    ptd_scope_pop(test.scope);
    write_test(number(args[0]), seconds > 0 ? (uint64_t)(seconds * 1e6) : 0);
    ptd_scope_free(test.scope);
    free(test.id);
    free(test.path);
    test.id = test.path = NULL;
    test.scope = PTD_J_NO_SCOPE;
    return none();
}

/* collected(scope, outcome, flags, path, [node ids]) */
static PyObject *py_collected(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(5);
    if (!runs_tests())
        return none();
    Py_ssize_t count = PyList_Size(args[4]);
    ptd_journal_begin(PTD_J_COLLECT);
    ptd_journal_u32(number(args[0]));
    ptd_journal_u32(number(args[1]));
    ptd_journal_u32(number(args[2]));
    add_string(args[3]);
    ptd_journal_u32(count > 0 ? (uint32_t)count : 0);
    for (Py_ssize_t i = 0; i < count; i++)
        add_string(PyList_GetItem(args[4], i));
    ptd_journal_end();
    PyErr_Clear();
    return none();
}

/* flush(): everything that grew, and whatever is pending, goes to the file. */
static PyObject *py_flush(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    NEED(0);
    ptd_scope_flush();
    if (runs_tests() || no_tracer[0])
        ptd_journal_commit();
    return none();
}

/* deltas(): the same, but the file gets it with the next batch. */
static PyObject *py_deltas(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    NEED(0);
    ptd_scope_flush();
    return none();
}

static PyObject *py_end(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    if (!runs_tests() && !no_tracer[0])
        return none();
    ptd_scope_flush();
    ptd_lines_flush();
    ptd_journal_begin(PTD_J_END);
    ptd_journal_u32(number(args[0]));
    ptd_journal_end();
    ptd_journal_commit();
    return none();
}

/* state() -> (tracer's name or "none: REASON" or None when nothing is recorded, what went wrong or
 * None) */
static PyObject *py_state(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    char text[PTD_TRACER_WHY + 8];
    (void)args;
    NEED(0);
    const char *name = ptd_tracer_name();
    if (no_tracer[0]) {
        snprintf(text, sizeof text, "none: %s", no_tracer);
        name = text;
    }
    return Py_BuildValue("(zz)", name, ptd_journal_failed());
}

/* ---- lines ---- */

/* lines(directory): notes the lines that are executed in files below it. */
static PyObject *py_lines(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *dir = copy_fs(args[0]);
    if (!runs_tests())
        snprintf(no_lines, sizeof no_lines, "%s", no_tracer);
    else if (!dir || ptd_lines_start(dir, no_lines, sizeof no_lines) < 0)
        PyErr_Clear();
    free(dir);
    return none();
}

/* context(name): what is executed from now on belongs to it. */
static PyObject *py_context(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *name = copy_fs(args[0]);
    if (name)
        ptd_lines_context(name, strlen(name));
    free(name);
    return none();
}

/* code(part) -> the code object of a part of the plugin */
static PyObject *py_code(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *part = copy_fs(args[0]);
    PyObject *code = ptd_plugin_code(part ? part : "");
    free(part);
    return code;
}

/* lines_state() -> what is wrong, or None */
static PyObject *py_lines_state(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    NEED(0);
    return Py_BuildValue("z", no_lines[0] ? no_lines : ptd_lines_problem());
}

/* ---- start ---- */

static bool cut_at(char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);
    if (len <= n || strcmp(path + len - n, ending) != 0)
        return false;
    path[len - n] = '\0';
    return true;
}

/* The folders of what sys.path calls lib-dynload: where the compiled part of the standard library
 * lies, which can be another than that of its sources. */
static void exclude_compiled(void)
{
    PyObject *path = PySys_GetObject("path");
    for (Py_ssize_t i = 0; path && PyList_Check(path) && i < PyList_Size(path); i++) {
        char *dir = copy_fs(PyList_GetItem(path, i));
        if (dir && cut_at(dir, "/lib-dynload"))
            ptd_ids_exclude(dir);
        free(dir);
        PyErr_Clear();
    }
}

/* The standard library is where os is: asking sysconfig would cost several milliseconds. */
static int exclude_paths(void)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *file = os ? PyObject_GetAttrString(os, "__file__") : NULL;
    char *path = file && PyUnicode_Check(file) ? copy_fs(file) : NULL;
    bool known = path && (cut_at(path, "/os.py") || cut_at(path, "/os.pyc"));
    if (known)
        ptd_ids_exclude(path);
    free(path);
    Py_XDECREF(file);
    Py_XDECREF(os);
    exclude_compiled();
    return known ? 0 : -1;
}

static int follow_children(void)
{
    if (ptd_follow_lead() == PTD_FOLLOWED_ALL)
        return 0;
    return ptd_children_wrap(no_tracer, sizeof no_tracer);
}

static int start_recording(const char *dir)
{
    ptd_journal_open(dir);
    if (ptd_pyapi_bind(no_tracer, sizeof no_tracer) < 0)
        return -1;
    if (exclude_paths() < 0) {
        PyErr_Clear();
        snprintf(no_tracer, sizeof no_tracer, "the standard library cannot be found");
        return -1;
    }
    ptd_scope_start();
    if (ptd_tracer_start(no_tracer) < 0 || ptd_imports_wrap(no_tracer, sizeof no_tracer) < 0 ||
        follow_children() < 0 || ptd_environ_wrap(no_tracer, sizeof no_tracer) < 0) {
        ptd_scope_forget();
        return -1;
    }
    ptd_files_start();
    pthread_atfork(NULL, NULL, ptd_follow_forked);
    return 0;
}

/* start(session directory): installs the tracer; what came of it is told by state(). */
static PyObject *py_start(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    NEED(1);
    char *dir = copy_fs(args[0]);
    if (dir && !ptd_scope_recording() && !no_tracer[0])
        start_recording(dir);
    free(dir);
    PyErr_Clear();
    return none();
}

#define FAST(name)                                                                                 \
    {                                                                                              \
#name, PTD_CFUNCTION(py_##name), PTD_METH_FASTCALL, NULL                                   \
    }
static PyMethodDef functions[] = {
    FAST(start),       FAST(state),           FAST(fact),        FAST(root),
    FAST(exclude),     FAST(leave_out),       FAST(file),        FAST(use_file),
    FAST(fixture_new), FAST(collect_new),     FAST(push),        FAST(pop),
    FAST(use),         FAST(opaque),          FAST(test_begin),  FAST(test_end),
    FAST(collected),   FAST(flush),           FAST(deltas),      FAST(end),
    FAST(lines),       FAST(context),         FAST(lines_state), FAST(distribution),
    FAST(code),        {NULL, NULL, 0, NULL},
};

static struct PyModuleDef inner_def = {
    PyModuleDef_HEAD_INIT, "_pytdiff._c", NULL, -1, functions, NULL, NULL, NULL, NULL,
};
static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "_pytdiff", NULL, -1, NULL, NULL, NULL, NULL, NULL,
};

static int run_plugin_source(PyObject *module)
{
    PyObject *dict = PyModule_GetDict(module);
    PyObject *inner = PyModule_Create(&inner_def);
    PyObject *code = ptd_plugin_code("plugin");
    PyObject *result = NULL;
    if (inner && code && PyDict_SetItemString(dict, "_c", inner) == 0 &&
        PyDict_SetItemString(dict, "__builtins__", PyEval_GetBuiltins()) == 0)
        result = PyEval_EvalCode(code, dict, dict);
    Py_XDECREF(inner);
    Py_XDECREF(code);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

PyObject *PyInit__pytdiff(void)
{
    PyObject *module = PyModule_Create(&module_def);
    if (module && run_plugin_source(module) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}

int ptd_tracer_preinit(const char *mode)
{
    (void)mode;
    return PyImport_AppendInittab("_pytdiff", PyInit__pytdiff);
}
