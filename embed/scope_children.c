#include "scope_children.h"

#include <stdio.h>
#include <string.h>

#include "pyapi.h"
#include "scope.h"

/* Owned. */
static PyObject *fork_exec, *os_system, *os_posix_spawn, *os_posix_spawnp, *os_execv, *os_execve;

#define WRAPPER(name)                                                                              \
    static PyObject *wrap_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs,          \
                                 PyObject *kwnames)                                                \
    {                                                                                              \
        (void)self;                                                                                \
        ptd_scope_opaque();                                                                        \
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
