/*
 * Lines by LINE events of sys.monitoring, Python 3.12 and later. A tool of its own has them on the
 * code objects whose lines count. A line that was noted before needs no event until the next
 * context; but switching code back on costs as much as some hundred events, so only code that
 * shows itself to be hot is switched off, line by line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer_lines.h"

/* The only id that neither a kind of tool that is in use nor the tracer has. */
#define TOOL 5
/* Events of one code object in one context that told nothing new, before they are switched off. */
#define ENOUGH_EVENTS 300
/* CPython counts changes of events and refuses them in the end; ours stop long before that. */
#define MOST_CHANGES (1u << 22)

static PyObject *monitoring, *disable, *set_local_events, *get_tool;
static PyObject *tool_id, *no_events, *line_events; /* ints */
static const char tool_name[] = "pyt-diff (lines)";
static uint32_t changes;
static uint32_t serial = 1; /* of the context */
static bool failed;

static PyObject **hot; /* owned references: code that was switched off in this context */
static size_t hot_count, hot_cap;

static void set_local(PyObject *object, PyObject *events)
{
    PyObject *args[3] = {tool_id, object, events};
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *result = ptd_pyapi_call(set_local_events, args, 3, NULL);
    changes++;
    failed = failed || !result;
    Py_XDECREF(result);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

static void discovered(PyObject *object, struct ptd_code *code)
{
    if (!code->lines_on && ptd_lines_wanted(code)) {
        code->lines_on = true;
        set_local(object, line_events);
    }
}

/* Whether events of this code may be switched off until the next context. */
static bool is_hot(PyObject *object, struct ptd_code *code)
{
    if (code->lines_context != serial) {
        code->lines_context = serial;
        code->lines_events = 0;
    }
    if (++code->lines_events < ENOUGH_EVENTS || changes > MOST_CHANGES)
        return false;
    if (code->lines_events > ENOUGH_EVENTS)
        return true;
    if (hot_count == hot_cap) {
        size_t cap = hot_cap ? hot_cap * 2 : 64;
        PyObject **grown = realloc(hot, cap * sizeof *grown);
        if (!grown) {
            code->lines_events = 0;
            return false;
        }
        hot = grown;
        hot_cap = cap;
    }
    Py_INCREF(object);
    hot[hot_count++] = object;
    return true;
}

static PyObject *on_line(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)self;
    PyObject *answer = Py_None;
    struct ptd_code *code = nargs < 2 ? NULL : ptd_tracer_code(args[0]);
    if (code && !ptd_lines_note(code, PyLong_AsLong(args[1])) && is_hot(args[0], code))
        answer = disable;
    Py_INCREF(answer);
    return answer;
}
static PyMethodDef line_def = {"line", PTD_CFUNCTION(on_line), PTD_METH_FASTCALL, NULL};

static void next_context(void)
{
    PyObject **list = hot;
    size_t count = hot_count;
    serial++;
    if (!count)
        return;
    /* Taken over first: releasing code can run code of the user that adds more. */
    hot = NULL;
    hot_count = hot_cap = 0;
    for (size_t i = 0; i < count; i++) {
        set_local(list[i], no_events);
        set_local(list[i], line_events);
        Py_DECREF(list[i]);
    }
    free(list);
}

static bool intact(void)
{
    PyObject *name = ptd_pyapi_call(get_tool, &tool_id, 1, NULL);
    const char *text = name ? ptd_pyapi_utf8(name, NULL) : NULL;
    bool ours = text && !strcmp(text, tool_name);
    Py_XDECREF(name);
    PyErr_Clear();
    return ours && !failed;
}

static int done(PyObject *result)
{
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int switch_on(void)
{
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    long bit = events ? ptd_pyapi_long_attr(events, "LINE", 0) : 0;
    PyObject *function = PyCFunction_NewEx(&line_def, NULL, NULL);
    Py_XDECREF(events);
    disable = PyObject_GetAttrString(monitoring, "DISABLE");
    set_local_events = PyObject_GetAttrString(monitoring, "set_local_events");
    get_tool = PyObject_GetAttrString(monitoring, "get_tool");
    tool_id = PyLong_FromLong(TOOL);
    no_events = PyLong_FromLong(0);
    line_events = PyLong_FromLong(bit);
    int result = -1;
    if (bit && function && disable && set_local_events && get_tool && tool_id && no_events &&
        line_events)
        result =
            done(PyObject_CallMethod(monitoring, "register_callback", "ilO", TOOL, bit, function));
    Py_XDECREF(function);
    return result;
}

static int start(char *why, size_t size)
{
    monitoring = PySys_GetObject("monitoring");
    if (!monitoring) {
        snprintf(why, size, "this Python has no sys.monitoring");
        return -1;
    }
    Py_INCREF(monitoring);
    if (done(PyObject_CallMethod(monitoring, "use_tool_id", "is", TOOL, tool_name)) < 0) {
        snprintf(why, size, "another tool uses sys.monitoring id %d", TOOL);
        return -1;
    }
    if (switch_on() == 0) {
        ptd_lines_discovered = discovered;
        return 0;
    }
    PyErr_Clear();
    done(PyObject_CallMethod(monitoring, "free_tool_id", "i", TOOL));
    snprintf(why, size, "sys.monitoring refused the events");
    return -1;
}

const struct ptd_lines_mechanism ptd_lines_monitoring = {start, next_context, intact};
