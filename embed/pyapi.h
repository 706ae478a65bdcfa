/*
 * The only door to CPython: the limited API of 3.8, and what one shared object needs beyond it to
 * serve 3.8 to 3.14. Everything that differs between versions is looked up or learned here; the
 * other files never compare versions.
 */
#ifndef PTD_EMBED_PYAPI_H
#define PTD_EMBED_PYAPI_H

#define Py_LIMITED_API 0x03080000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reference counts are changed by function call: the inline forms know nothing of immortal objects
 * (3.12+). */
#undef Py_INCREF
#undef Py_DECREF
#undef Py_XDECREF
#define Py_INCREF(o)  Py_IncRef((PyObject *)(o))
#define Py_DECREF(o)  Py_DecRef((PyObject *)(o))
#define Py_XDECREF(o) Py_DecRef((PyObject *)(o))

/* METH_FASTCALL, fixed since 3.7 but hidden by the limited API of 3.8. */
#define PTD_METH_FASTCALL 0x0080

#define PTD_LIKELY(x) __builtin_expect(!!(x), 1)
/* A function as an entry of a method table. */
#define PTD_CFUNCTION(f) ((PyCFunction)(void (*)(void))(f))

typedef PyObject *(*ptd_vectorcall)(PyObject *, PyObject *const *, size_t, PyObject *);
typedef PyObject *(*ptd_fastcall)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*ptd_fastcall_kw)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

struct ptd_pyapi {
    int version;         /* 0x030b for 3.11 */
    PyObject *code_type; /* owned */
    /* Looked up at run time; NULL where this Python has none. */
    void *(*interpreter)(void);
    void *(*first_interpreter)(void);
    void *(*next_interpreter)(void *);
    void (*set_eval)(void *, void *);
    void *(*get_eval)(void *);
    void *eval_default;
    Py_ssize_t (*request_extra)(void (*)(void *));
    int (*set_extra)(PyObject *, Py_ssize_t, void *);
    int (*get_extra)(PyObject *, Py_ssize_t, void **);
    ptd_vectorcall vectorcall;
    const char *(*utf8)(PyObject *, Py_ssize_t *);
    int (*stack_effect)(int, int);
    /* Code objects carry a pointer of ours: its index, and the word of the code object that leads
     * there (0: not known, go through get_extra). */
    Py_ssize_t extra_index;
    unsigned extra_word;
};
extern struct ptd_pyapi ptd_py;

/* Fills `ptd_py` except for the extra slot. -1 with a reason when this is no Python that we serve.
 */
int ptd_pyapi_bind(char *why, size_t size);

/*
 * Requests the slot in code objects; `release` gets the pointers of code objects that die. `a` and
 * `b` are code objects that were never marked: with them the word is learned. -1 with a reason.
 */
int ptd_pyapi_bind_extra(PyObject *a, PyObject *b, void (*release)(void *), char *why, size_t size);

struct ptd_code_extra {
    Py_ssize_t size;
    void *items[1];
};

/* The same without the detour: NULL also where the word is not known. */
static inline void *ptd_pyapi_known_extra(PyObject *code)
{
    unsigned word = ptd_py.extra_word;
    struct ptd_code_extra *extra = word ? ((struct ptd_code_extra **)code)[word] : NULL;
    return PTD_LIKELY(extra && extra->size > ptd_py.extra_index) ? extra->items[ptd_py.extra_index]
                                                                 : NULL;
}

/* The pointer of a code object, NULL when it has none yet. */
static inline void *ptd_pyapi_extra(PyObject *code)
{
    void *found = NULL;
    if (PTD_LIKELY(ptd_py.extra_word))
        return ptd_pyapi_known_extra(code);
    if (ptd_py.get_extra(code, ptd_py.extra_index, &found) < 0)
        PyErr_Clear();
    return found;
}

/* Calls any callable with positional arguments and keyword names as a fast-call function got them.
 */
PyObject *ptd_pyapi_call(PyObject *callable, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames);

/*
 * Replaces the built-in function of that name in a module by `def`, which looks like it (module,
 * doc and signature), and hands out the original, owned. -1 with an exception.
 */
int ptd_wrap(const char *module_name, PyMethodDef *def, PyObject **original);

/* UTF-8 of a str, borrowed from it; NULL (no exception) when it is none or cannot be encoded. */
const char *ptd_pyapi_utf8(PyObject *str, size_t *len);

/* Attribute as long, or `otherwise`; clears the exception. */
long ptd_pyapi_long_attr(PyObject *object, const char *name, long otherwise);

/* Attributes that are asked for often: their names are made once. */
enum ptd_attr {
    PTD_ATTR_CO_FILENAME,
    PTD_ATTR_CO_FIRSTLINENO,
    PTD_ATTR_CO_NAME,
    PTD_ATTR_F_BACK,
    PTD_ATTR_F_CODE,
    PTD_ATTR_F_GLOBALS,
    PTD_ATTR_F_LASTI,
    PTD_ATTR_F_LINENO,
    PTD_ATTR_ORIGIN,
    PTD_ATTR_COUNT,
};

/* A new reference, NULL with an exception. */
PyObject *ptd_pyapi_attr(PyObject *object, enum ptd_attr attr);
/* As ptd_pyapi_long_attr. */
long ptd_pyapi_number(PyObject *object, enum ptd_attr attr, long otherwise);

#endif
