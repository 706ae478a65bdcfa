#include "plugin_code.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32.h"
#include "contract/plan.h"

#define LARGEST     (1 << 20)
#define HEADER_SIZE 8 /* CRC-32 and length of what follows */

extern const char ptd_source_plugin[], ptd_source_selection[], ptd_source_reports[],
    ptd_source_workers[];

static const struct part {
    const char *name, *source;
} parts[] = {
    {"plugin", ptd_source_plugin},
    {"selection", ptd_source_selection},
    {"reports", ptd_source_reports},
    {"workers", ptd_source_workers},
};

/* <cache directory>/<part>-<source>-<cache tag>.bin; false when this session has no such directory.
 */
static bool cache_path(const struct part *part, char *out, size_t size)
{
    const char *session = getenv(PTD_ENV_SESSION);
    PyObject *implementation = PySys_GetObject("implementation");
    PyObject *tag = implementation ? PyObject_GetAttrString(implementation, "cache_tag") : NULL;
    /* Before the tracer has looked up what the limited API lacks. */
    PyObject *bytes = tag && PyUnicode_Check(tag) ? PyUnicode_AsUTF8String(tag) : NULL;
    const char *text = bytes ? PyBytes_AsString(bytes) : NULL;
    const char *sessions = session ? strstr(session, "/sessions/") : NULL;
    bool known = text && sessions && !strchr(text, '/');
    if (known) {
        uint32_t source = ptd_crc32(part->source, strlen(part->source));
        int n = snprintf(out, size, "%.*s/%s-%08x-%s.bin", (int)(sessions - session), session,
                         part->name, (unsigned)source, text);
        known = n > 0 && (size_t)n < size;
    }
    Py_XDECREF(bytes);
    Py_XDECREF(tag);
    PyErr_Clear();
    return known;
}

static PyObject *call_marshal(const char *function, PyObject *argument)
{
    PyObject *marshal = PyImport_ImportModule("marshal");
    PyObject *result = marshal ? PyObject_CallMethod(marshal, function, "O", argument) : NULL;
    Py_XDECREF(marshal);
    return result;
}

/* NULL without an exception when there is nothing usable. */
static PyObject *read_cached(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    PyObject *code = NULL;
    char *data = NULL;
    uint32_t header[2];
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_size > HEADER_SIZE &&
        st.st_size < LARGEST)
        data = malloc((size_t)st.st_size);
    if (data && read(fd, data, (size_t)st.st_size) == st.st_size) {
        size_t len = (size_t)st.st_size - HEADER_SIZE;
        memcpy(header, data, HEADER_SIZE);
        if (header[1] == len && header[0] == ptd_crc32(data + HEADER_SIZE, len)) {
            PyObject *bytes = PyBytes_FromStringAndSize(data + HEADER_SIZE, (Py_ssize_t)len);
            code = bytes ? call_marshal("loads", bytes) : NULL;
            Py_XDECREF(bytes);
            PyErr_Clear();
        }
    }
    free(data);
    close(fd);
    return code;
}

/* Written aside and renamed, so that nobody reads half of it; that it cannot be written does not
 * matter. */
static void write_cached(const char *path, PyObject *code)
{
    char aside[PATH_MAX + 32];
    PyObject *bytes = call_marshal("dumps", code);
    char *data = bytes ? PyBytes_AsString(bytes) : NULL;
    int n = snprintf(aside, sizeof aside, "%s.%ld", path, (long)getpid());
    int fd = data && n > 0 && (size_t)n < sizeof aside
                 ? open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                 : -1;
    if (fd >= 0) {
        size_t len = (size_t)PyBytes_Size(bytes);
        uint32_t header[2] = {ptd_crc32(data, len), (uint32_t)len};
        bool whole =
            write(fd, header, HEADER_SIZE) == HEADER_SIZE && write(fd, data, len) == (ssize_t)len;
        close(fd);
        if (!whole || rename(aside, path) < 0)
            unlink(aside);
    }
    Py_XDECREF(bytes);
    PyErr_Clear();
}

static PyObject *code_of(const struct part *part)
{
    char path[PATH_MAX], file[64];
    bool cached = cache_path(part, path, sizeof path);
    PyObject *code = cached ? read_cached(path) : NULL;
    if (code)
        return code;
    snprintf(file, sizeof file, "<pyt-diff>/%s.py", part->name);
    code = Py_CompileString(part->source, file, Py_file_input);
    if (code && cached)
        write_cached(path, code);
    return code;
}

PyObject *ptd_plugin_code(const char *name)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(parts[i].name, name))
            return code_of(&parts[i]);
    return PyErr_Format(PyExc_ValueError, "the plugin has no part \"%s\"", name);
}
