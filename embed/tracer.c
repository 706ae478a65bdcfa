#include "tracer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scope_ids.h"
#include "scope_once.h"

static const struct ptd_mechanism *mechanism; /* NULL: nothing is traced */

static void release_code(void *code)
{
    if (code != PTD_CODE_IGNORED)
        free(code);
}

static uint32_t code_id(PyObject *code, uint32_t file, bool *module_body)
{
    size_t len = 0;
    PyObject *name = ptd_pyapi_attr(code, PTD_ATTR_CO_NAME);
    long line = ptd_pyapi_number(code, PTD_ATTR_CO_FIRSTLINENO, 0);
    const char *text = ptd_pyapi_utf8(name, &len);
    if (!text) {
        text = "?";
        len = 1;
    }
    *module_body = !strcmp(text, "<module>");
    uint32_t id = ptd_ids_code(file, line > 0 ? (uint32_t)line : 0, text, len);
    Py_XDECREF(name);
    PyErr_Clear();
    return id;
}

/* Gives a function whose results may be kept its scope. */
static void suspect(PyObject *object, struct ptd_code *code)
{
    char label[1024];
    if (!ptd_scope_recording() || ptd_following ||
        !ptd_once_is_suspect(object, code->file, code->id, label, sizeof label))
        return;
    uint32_t scope = ptd_scope_new(PTD_SCOPE_ONCE, code->file, label);
    code->once = scope == PTD_J_NO_SCOPE ? 0 : scope + 1;
}

static struct ptd_code *make_code(PyObject *object)
{
    PyObject *filename = ptd_pyapi_attr(object, PTD_ATTR_CO_FILENAME);
    uint32_t file = ptd_ids_watched(filename);
    Py_XDECREF(filename);
    PyErr_Clear();
    if (file == PTD_UNWATCHED)
        return PTD_CODE_IGNORED;
    struct ptd_code *code = calloc(1, sizeof *code);
    if (!code) {
        ptd_scope_disturbed();
        return PTD_CODE_IGNORED;
    }
    code->file = file;
    code->id = code_id(object, file, &code->module_body);
    if (!code->module_body)
        suspect(object, code);
    return code;
}

struct ptd_code *ptd_tracer_decide(PyObject *object)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    struct ptd_code *code = make_code(object);
    if (ptd_py.set_extra(object, ptd_py.extra_index, code) < 0) {
        PyErr_Clear();
        release_code(code);
        ptd_scope_disturbed();
        code = PTD_CODE_IGNORED;
    }
    PyErr_Restore(type, value, traceback);
    return code;
}

/* ---- self-check ---- */

static const char probe_source[] = "def leaf():\n"
                                   "    return 1\n"
                                   "def generator():\n"
                                   "    yield leaf()\n"
                                   "    yield 2\n"
                                   "def top():\n"
                                   "    g = generator()\n"
                                   "    return [x for x in (next(g), next(g))]\n";
#define PROBE_MAX 32

bool ptd_probing;
static PyObject *probe_namespace;
static PyObject *probe_seen[PROBE_MAX]; /* borrowed: the namespace holds them */
static int probe_count;

void ptd_probe_seen(PyObject *code)
{
    if (probe_count < PROBE_MAX)
        probe_seen[probe_count++] = code;
}

PyObject *ptd_probe_code(const char *name)
{
    PyObject *function = PyDict_GetItemString(probe_namespace, name);
    PyObject *code = function ? PyObject_GetAttrString(function, "__code__") : NULL;
    Py_XDECREF(code);
    return code;
}

int ptd_probe_call(const char *name)
{
    PyObject *function = PyDict_GetItemString(probe_namespace, name);
    PyObject *result = function ? PyObject_CallObject(function, NULL) : NULL;
    Py_XDECREF(result);
    if (!result)
        PyErr_Clear();
    return result ? 0 : -1;
}

static int prepare_probe(char *why, size_t size)
{
    probe_namespace = PyDict_New();
    PyObject *code = Py_CompileString(probe_source, "<pyt-diff probe>", Py_file_input);
    PyObject *result = NULL;
    if (probe_namespace && code &&
        PyDict_SetItemString(probe_namespace, "__builtins__", PyEval_GetBuiltins()) == 0)
        result = PyEval_EvalCode(code, probe_namespace, probe_namespace);
    Py_XDECREF(code);
    Py_XDECREF(result);
    if (result)
        return 0;
    PyErr_Clear();
    snprintf(why, size, "the self-check does not run");
    return -1;
}

static int times_seen(PyObject *code)
{
    int count = 0;
    for (int i = 0; i < probe_count; i++)
        count += probe_seen[i] == code;
    return count;
}

static int prove(char *why, size_t size)
{
    static const char *const functions[] = {"leaf", "generator", "top"};
    probe_count = 0;
    if (ptd_probe_call("top") < 0) {
        snprintf(why, size, "the self-check failed under the tracer");
        return -1;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!times_seen(ptd_probe_code(functions[i]))) {
            snprintf(why, size, "the tracer did not see the function %s of its self-check",
                     functions[i]);
            return -1;
        }
    }
    return 0;
}

int ptd_tracer_start(char why[PTD_TRACER_WHY])
{
    if (mechanism)
        return 0;
    if (prepare_probe(why, PTD_TRACER_WHY) < 0 ||
        ptd_pyapi_bind_extra(ptd_probe_code("leaf"), ptd_probe_code("generator"), release_code, why,
                             PTD_TRACER_WHY) < 0)
        return -1;
    const struct ptd_mechanism *wanted =
        ptd_py.version >= 0x030c ? &ptd_mechanism_monitoring : &ptd_mechanism_eval;
    ptd_probing = true;
    int result = wanted->start(why, PTD_TRACER_WHY);
    if (result == 0 && prove(why, PTD_TRACER_WHY) < 0) {
        wanted->stop();
        result = -1;
    }
    ptd_probing = false;
    if (result == 0) {
        mechanism = wanted;
        if (!ptd_following)
            ptd_once_start();
        mechanism->arrive();
    }
    PyErr_Clear();
    return result;
}

const char *ptd_tracer_name(void)
{
    return mechanism ? mechanism->name : NULL;
}

bool ptd_tracer_leave(void)
{
    return !mechanism || mechanism->leave();
}

void ptd_tracer_arrive(void)
{
    if (mechanism)
        mechanism->arrive();
}

void ptd_tracer_again(void)
{
    if (mechanism && mechanism->again)
        mechanism->again();
}
