#include "follow.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "contract/entry.h"
#include "imports.h"
#include "journal_write.h"
#include "launch.h"
#include "pyapi.h"
#include "scope.h"
#include "scope_files.h"
#include "scope_ids.h"
#include "tracer.h"
#include "tracer_lines.h"

/* ---- forks ---- */

/* What a forked child has of its parent's journal. */
static struct {
    bool pending; /* not told yet */
    char journal[NAME_MAX + 1];
    uint32_t files, codes, names, scopes;
} inherited;

static ptd_launch_attach_fn find_attach(void)
{
    ptd_launch_attach_fn attach;
    *(void **)&attach = dlsym(RTLD_DEFAULT, PTD_LAUNCH_ATTACH);
    return attach;
}

static void write_role(void)
{
    ptd_journal_begin(PTD_J_FACT);
    ptd_journal_bytes("role", 4);
    ptd_journal_bytes("child", 5);
    ptd_journal_end();
    const char *slash = strrchr(ptd_board.log.path, '/');
    char owner[NAME_MAX + 1];
    size_t stem = strlen(slash + 1) - strlen(PTD_BOARD_SUFFIX);
    snprintf(owner, sizeof owner, "%.*s" PTD_JOURNAL_SUFFIX, (int)stem, slash + 1);
    ptd_journal_begin(PTD_J_FACT);
    ptd_journal_bytes("owner", 5);
    ptd_journal_bytes(owner, strlen(owner));
    ptd_journal_end();
}

void ptd_follow_introduce(void)
{
    if (!inherited.pending)
        return;
    inherited.pending = false;
    write_role();
    ptd_journal_begin(PTD_J_FORK);
    ptd_journal_bytes(inherited.journal, strlen(inherited.journal));
    ptd_journal_u32(inherited.files);
    ptd_journal_u32(inherited.codes);
    ptd_journal_u32(inherited.names);
    ptd_journal_u32(inherited.scopes);
    ptd_journal_end();
}

void ptd_follow_forked(void)
{
    static ptd_launch_attach_fn attach;
    if (!ptd_scope_recording() || !ptd_board_is_open()) {
        ptd_journal_forked();
        ptd_scope_forget();
        ptd_lines_forget();
        ptd_files_forget();
        return;
    }
    ptd_lines_forget();
    /* A child of a child that has not written anything itself continues the same. */
    if (!inherited.pending) {
        snprintf(inherited.journal, sizeof inherited.journal, "%s", ptd_journal_name());
        ptd_ids_counts(&inherited.files, &inherited.codes, &inherited.names);
        inherited.scopes = ptd_scope_count();
        inherited.pending = true;
    }
    uint32_t token = ptd_board_new_token();
    ptd_board_start(token, PTD_START_FORK, "");
    ptd_board.token = token;
    ptd_board_here();
    if (!attach)
        attach = find_attach();
    if (attach)
        attach(ptd_board.log.path, token);
    ptd_journal_follow(NULL);
    ptd_scope_forked();
    ptd_files_forked();
}

static PyObject *after_fork(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    ptd_scope_follow();
    Py_INCREF(Py_None);
    return Py_None;
}

/* Where children are not followed. */
static PyObject *after_blind_fork(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    ptd_scope_opaque();
    Py_INCREF(Py_None);
    return Py_None;
}

static PyMethodDef after_fork_def = {"after_fork", after_fork, METH_NOARGS, NULL};
static PyMethodDef after_blind_fork_def = {"after_fork", after_blind_fork, METH_NOARGS, NULL};

/* `when` as register_at_fork() has it. */
static bool watch_forks(const char *when, PyMethodDef *def)
{
    PyObject *posix = PyImport_ImportModule("posix");
    PyObject *function = PyCFunction_NewEx(def, NULL, NULL);
    PyObject *registrar = posix ? PyObject_GetAttrString(posix, "register_at_fork") : NULL;
    PyObject *args = PyTuple_New(0);
    PyObject *keywords = function ? Py_BuildValue("{sO}", when, function) : NULL;
    PyObject *result =
        registrar && args && keywords ? PyObject_Call(registrar, args, keywords) : NULL;
    bool done = result != NULL;
    Py_XDECREF(result);
    Py_XDECREF(keywords);
    Py_XDECREF(args);
    Py_XDECREF(registrar);
    Py_XDECREF(function);
    Py_XDECREF(posix);
    PyErr_Clear();
    return done;
}

/* ---- the process that runs tests ---- */

enum ptd_followed ptd_follow_lead(void)
{
    char path[PATH_MAX];
    ptd_launch_attach_fn attach = find_attach();
    if (!ptd_journal_create())
        return PTD_FOLLOWED_NONE; /* it says so at the end, and nothing is recorded */
    const char *journal = ptd_journal_path();
    size_t stem = strlen(journal) - strlen(PTD_JOURNAL_SUFFIX);
    if (snprintf(path, sizeof path, "%.*s" PTD_BOARD_SUFFIX, (int)stem, journal) >=
            (int)sizeof path ||
        !ptd_board_create(path)) {
        watch_forks("after_in_parent", &after_blind_fork_def);
        return PTD_FOLLOWED_NONE;
    }
    ptd_files_tell_board();
    if (attach)
        attach(path, 0);
    watch_forks("after_in_child", &after_fork_def);
    return attach ? PTD_FOLLOWED_ALL : PTD_FOLLOWED_FORKS;
}

/* ---- a Python that was executed ---- */

/* The parent of the directory of a module's file; owned. */
static char *directory_above(const char *module_name)
{
    PyObject *modules = PySys_GetObject("modules");
    PyObject *module = modules ? PyDict_GetItemString(modules, module_name) : NULL;
    PyObject *file = module ? PyObject_GetAttrString(module, "__file__") : NULL;
    const char *text = ptd_pyapi_utf8(file, NULL);
    char *copy = text ? strdup(text) : NULL;
    for (int i = 0; copy && i < 2; i++) {
        char *slash = strrchr(copy, '/');
        if (slash)
            *slash = '\0';
    }
    Py_XDECREF(file);
    PyErr_Clear();
    return copy;
}

void ptd_follow_exclude(void)
{
    char *library = directory_above("encodings");
    const char *prefix = ptd_pyapi_utf8(PySys_GetObject("prefix"), NULL);
    if (library && library[0])
        ptd_ids_exclude(library);
    if (prefix)
        ptd_files_exclude(prefix);
    free(library);
}

static void take_rules(void)
{
    const struct ptd_log_header *h = ptd_board.log.header;
    uint32_t end = __atomic_load_n(&h->text_used, __ATOMIC_ACQUIRE);
    bool first = true;
    for (uint32_t at = 0; at < end; at += (uint32_t)strlen(h->text + at) + 1) {
        const char *path = h->text + at + 1;
        if (h->text[at] == 'r' && first)
            ptd_ids_root(path);
        if (h->text[at] == 'r')
            ptd_files_root(path);
        else
            ptd_files_exclude(path);
        first = first && h->text[at] != 'r';
    }
}

static void directory_of_board(char *out, size_t size)
{
    snprintf(out, size, "%s", ptd_board.log.path);
    *strrchr(out, '/') = '\0';
}

static bool start(void)
{
    char why[PTD_TRACER_WHY], dir[PATH_MAX];
    directory_of_board(dir, sizeof dir);
    if (ptd_pyapi_bind(why, sizeof why) < 0)
        return false;
    take_rules();
    ptd_follow_exclude();
    ptd_journal_follow(dir);
    write_role();
    ptd_scope_start();
    ptd_scope_forked();
    ptd_scope_follow();
    if (ptd_tracer_start(why) == 0 && ptd_imports_wrap(why, sizeof why) == 0 &&
        watch_forks("after_in_child", &after_fork_def)) {
        ptd_files_start();
        pthread_atfork(NULL, NULL, ptd_follow_forked);
        return true;
    }
    ptd_scope_opaque();
    ptd_scope_forget();
    return false;
}

/* Where its modules come from; what looks for one depends on who could provide it. */
static void tell_search_path(void)
{
    PyObject *list = PySys_GetObject("path");
    Py_ssize_t count = list && PyList_Check(list) ? PyList_Size(list) : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        char real[PATH_MAX];
        const char *text = ptd_pyapi_utf8(PyList_GetItem(list, i), NULL);
        ptd_files_quiet++;
        bool known = text && text[0] && realpath(text, real);
        ptd_files_quiet--;
        if (!known || !ptd_files_is_below_root(real))
            continue;
        ptd_journal_begin(PTD_J_FACT);
        ptd_journal_bytes("path", 4);
        ptd_journal_bytes(real, strlen(real));
        ptd_journal_end();
    }
}

/* The module `site` runs the first code that can be the user's: sitecustomize, .pth files. */
static bool is_beginning(const char *event, PyObject *args)
{
    if (strncmp(event, "cpython.run_", 12) == 0)
        return true;
    if (strcmp(event, "import") != 0 || !args || !PyTuple_Check(args) || PyTuple_Size(args) < 1)
        return false;
    PyObject *name = PyTuple_GetItem(args, 0);
    return PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "site") == 0;
}

static int on_event(const char *event, PyObject *args, void *data)
{
    static enum { WAITING, STARTING, RUNNING, DONE } phase;
    (void)data;
    if (phase == DONE || phase == STARTING || !is_beginning(event, args))
        return 0;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (phase == WAITING) {
        phase = STARTING;
        phase = start() ? RUNNING : DONE;
    }
    if (phase == RUNNING && event[0] == 'c') {
        tell_search_path();
        phase = DONE;
    }
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return 0;
}

__attribute__((visibility("default"))) void ptd_tracer_follow(const char *board, unsigned token);

void ptd_tracer_follow(const char *board, unsigned token)
{
    int (*add_hook)(int (*)(const char *, PyObject *, void *), void *);
    *(void **)&add_hook = dlsym(RTLD_DEFAULT, "PySys_AddAuditHook");
    if (add_hook && ptd_board_attach(board, token))
        add_hook(on_event, NULL);
}
