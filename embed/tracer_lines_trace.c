/*
 * Lines by a trace function, Python 3.8 to 3.11. Each thread has its own; the frame evaluation hook
 * sees every thread and puts ours in where it is missing. What was there (a debugger, coverage.py)
 * stays the thread's trace object, and its function is called by ours.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "tracer_lines.h"

typedef int (*tracefunc)(PyObject *self, PyObject *frame, int what, PyObject *arg);

/* PyTrace_LINE; the limited API hides it. */
#define WHAT_LINE 2
/* How many words of a thread's state are searched; the structure is larger than that. */
#define THREAD_WORDS 24

unsigned ptd_lines_word;
void *ptd_lines_function;

static void (*set_trace)(tracefunc, PyObject *);
static int (*line_number)(PyObject *frame);
static PyObject *(*frame_code)(PyObject *frame); /* NULL on 3.8 */
/* Which word of a frame is its code object, and at which int its line stands; 0: not known, the
 * functions above tell. Before 3.10 these search the line from the top of the function. */
static unsigned code_word, line_int;
static unsigned object_word; /* the word behind the function's object */
static PyObject *settrace;   /* sys.settrace; owned */

/* The function of this thread that was there before ours. */
static __thread tracefunc next __attribute__((tls_model("initial-exec")));
/* Ours is being put in: audit hooks, which may be Python functions, are told of it. */
static __thread bool taking __attribute__((tls_model("initial-exec")));

/* A new reference. */
static PyObject *code_of(PyObject *frame)
{
    return frame_code ? frame_code(frame) : PyObject_GetAttrString(frame, "f_code");
}

static void note(PyObject *frame)
{
    PyObject *object = code_word ? ((PyObject **)frame)[code_word] : code_of(frame);
    struct ptd_code *code = object ? ptd_tracer_code(object) : NULL;
    if (code)
        ptd_lines_note(code, line_int ? ((int *)frame)[line_int] : line_number(frame));
    if (!code_word)
        Py_XDECREF(object);
}

static int on_trace(PyObject *self, PyObject *frame, int what, PyObject *arg)
{
    if (what == WHAT_LINE)
        note(frame);
    return next ? next(self, frame, what, arg) : 0;
}

void ptd_lines_take_thread(void **thread)
{
    PyObject *type, *value, *traceback;
    if (taking)
        return;
    taking = true;
    PyErr_Fetch(&type, &value, &traceback);
    next = (tracefunc)thread[ptd_lines_word];
    set_trace(on_trace, thread[object_word]);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    taking = false;
}

/* Without this, lines between the call and the next entry of a function would be missed. */
static PyObject *wrap_settrace(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames)
{
    (void)self;
    PyObject *result = ptd_pyapi_call(settrace, args, nargs, kwnames);
    if (result)
        ptd_lines_frame(PyThreadState_Get());
    return result;
}
static PyMethodDef settrace_def = {"settrace", PTD_CFUNCTION(wrap_settrace),
                                   PTD_METH_FASTCALL | METH_KEYWORDS, NULL};

/* ---- start ---- */

#define FRAME_WORDS 64
static bool still_word[FRAME_WORDS], still_int[FRAME_WORDS * 2];
static long frame_words;
static int lines_seen;

/* What is at hand in every frame and line stays. */
static int on_learn(PyObject *self, PyObject *frame, int what, PyObject *arg)
{
    (void)self, (void)arg;
    PyObject *code = what == WHAT_LINE ? code_of(frame) : NULL;
    if (!code)
        return 0;
    if (!lines_seen++)
        frame_words = ptd_pyapi_long_attr((PyObject *)Py_TYPE(frame), "__basicsize__", 0) /
                      (long)sizeof(void *);
    int line = line_number(frame);
    for (long i = 2; i < frame_words && i < FRAME_WORDS; i++) {
        still_word[i] = still_word[i] && ((PyObject **)frame)[i] == code;
        for (long j = 2 * i; j < 2 * i + 2; j++)
            still_int[j] = still_int[j] && ((int *)frame)[j] == line;
    }
    Py_DECREF(code);
    return 0;
}

static unsigned only(const bool *still, long count)
{
    unsigned found = 0;
    for (long i = 2; i < count; i++) {
        if (still[i] && found)
            return 0;
        if (still[i])
            found = (unsigned)i;
    }
    return found;
}

/* The probe has functions that begin in different lines. */
static void learn_frames(void)
{
    memset(still_word, 1, sizeof still_word);
    memset(still_int, 1, sizeof still_int);
    set_trace(on_learn, NULL);
    int result = ptd_probe_call("top");
    set_trace(NULL, NULL);
    if (result < 0 || lines_seen < 5 || frame_words > FRAME_WORDS)
        return;
    code_word = only(still_word, frame_words);
    line_int = only(still_int, frame_words * 2);
}

/* Index of the only word with this value; 0 when there is none or more than one. */
static unsigned find(void *const *words, const void *value)
{
    unsigned found = 0;
    for (unsigned i = 1; i < THREAD_WORDS; i++) {
        if (words[i] == value) {
            if (found)
                return 0;
            found = i;
        }
    }
    return found;
}

/* Puts ours in, with an object that nobody else has, to find where both are kept. */
static int learn(void **thread)
{
    void *before[THREAD_WORDS];
    PyObject *old = PySys_GetObject("gettrace");
    old = old ? PyObject_CallObject(old, NULL) : NULL;
    PyObject *mark = PyUnicode_FromFormat("pyt-diff %p", (void *)thread);
    if (!old || !mark)
        return -1;
    memcpy(before, thread, sizeof before);
    learn_frames();
    set_trace(on_trace, mark);
    unsigned function = find(thread, (void *)(uintptr_t)on_trace);
    object_word = find(thread, mark);
    if (function && object_word) {
        next = (tracefunc)before[function];
        set_trace(on_trace, before[object_word]);
        ptd_lines_word = function;
    } else {
        set_trace(NULL, NULL);
    }
    Py_DECREF(mark);
    Py_DECREF(old);
    return ptd_lines_word ? 0 : -1;
}

static int start(char *why, size_t size)
{
    *(void **)&set_trace = dlsym(RTLD_DEFAULT, "PyEval_SetTrace");
    *(void **)&line_number = dlsym(RTLD_DEFAULT, "PyFrame_GetLineNumber");
    *(void **)&frame_code = dlsym(RTLD_DEFAULT, "PyFrame_GetCode");
    ptd_lines_function = (void *)(uintptr_t)on_trace;
    if (!set_trace || !line_number) {
        snprintf(why, size, "this Python has no trace functions");
        return -1;
    }
    if (learn((void **)PyThreadState_Get()) < 0) {
        snprintf(why, size, "the trace function was not found in the thread's state");
        return -1;
    }
    if (ptd_wrap("sys", &settrace_def, &settrace) == 0)
        return 0;
    snprintf(why, size, "sys.settrace cannot be wrapped");
    ptd_lines_word = 0;
    set_trace(NULL, NULL);
    return -1;
}

/* Every line has its event in every context. */
static void next_context(void)
{
}

/* What others put in our place is found at the next frame. */
static bool intact(void)
{
    return true;
}

const struct ptd_lines_mechanism ptd_lines_trace = {start, next_context, intact};
