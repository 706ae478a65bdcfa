#include "scope_children.h"

#include <stdio.h>
#include <string.h>

#include "pyapi.h"
#include "scope.h"

/* Deep enough for a list of arguments inside the arguments. */
#define MOST_LEVELS 3

/* Owned. */
static PyObject *fork_exec, *os_system, *os_posix_spawn, *os_posix_spawnp, *os_execv, *os_execve;

static bool names_python(const char *text)
{
    size_t len = strlen(text);
    return strstr(text, "python") || strstr(text, "pytest") || strstr(text, "pyt-diff") ||
           (len > 3 && !strcmp(text + len - 3, ".py"));
}

/* A Python console script is started by its own name: its first line tells. */
static bool is_python_script(const char *path)
{
    char head[256];
    FILE *file = strchr(path, '/') ? fopen(path, "re") : NULL;
    if (!file)
        return false;
    size_t len = fread(head, 1, sizeof head - 1, file);
    fclose(file);
    head[len] = 0;
    return len > 2 && head[0] == '#' && head[1] == '!' && strstr(head, "python");
}

static bool is_python(PyObject *what, int levels);

static bool any_is_python(PyObject *sequence, int levels)
{
    bool found = false;
    Py_ssize_t count = PySequence_Size(sequence);
    for (Py_ssize_t i = 0; i < count && !found; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        found = item && is_python(item, levels - 1);
        Py_XDECREF(item);
    }
    PyErr_Clear();
    return found;
}

static bool is_python(PyObject *what, int levels)
{
    if ((PyTuple_Check(what) || PyList_Check(what)) && levels > 0)
        return any_is_python(what, levels);
    const char *text = PyBytes_Check(what) ? PyBytes_AsString(what) : ptd_pyapi_utf8(what, NULL);
    return text && (names_python(text) || is_python_script(text));
}

static void note_start(PyObject *const *args, Py_ssize_t nargs)
{
    /* The program and its arguments; what follows is the environment and descriptors. */
    for (Py_ssize_t i = 0; ptd_scope_recording() && i < nargs && i < 2; i++) {
        if (is_python(args[i], MOST_LEVELS)) {
            ptd_scope_opaque();
            return;
        }
    }
}

#define WRAPPER(name)                                                                              \
    static PyObject *wrap_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs,          \
                                 PyObject *kwnames)                                                \
    {                                                                                              \
        (void)self;                                                                                \
        note_start(args, nargs);                                                                   \
        return ptd_pyapi_call(name, args, nargs, kwnames);                                         \
    }

WRAPPER(fork_exec)
WRAPPER(os_system)
WRAPPER(os_posix_spawn)
WRAPPER(os_posix_spawnp)
WRAPPER(os_execv)
WRAPPER(os_execve)

#define DEF(name, function)                                                                        \
    {                                                                                              \
        name, PTD_CFUNCTION(wrap_##function), PTD_METH_FASTCALL | METH_KEYWORDS, NULL              \
    }
static PyMethodDef fork_exec_def = DEF("fork_exec", fork_exec);
static struct {
    PyMethodDef def;
    PyObject **original;
} os_functions[] = {
    {DEF("system", os_system), &os_system},
    {DEF("posix_spawn", os_posix_spawn), &os_posix_spawn},
    {DEF("posix_spawnp", os_posix_spawnp), &os_posix_spawnp},
    {DEF("execv", os_execv), &os_execv},
    {DEF("execve", os_execve), &os_execve},
};

/* The subprocess module copies the function when it is imported. */
static int replace_copy(void)
{
    PyObject *loaded = PySys_GetObject("modules");
    PyObject *subprocess = loaded ? PyDict_GetItemString(loaded, "subprocess") : NULL;
    if (!subprocess || !PyObject_HasAttrString(subprocess, "_fork_exec"))
        return 0;
    PyObject *module = PyImport_ImportModule("_posixsubprocess");
    PyObject *wrapped = module ? PyObject_GetAttrString(module, "fork_exec") : NULL;
    int result = wrapped ? PyObject_SetAttrString(subprocess, "_fork_exec", wrapped) : -1;
    Py_XDECREF(wrapped);
    Py_XDECREF(module);
    return result;
}

int ptd_children_wrap(char *why, size_t size)
{
    int result = ptd_wrap("_posixsubprocess", &fork_exec_def, &fork_exec);
    if (result == 0)
        result = replace_copy();
    for (size_t i = 0; result == 0 && i < sizeof os_functions / sizeof *os_functions; i++)
        result = ptd_wrap("os", &os_functions[i].def, os_functions[i].original);
    if (result == 0)
        return 0;
    PyErr_Clear();
    snprintf(why, size, "the functions that start programs cannot be wrapped");
    return -1;
}
