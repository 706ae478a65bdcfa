/*
 * sys.monitoring, Python 3.12 and later. One tool watches everything, only to discover: each
 * location answers DISABLE. A second tool has local events on watched code; a location that was hit
 * often in one scope is switched off until the next scope. It must be another tool: what DISABLE
 * switched off for one comes back only with events of its own that change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer.h"
#include "tracer_lines.h"

/* Hits of one code object in one scope before its events are switched off. */
#define ENOUGH_HITS 100
/* CPython counts changes of events and refuses them in the end; ours stop long before that. */
#define MOST_CHANGES (1u << 22)

static PyObject *monitoring, *disable, *set_local_events, *get_events, *get_tool;
static PyObject *finder_id, *local_id, *no_events, *local_events; /* ints */
static PyObject *suspect_events;                                  /* int: entries and exits */
static long finder = -1, local = -1, wanted_events, unwind_event;
static bool unwinding; /* frames that end by an exception are watched */
static uint32_t changes;
static bool lost; /* a tool of ours was freed by other code */

static PyObject **pending; /* owned references: code to be armed at the next scope */
static size_t pending_count, pending_cap;

static PyObject *answer_disable(void)
{
    Py_INCREF(disable);
    return disable;
}

static PyObject *answer_none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

static void set_local(PyObject *code, PyObject *events)
{
    PyObject *args[3] = {local_id, code, events};
    PyObject *result = ptd_pyapi_call(set_local_events, args, 3, NULL);
    changes++;
    Py_XDECREF(result);
    if (!result) {
        PyErr_Clear();
        ptd_scope_disturbed();
    }
}

static void arm(PyObject *object, struct ptd_code *code)
{
    if (code->armed == PTD_ARM_OFF)
        set_local(object, no_events);
    set_local(object, code->once ? suspect_events : local_events);
    code->armed = PTD_ARM_ON;
}

/* The first suspect. The event costs each frame that an exception ends, so not before. */
static void watch_unwinding(void)
{
    PyObject *result =
        PyObject_CallMethod(monitoring, "set_events", "ll", finder, wanted_events | unwind_event);
    Py_XDECREF(result);
    unwinding = true;
    if (result) {
        wanted_events |= unwind_event;
        return;
    }
    PyErr_Clear();
    ptd_scope_disturbed();
}

/* A suspect runs for the first time: it is seen at once, and never switched off. */
static void discover_suspect(PyObject *object, struct ptd_code *code)
{
    if (!unwinding)
        watch_unwinding();
    arm(object, code);
    ptd_scope_once_enter(code);
}

static bool arm_later(PyObject *object)
{
    if (pending_count == pending_cap) {
        size_t cap = pending_cap ? pending_cap * 2 : 256;
        PyObject **grown = realloc(pending, cap * sizeof *grown);
        if (!grown)
            return false;
        pending = grown;
        pending_cap = cap;
    }
    Py_INCREF(object);
    pending[pending_count++] = object;
    return true;
}

/* The first sight of a location. */
static PyObject *on_discovery(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)self;
    if (nargs < 1)
        return answer_none();
    if (ptd_probing) {
        ptd_probe_seen(args[0]);
        return answer_disable();
    }
    struct ptd_code *code = ptd_tracer_code(args[0]);
    if (!code)
        return answer_disable();
    if (ptd_following) {
        ptd_code_enter_following(code);
        if (code->armed != PTD_ARM_ON)
            arm(args[0], code);
        return answer_disable();
    }
    if (ptd_lines_discovered)
        ptd_lines_discovered(args[0], code);
    if (code->once) {
        if (code->armed == PTD_ARM_NEW)
            discover_suspect(args[0], code);
        return answer_disable();
    }
    ptd_code_enter(code);
    if (code->armed == PTD_ARM_NEW) {
        /* Settled for this scope: it need not be seen before the next one. */
        if (code->epoch == ptd_epoch && arm_later(args[0]))
            code->armed = PTD_ARM_WAITING;
        else
            arm(args[0], code);
    } else if (code->armed == PTD_ARM_WAITING && code->epoch != ptd_epoch) {
        arm(args[0], code);
    }
    return answer_disable();
}

static PyObject *on_entry(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)self;
    struct ptd_code *code = nargs < 1 || ptd_probing ? NULL : ptd_tracer_code(args[0]);
    if (!code)
        return answer_none();
    /* Nobody would switch it on again when something else becomes current. */
    if (ptd_following) {
        ptd_code_enter_following(code);
        return answer_none();
    }
    if (code->once) {
        ptd_scope_once_enter(code);
        return answer_none();
    }
    if (code->epoch != ptd_epoch) {
        code->hits = 0;
        ptd_scope_enter(code);
        return answer_none();
    }
    if (++code->hits < ENOUGH_HITS || changes > MOST_CHANGES)
        return answer_none();
    if (code->armed != PTD_ARM_OFF && arm_later(args[0]))
        code->armed = PTD_ARM_OFF;
    return code->armed == PTD_ARM_OFF ? answer_disable() : answer_none();
}

/* A generator that is resumed by an exception; this event cannot be disabled. */
static PyObject *on_throw(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)self;
    struct ptd_code *code = nargs < 1 || ptd_probing ? NULL : ptd_tracer_code(args[0]);
    if (code && ptd_following) {
        ptd_code_enter_following(code);
        return answer_none();
    }
    if (!code)
        return answer_none();
    if (code->once && code->armed == PTD_ARM_NEW)
        discover_suspect(args[0], code);
    else if (code->once)
        ptd_scope_once_enter(code);
    else
        ptd_code_enter(code);
    return answer_none();
}

/* A suspect returns, yields, or is ended by an exception. */
static PyObject *on_leave(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)self;
    struct ptd_code *code = nargs < 1 || ptd_probing ? NULL : ptd_pyapi_extra(args[0]);
    if (code && code->once)
        ptd_scope_once_leave(code->once - 1);
    return answer_none();
}

static PyMethodDef discovery_def = {"discovery", PTD_CFUNCTION(on_discovery), PTD_METH_FASTCALL,
                                    NULL};
static PyMethodDef entry_def = {"entry", PTD_CFUNCTION(on_entry), PTD_METH_FASTCALL, NULL};
static PyMethodDef throw_def = {"throw", PTD_CFUNCTION(on_throw), PTD_METH_FASTCALL, NULL};
static PyMethodDef exit_def = {"exit", PTD_CFUNCTION(on_leave), PTD_METH_FASTCALL, NULL};

static long event(const char *name)
{
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    long bit = events ? ptd_pyapi_long_attr(events, name, 0) : 0;
    Py_XDECREF(events);
    PyErr_Clear();
    return bit;
}

static int done(PyObject *result)
{
    Py_XDECREF(result);
    if (result)
        return 0;
    PyErr_Clear();
    return -1;
}

static int register_callback(long tool, long bit, PyMethodDef *def)
{
    PyObject *function = PyCFunction_NewEx(def, NULL, NULL);
    int result =
        function
            ? done(PyObject_CallMethod(monitoring, "register_callback", "llO", tool, bit, function))
            : -1;
    Py_XDECREF(function);
    return result;
}

/* Only the two ids that no kind of tool has for itself. */
static int take_tools(char *why, size_t size)
{
    if (done(PyObject_CallMethod(monitoring, "use_tool_id", "is", 3, "pyt-diff")) == 0)
        finder = 3;
    if (done(PyObject_CallMethod(monitoring, "use_tool_id", "is", 4, "pyt-diff (local)")) == 0)
        local = 4;
    if (finder == 3 && local == 4)
        return 0;
    snprintf(why, size, "another tool uses sys.monitoring id %d", finder == 3 ? 4 : 3);
    return -1;
}

static int bind(char *why, size_t size)
{
    monitoring = PySys_GetObject("monitoring");
    if (!monitoring) {
        snprintf(why, size, "this Python has no sys.monitoring");
        return -1;
    }
    Py_INCREF(monitoring);
    disable = PyObject_GetAttrString(monitoring, "DISABLE");
    set_local_events = PyObject_GetAttrString(monitoring, "set_local_events");
    get_events = PyObject_GetAttrString(monitoring, "get_events");
    get_tool = PyObject_GetAttrString(monitoring, "get_tool");
    PyErr_Clear();
    if (disable && set_local_events && get_events && get_tool)
        return 0;
    snprintf(why, size, "sys.monitoring lacks a function that is needed");
    return -1;
}

static void stop(void)
{
    if (finder >= 0) {
        done(PyObject_CallMethod(monitoring, "set_events", "li", finder, 0));
        done(PyObject_CallMethod(monitoring, "free_tool_id", "l", finder));
    }
    if (local >= 0)
        done(PyObject_CallMethod(monitoring, "free_tool_id", "l", local));
    finder = local = -1;
}

static int switch_on(void)
{
    long start_bit = event("PY_START"), resume_bit = event("PY_RESUME"),
         throw_bit = event("PY_THROW"), return_bit = event("PY_RETURN"),
         yield_bit = event("PY_YIELD");
    unwind_event = event("PY_UNWIND");
    if (!start_bit || !resume_bit || !throw_bit || !return_bit || !yield_bit || !unwind_event)
        return -1;
    wanted_events = start_bit | resume_bit | throw_bit;
    finder_id = PyLong_FromLong(finder);
    local_id = PyLong_FromLong(local);
    no_events = PyLong_FromLong(0);
    local_events = PyLong_FromLong(start_bit | resume_bit);
    suspect_events = PyLong_FromLong(start_bit | resume_bit | return_bit | yield_bit);
    if (!suspect_events || !finder_id || !local_id || !no_events || !local_events ||
        register_callback(finder, start_bit, &discovery_def) < 0 ||
        register_callback(finder, resume_bit, &discovery_def) < 0 ||
        register_callback(finder, throw_bit, &throw_def) < 0 ||
        register_callback(local, start_bit, &entry_def) < 0 ||
        register_callback(local, resume_bit, &entry_def) < 0 ||
        register_callback(local, return_bit, &exit_def) < 0 ||
        register_callback(local, yield_bit, &exit_def) < 0 ||
        register_callback(finder, unwind_event, &exit_def) < 0)
        return -1;
    return done(PyObject_CallMethod(monitoring, "set_events", "ll", finder, wanted_events));
}

static int start(char *why, size_t size)
{
    if (bind(why, size) < 0)
        return -1;
    if (take_tools(why, size) == 0) {
        if (switch_on() == 0)
            return 0;
        snprintf(why, size, "sys.monitoring refused the events");
    }
    PyErr_Clear();
    stop();
    return -1;
}

static bool is_ours(PyObject *id)
{
    PyObject *name = ptd_pyapi_call(get_tool, &id, 1, NULL);
    const char *text = name ? ptd_pyapi_utf8(name, NULL) : NULL;
    bool ours = text && !strncmp(text, "pyt-diff", 8);
    Py_XDECREF(name);
    PyErr_Clear();
    return ours;
}

static bool leave(void)
{
    if (lost)
        return false;
    PyObject *events = ptd_pyapi_call(get_events, &finder_id, 1, NULL);
    long now = events ? PyLong_AsLong(events) : -1;
    Py_XDECREF(events);
    PyErr_Clear();
    if (!is_ours(finder_id) || !is_ours(local_id)) {
        lost = true;
        return false;
    }
    if (now == wanted_events)
        return true;
    done(PyObject_CallMethod(monitoring, "set_events", "ll", finder, wanted_events));
    return false;
}

static void arrive(void)
{
    PyObject **list = pending;
    size_t count = pending_count;
    if (!count)
        return;
    /* Taken over first: releasing code can run code of the user that queues more. */
    pending = NULL;
    pending_count = pending_cap = 0;
    for (size_t i = 0; i < count; i++) {
        struct ptd_code *code = ptd_tracer_code(list[i]);
        if (!code || code->armed == PTD_ARM_ON)
            continue;
        /* A suspect that runs again in the same surroundings: this one is settled for it, too. */
        if (code->epoch != ptd_epoch || !arm_later(list[i]))
            arm(list[i], code);
    }
    for (size_t i = 0; i < count; i++)
        Py_DECREF(list[i]);
    free(list);
}

const struct ptd_mechanism ptd_mechanism_monitoring = {"monitoring", start,  stop,
                                                       leave,        arrive, arrive};
