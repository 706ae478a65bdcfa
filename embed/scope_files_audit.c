#include "scope_files_audit.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "files_path.h"
#include "pyapi.h"
#include "scope_files.h"

typedef int (*audit_hook)(const char *event, PyObject *args, void *data);
typedef int (*add_audit_hook)(audit_hook hook, void *data);

static ptd_files_sink_fn sink;

static bool absolute_of(PyObject *args, Py_ssize_t index, char *out, size_t size)
{
    PyObject *given = PyTuple_Size(args) > index ? PyTuple_GetItem(args, index) : NULL;
    PyObject *path = given ? PyOS_FSPath(given) : NULL;
    PyObject *bytes = NULL;
    if (path && PyUnicode_Check(path))
        bytes = PyUnicode_EncodeFSDefault(path);
    else if (path && PyBytes_Check(path))
        Py_INCREF(bytes = path);
    const char *text = bytes ? PyBytes_AsString(bytes) : NULL;
    bool known = text && ptd_files_absolute(AT_FDCWD, text, out, size);
    Py_XDECREF(bytes);
    Py_XDECREF(path);
    PyErr_Clear();
    return known;
}

static void tell_open(const char *path, int flags)
{
    struct stat st;
    int access_mode = flags & O_ACCMODE;
    ptd_files_quiet++;
    bool there = stat(path, &st) == 0;
    ptd_files_quiet--;
    if (!there) {
        sink(flags & O_CREAT ? PTD_FILE_CREATE : PTD_FILE_MISSING, path, NULL);
    } else if (flags & O_TRUNC) {
        sink(PTD_FILE_REPLACE, path, NULL);
    } else {
        if (access_mode != O_WRONLY)
            sink(PTD_FILE_READ, path, NULL);
        if (access_mode != O_RDONLY)
            sink(PTD_FILE_CHANGE, path, NULL);
    }
}

static void tell(const char *event, PyObject *args)
{
    static const struct {
        const char *name;
        enum ptd_file_event event;
        Py_ssize_t index; /* which of the arguments is the path */
    } simple[] = {
        {"os.listdir", PTD_FILE_LIST, 0},   {"os.scandir", PTD_FILE_LIST, 0},
        {"os.mkdir", PTD_FILE_CREATE, 0},   {"os.rename", PTD_FILE_REMOVE, 0},
        {"os.rename", PTD_FILE_CREATE, 1},  {"os.remove", PTD_FILE_REMOVE, 0},
        {"os.rmdir", PTD_FILE_REMOVE, 0},   {"os.link", PTD_FILE_CREATE, 1},
        {"os.symlink", PTD_FILE_CREATE, 1}, {"os.truncate", PTD_FILE_CHANGE, 0},
        {"os.utime", PTD_FILE_CHANGE, 0},
    };
    char path[PATH_MAX];
    if (!strcmp(event, "open") && PyTuple_Size(args) > 2) {
        long flags = PyLong_AsLong(PyTuple_GetItem(args, 2));
        PyErr_Clear();
        if (absolute_of(args, 0, path, sizeof path))
            tell_open(path, (int)flags);
    }
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (!strcmp(event, simple[i].name) && absolute_of(args, simple[i].index, path, sizeof path))
            sink(simple[i].event, path, NULL);
    }
}

static int hook(const char *event, PyObject *args, void *data)
{
    (void)data;
    if (event[0] != 'o' || (event[1] != 's' && event[1] != 'p') || !PyTuple_Check(args))
        return 0;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    tell(event, args);
    PyErr_Restore(type, value, traceback);
    return 0;
}

void ptd_files_audit(ptd_files_sink_fn wanted)
{
    add_audit_hook install;
    *(void **)&install = dlsym(RTLD_DEFAULT, "PySys_AddAuditHook");
    sink = wanted;
    if (install && install(hook, NULL) < 0)
        PyErr_Clear();
}
