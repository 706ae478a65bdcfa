#include "pyapi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ptd_pyapi ptd_py = {.extra_index = -1};

static void *symbol(const char *name, const char *older)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    return found || !older ? found : dlsym(RTLD_DEFAULT, older);
}

/* ISO C has no conversion from an object to a function pointer; POSIX guarantees this one. */
#define BIND(field, name, older) (*(void **)&ptd_py.field = symbol(name, older))

static int bind_code_type(void)
{
    PyObject *code = Py_CompileString("0", "<pyt-diff>", Py_eval_input);
    if (!code)
        return -1;
    ptd_py.code_type = PyObject_Type(code);
    Py_DECREF(code);
    return ptd_py.code_type ? 0 : -1;
}

static bool free_threaded(void)
{
    PyObject *flags = PySys_GetObject("abiflags");
    const char *text = flags ? ptd_pyapi_utf8(flags, NULL) : NULL;
    return text && strchr(text, 't');
}

int ptd_pyapi_bind(char *why, size_t size)
{
    PyObject *hex = PySys_GetObject("hexversion");
    unsigned long version = hex ? PyLong_AsUnsignedLong(hex) : 0;
    ptd_py.version = (int)(version >> 16);
    BIND(interpreter, "PyInterpreterState_Get", "_PyInterpreterState_Get");
    BIND(first_interpreter, "PyInterpreterState_Head", NULL);
    BIND(next_interpreter, "PyInterpreterState_Next", NULL);
    BIND(set_eval, "_PyInterpreterState_SetEvalFrameFunc", NULL);
    BIND(get_eval, "_PyInterpreterState_GetEvalFrameFunc", NULL);
    BIND(eval_default, "_PyEval_EvalFrameDefault", NULL);
    BIND(request_extra, "PyUnstable_Eval_RequestCodeExtraIndex", "_PyEval_RequestCodeExtraIndex");
    BIND(set_extra, "PyUnstable_Code_SetExtra", "_PyCode_SetExtra");
    BIND(get_extra, "PyUnstable_Code_GetExtra", "_PyCode_GetExtra");
    BIND(vectorcall, "PyObject_Vectorcall", "_PyObject_Vectorcall");
    BIND(utf8, "PyUnicode_AsUTF8AndSize", NULL);
    BIND(stack_effect, "PyCompile_OpcodeStackEffect", NULL);
    if (ptd_py.version < 0x0308 || ptd_py.version > 0x030e) {
        snprintf(why, size, "Python %lu.%lu is not supported", version >> 24,
                 (version >> 16) & 255);
        return -1;
    }
    if (!ptd_py.utf8 || bind_code_type() < 0) {
        PyErr_Clear();
        snprintf(why, size, "this Python lacks a function that is needed");
        return -1;
    }
    if (free_threaded()) {
        snprintf(why, size, "free-threaded Python is not supported");
        return -1;
    }
    return 0;
}

/* The word of a code object that changes when its extra slot is first set; 0 when it cannot be
 * told. */
static unsigned learn_word(PyObject *code)
{
    void *snapshot[256];
    long words = ptd_pyapi_long_attr(ptd_py.code_type, "__basicsize__", 0) / (long)sizeof(void *);
    if (words < 8 || words > 256)
        return 0;
    memcpy(snapshot, code, (size_t)words * sizeof(void *));
    char *mark = malloc(1);
    if (!mark || ptd_py.set_extra(code, ptd_py.extra_index, mark) < 0) {
        free(mark);
        PyErr_Clear();
        return 0;
    }
    unsigned changed = 0;
    int count = 0;
    for (long i = 2; i < words; i++) {
        if (((void **)code)[i] != snapshot[i]) {
            changed = (unsigned)i;
            count++;
        }
    }
    void *back = NULL;
    bool good = count == 1 && !snapshot[changed];
    if (good) {
        struct ptd_code_extra *extra = ((struct ptd_code_extra **)code)[changed];
        good = extra->size > ptd_py.extra_index && extra->items[ptd_py.extra_index] == mark;
    }
    if (ptd_py.get_extra(code, ptd_py.extra_index, &back) < 0 || back != mark)
        good = false;
    ptd_py.set_extra(code, ptd_py.extra_index, NULL); /* gives the mark to `release` */
    return good ? changed : 0;
}

int ptd_pyapi_bind_extra(PyObject *a, PyObject *b, void (*release)(void *), char *why, size_t size)
{
    if (ptd_py.extra_index >= 0)
        return 0;
    if (ptd_py.request_extra && ptd_py.set_extra && ptd_py.get_extra)
        ptd_py.extra_index = ptd_py.request_extra(release);
    if (ptd_py.extra_index < 0) {
        PyErr_Clear();
        snprintf(why, size, "code objects of this Python have no slot for a tool");
        return -1;
    }
    unsigned word = learn_word(a);
    ptd_py.extra_word = word && learn_word(b) == word ? word : 0;
    return 0;
}

static PyObject *call_slowly(PyObject *callable, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames)
{
    Py_ssize_t count = kwnames ? PyTuple_Size(kwnames) : 0;
    PyObject *result = NULL;
    PyObject *tuple = PyTuple_New(nargs);
    PyObject *dict = count ? PyDict_New() : NULL;
    if (!tuple || (count && !dict))
        goto done;
    for (Py_ssize_t i = 0; i < nargs; i++) {
        Py_INCREF(args[i]);
        PyTuple_SetItem(tuple, i, args[i]);
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyDict_SetItem(dict, PyTuple_GetItem(kwnames, i), args[nargs + i]) < 0)
            goto done;
    }
    result = PyObject_Call(callable, tuple, dict);
done:
    Py_XDECREF(tuple);
    Py_XDECREF(dict);
    return result;
}

PyObject *ptd_pyapi_call(PyObject *callable, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames)
{
    if (ptd_py.vectorcall)
        return ptd_py.vectorcall(callable, args, (size_t)nargs, kwnames);
    return call_slowly(callable, args, nargs, kwnames);
}

/* "name(signature)\n--\n\ndoc", from which Python tells them apart; lives forever. */
static char *signed_doc(const char *name, const char *signature, const char *doc)
{
    size_t size = strlen(name) + strlen(signature) + strlen(doc) + 8;
    char *full = malloc(size);
    if (full)
        snprintf(full, size, "%s%s\n--\n\n%s", name, signature, doc);
    return full;
}

static PyObject *disguise(PyMethodDef *def, PyObject *original, PyObject *module)
{
    PyObject *doc = PyObject_GetAttrString(original, "__doc__");
    PyErr_Clear();
    PyObject *signature = PyObject_GetAttrString(original, "__text_signature__");
    PyErr_Clear();
    const char *text = ptd_pyapi_utf8(doc, NULL);
    const char *shape = ptd_pyapi_utf8(signature, NULL);
    if (text && shape)
        def->ml_doc = signed_doc(def->ml_name, shape, text);
    else if (text)
        def->ml_doc = strdup(text);
    Py_XDECREF(doc);
    Py_XDECREF(signature);
    PyObject *module_name = PyObject_GetAttrString(module, "__name__");
    PyObject *function = module_name ? PyCFunction_NewEx(def, module, module_name) : NULL;
    Py_XDECREF(module_name);
    return function;
}

int ptd_wrap(const char *module_name, PyMethodDef *def, PyObject **original)
{
    PyObject *module = PyImport_ImportModule(module_name);
    *original = module ? PyObject_GetAttrString(module, def->ml_name) : NULL;
    PyObject *function = *original ? disguise(def, *original, module) : NULL;
    int result = function ? PyObject_SetAttrString(module, def->ml_name, function) : -1;
    Py_XDECREF(function);
    Py_XDECREF(module);
    return result;
}

const char *ptd_pyapi_utf8(PyObject *str, size_t *len)
{
    Py_ssize_t size = 0;
    if (!str || !PyUnicode_Check(str))
        return NULL;
    const char *text = ptd_py.utf8(str, &size);
    if (!text)
        PyErr_Clear();
    if (len)
        *len = (size_t)size;
    return text;
}

static long to_long(PyObject *value, long otherwise)
{
    long number = value ? PyLong_AsLong(value) : otherwise;
    Py_XDECREF(value);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return otherwise;
    }
    return number;
}

long ptd_pyapi_long_attr(PyObject *object, const char *name, long otherwise)
{
    return to_long(PyObject_GetAttrString(object, name), otherwise);
}

PyObject *ptd_pyapi_attr(PyObject *object, enum ptd_attr attr)
{
    static const char *const texts[PTD_ATTR_COUNT] = {
        [PTD_ATTR_CO_FILENAME] = "co_filename", [PTD_ATTR_CO_FIRSTLINENO] = "co_firstlineno",
        [PTD_ATTR_CO_NAME] = "co_name",         [PTD_ATTR_F_BACK] = "f_back",
        [PTD_ATTR_F_CODE] = "f_code",           [PTD_ATTR_F_GLOBALS] = "f_globals",
        [PTD_ATTR_F_LASTI] = "f_lasti",         [PTD_ATTR_F_LINENO] = "f_lineno",
        [PTD_ATTR_ORIGIN] = "origin",
    };
    static PyObject *names[PTD_ATTR_COUNT]; /* owned */
    if (!names[attr])
        names[attr] = PyUnicode_InternFromString(texts[attr]);
    return names[attr] ? PyObject_GetAttr(object, names[attr]) : NULL;
}

long ptd_pyapi_number(PyObject *object, enum ptd_attr attr, long otherwise)
{
    return to_long(ptd_pyapi_attr(object, attr), otherwise);
}
