#include "scope_caller.h"

#include <link.h>
#include <string.h>

#include "pyapi.h"
#include "scope_ids.h"

#define MOST_FRAMES 200

/* Executable segments of the object that holds the interpreter. */
static struct {
    uintptr_t start, end;
} interpreter;
static PyObject *key_name; /* owned */

static int find_segment(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t wanted = *(uintptr_t *)arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = start + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type != PT_LOAD || wanted < start || wanted >= end)
            continue;
        interpreter.start = start;
        interpreter.end = end;
        return 1;
    }
    return 0;
}

void ptd_caller_start(void)
{
    PyObject *(*known)(const char *) = PyImport_ImportModule;
    uintptr_t address;
    memcpy(&address, &known, sizeof address);
    dl_iterate_phdr(find_segment, &address);
    key_name = PyUnicode_InternFromString("__name__");
    PyErr_Clear();
}

static bool is_one_of(const char *name, const char *const *packages)
{
    for (; *packages; packages++) {
        size_t len = strlen(*packages);
        if (!strncmp(name, *packages, len) && (!name[len] || name[len] == '.'))
            return true;
    }
    return false;
}

enum who {
    WHO_LIBRARY, /* on behalf of its caller */
    WHO_MACHINERY,
    WHO_USER,
};

static enum who judge(const char *name, PyObject *code, bool source)
{
    static const char *const helpers[] = {"pytest",     "_pytest", "pluggy",  "_pytdiff",
                                          "iniconfig",  "xdist",   "execnet", "coverage",
                                          "pytest_cov", NULL};
    static const char *const readers[] = {"linecache",
                                          "tokenize",
                                          "inspect",
                                          "traceback",
                                          "doctest",
                                          "importlib",
                                          "_frozen_importlib",
                                          "_frozen_importlib_external",
                                          "warnings",
                                          "pdb",
                                          "importlib_metadata",
                                          "pkg_resources",
                                          "zipimport",
                                          NULL};
    if (is_one_of(name, helpers))
        return WHO_MACHINERY;
    if (is_one_of(name, readers))
        return source ? WHO_MACHINERY : WHO_LIBRARY;
    PyObject *filename = ptd_pyapi_attr(code, PTD_ATTR_CO_FILENAME);
    enum who who = filename && ptd_ids_is_library(filename) ? WHO_LIBRARY : WHO_USER;
    Py_XDECREF(filename);
    return who;
}

static enum who judge_frame(PyObject *frame, bool source)
{
    enum who who = WHO_USER;
    PyObject *globals = ptd_pyapi_attr(frame, PTD_ATTR_F_GLOBALS);
    PyObject *code = ptd_pyapi_attr(frame, PTD_ATTR_F_CODE);
    PyObject *name =
        globals && PyDict_Check(globals) ? PyDict_GetItemWithError(globals, key_name) : NULL;
    const char *text = ptd_pyapi_utf8(name, NULL);
    if (code)
        who = judge(text ? text : "", code, source);
    Py_XDECREF(code);
    Py_XDECREF(globals);
    PyErr_Clear();
    return who;
}

static bool is_machinery(bool source)
{
    enum who who = WHO_LIBRARY;
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    Py_XINCREF(frame);
    for (int i = 0; frame && frame != Py_None && who == WHO_LIBRARY && i < MOST_FRAMES; i++) {
        who = judge_frame(frame, source);
        PyObject *back = ptd_pyapi_attr(frame, PTD_ATTR_F_BACK);
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    return who == WHO_MACHINERY;
}

/* The simple functions for the GIL know of one interpreter only. */
static bool is_alone(void)
{
    return !ptd_py.first_interpreter || !ptd_py.next_interpreter ||
           !ptd_py.next_interpreter(ptd_py.first_interpreter());
}

bool ptd_caller_is_machinery(const void *address, bool source)
{
    uintptr_t at = (uintptr_t)address;
    PyObject *type, *value, *traceback;
    if (address && (at < interpreter.start || at >= interpreter.end))
        return false;
    if (!is_alone() || (address && !PyGILState_GetThisThreadState()))
        return false;
    PyGILState_STATE state = PyGILState_Ensure();
    PyErr_Fetch(&type, &value, &traceback);
    bool result = is_machinery(source);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
    return result;
}
