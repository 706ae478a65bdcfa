#include "scope_ids.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/journal.h"
#include "journal_write.h"
#include "scope_files.h"

#define RECENT 1024

/* Byte strings numbered in order of insertion, each with a value of the table's user. */
struct entry {
    char *key; /* owned */
    size_t len;
    uint64_t hash;
    uint32_t value;
};

struct table {
    struct entry *entries; /* owned */
    size_t count, cap;
    uint32_t *slots; /* owned; index + 1, 0 is free */
    size_t mask;
};

static struct table files;     /* real path; the index is the id */
static struct table filenames; /* co_filename as it is; the value is a file id or PTD_UNWATCHED */
static struct table codes;     /* file, line, name */
static struct table names;
static struct table excluded; /* directories */
static char root[PATH_MAX];   /* real path of the project; "" = not told */

static uint64_t hash_bytes(const char *key, size_t len)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)key[i]) * 1099511628211u;
    return hash ^ (hash >> 32);
}

static int rebuild_slots(struct table *table)
{
    size_t size = table->mask ? (table->mask + 1) * 2 : 256;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots)
        return -1;
    free(table->slots);
    table->slots = slots;
    table->mask = size - 1;
    for (size_t i = 0; i < table->count; i++) {
        size_t at = table->entries[i].hash & table->mask;
        while (slots[at])
            at = (at + 1) & table->mask;
        slots[at] = (uint32_t)i + 1;
    }
    return 0;
}

static struct entry *append(struct table *table, const char *key, size_t len, uint64_t hash)
{
    if (table->count == table->cap) {
        size_t cap = table->cap ? table->cap * 2 : 128;
        struct entry *grown = realloc(table->entries, cap * sizeof *grown);
        if (!grown)
            return NULL;
        table->entries = grown;
        table->cap = cap;
    }
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, key, len);
    copy[len] = 0;
    struct entry *entry = &table->entries[table->count++];
    *entry = (struct entry){copy, len, hash, 0};
    return entry;
}

/* The entry of a key, made when there is none (*added); NULL when memory is short. */
static struct entry *put(struct table *table, const char *key, size_t len, bool *added)
{
    uint64_t hash = hash_bytes(key, len);
    *added = false;
    if ((table->count + 1) * 2 > table->mask && rebuild_slots(table) < 0)
        return NULL;
    size_t at = hash & table->mask;
    for (; table->slots[at]; at = (at + 1) & table->mask) {
        struct entry *entry = &table->entries[table->slots[at] - 1];
        if (entry->hash == hash && entry->len == len && !memcmp(entry->key, key, len))
            return entry;
    }
    struct entry *entry = append(table, key, len, hash);
    if (entry) {
        table->slots[at] = (uint32_t)table->count;
        *added = true;
    }
    return entry;
}

/* Nothing that was recorded can be trusted any more. */
static uint32_t out_of_memory(void)
{
    ptd_journal_forked();
    return PTD_UNWATCHED;
}

void ptd_ids_root(const char *dir)
{
    if (!realpath(dir, root) || !root[1])
        root[0] = '\0';
}

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return len && !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

void ptd_ids_exclude(const char *dir)
{
    char real[PATH_MAX];
    bool added;
    ptd_files_quiet++;
    if (realpath(dir, real) && real[1])
        put(&excluded, real, strlen(real), &added);
    ptd_files_quiet--;
}

static void write_file(uint32_t id, const char *path, size_t len)
{
    struct stat st;
    ptd_files_quiet++;
    if (stat(path, &st) < 0)
        memset(&st, 0, sizeof st);
    ptd_files_quiet--;
    ptd_journal_begin(PTD_J_FILE);
    ptd_journal_u32(id);
    ptd_journal_bytes(path, len);
    ptd_journal_u64((uint64_t)st.st_size);
    ptd_journal_u64((uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
    ptd_journal_u64((uint64_t)st.st_ino);
    ptd_journal_end();
}

static uint32_t add_file(const char *real)
{
    bool added;
    size_t len = strlen(real);
    struct entry *entry = put(&files, real, len, &added);
    if (!entry)
        return out_of_memory();
    uint32_t id = (uint32_t)(entry - files.entries);
    if (added)
        write_file(id, real, len);
    return id;
}

uint32_t ptd_ids_file(const char *path)
{
    char real[PATH_MAX];
    ptd_files_quiet++;
    bool found = realpath(path, real) != NULL;
    ptd_files_quiet--;
    return found ? add_file(real) : PTD_UNWATCHED;
}

const char *ptd_ids_path(uint32_t file)
{
    return file < files.count ? files.entries[file].key : "";
}

/* ".py", ".pyw", or a script without an extension; templates and the like are compiled under their
 * name as well, but are no source that could be compared. */
static bool is_source(const char *path)
{
    const char *base = strrchr(path, '/');
    const char *dot = strrchr(base ? base : path, '.');
    return !dot || !strcmp(dot, ".py") || !strcmp(dot, ".pyw");
}

/*
 * What lies in site-packages or in pytest's temporary directories is not the project's, unless the
 * project itself lies in the same entry of that directory: the part of a path that it shares with
 * the root says nothing.
 */
static bool has_foreign_component(const char *path)
{
    static const char *const marks[] = {"/site-packages/", "/dist-packages/", "/pytest-of-"};
    size_t shared = is_below(path, root) ? strlen(root) : 0;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = strstr(path + shared, marks[i]);
        const char *inside = at ? strchr(at + strlen(marks[i]) - 1, '/') : NULL;
        const char *end = inside ? strchr(inside + 1, '/') : NULL;
        if (at && (!end || strncmp(path, root, (size_t)(end - path) + 1) != 0))
            return true;
    }
    return false;
}

static bool is_below_excluded(const char *path)
{
    for (size_t i = 0; i < excluded.count; i++) {
        const char *dir = excluded.entries[i].key;
        if (is_below(path, dir) && !is_below(root, dir))
            return true;
    }
    return false;
}

static bool is_excluded(const char *path)
{
    return is_below_excluded(path) || has_foreign_component(path);
}

bool ptd_ids_is_library(PyObject *filename)
{
    char real[PATH_MAX];
    const char *name = ptd_pyapi_utf8(filename, NULL);
    if (!name)
        return false;
    if (!strncmp(name, "<frozen ", 8))
        return true;
    if (has_foreign_component(name))
        return false;
    if (is_below_excluded(name))
        return true;
    ptd_files_quiet++;
    bool found = ptd_ids_watched(filename) == PTD_UNWATCHED && realpath(name, real);
    ptd_files_quiet--;
    return found && is_below_excluded(real) && !has_foreign_component(real);
}

static uint32_t decide(const char *name)
{
    char real[PATH_MAX];
    struct stat st;
    if (name[0] == '<' || !name[0] || !is_source(name))
        return PTD_UNWATCHED;
    ptd_files_quiet++;
    bool found = realpath(name, real) && stat(real, &st) == 0 && S_ISREG(st.st_mode);
    ptd_files_quiet--;
    return found && !is_excluded(real) ? add_file(real) : PTD_UNWATCHED;
}

static uint32_t look_up(PyObject *filename)
{
    char *name = NULL;
    Py_ssize_t len = 0;
    bool added;
    PyObject *bytes = PyUnicode_EncodeFSDefault(filename);
    uint32_t id = PTD_UNWATCHED;
    if (bytes && PyBytes_AsStringAndSize(bytes, &name, &len) == 0) {
        struct entry *entry = put(&filenames, name, (size_t)len, &added);
        if (!entry)
            id = out_of_memory();
        else if (!added)
            id = entry->value;
        else if (strlen(name) == (size_t)len)
            id = entry->value = decide(name);
        else
            entry->value = id;
    }
    PyErr_Clear();
    Py_XDECREF(bytes);
    return id;
}

uint32_t ptd_ids_watched(PyObject *filename)
{
    /* The same few strings come again and again: code objects of a module share theirs. */
    static struct {
        PyObject *filename; /* owned */
        uint32_t file;
    } recent[RECENT];
    if (!filename || !PyUnicode_Check(filename))
        return PTD_UNWATCHED;
    size_t at = ((uintptr_t)filename >> 4 ^ (uintptr_t)filename >> 14) % RECENT;
    if (recent[at].filename == filename)
        return recent[at].file;
    uint32_t file = look_up(filename);
    PyObject *old = recent[at].filename;
    Py_INCREF(filename);
    recent[at].filename = filename;
    recent[at].file = file;
    Py_XDECREF(old);
    return file;
}

uint32_t ptd_ids_code(uint32_t file, uint32_t line, const char *name, size_t len)
{
    char fixed[512];
    uint32_t numbers[2] = {file, line};
    bool added;
    if (len > sizeof fixed - sizeof numbers)
        len = sizeof fixed - sizeof numbers; /* no identifier is that long */
    memcpy(fixed, numbers, sizeof numbers);
    memcpy(fixed + sizeof numbers, name, len);
    struct entry *entry = put(&codes, fixed, sizeof numbers + len, &added);
    if (!entry)
        return out_of_memory();
    uint32_t id = (uint32_t)(entry - codes.entries);
    if (added) {
        ptd_journal_begin(PTD_J_CODE);
        ptd_journal_u32(id);
        ptd_journal_u32(file);
        ptd_journal_u32(line);
        ptd_journal_bytes(name, len);
        ptd_journal_end();
    }
    return id;
}

uint32_t ptd_ids_name(const char *name, size_t len)
{
    bool added;
    struct entry *entry = put(&names, name, len, &added);
    if (!entry)
        return out_of_memory();
    uint32_t id = (uint32_t)(entry - names.entries);
    if (added) {
        ptd_journal_begin(PTD_J_NAME);
        ptd_journal_u32(id);
        ptd_journal_bytes(name, len);
        ptd_journal_end();
    }
    return id;
}

const char *ptd_ids_name_of(uint32_t id)
{
    return id < names.count ? names.entries[id].key : "";
}

void ptd_ids_counts(uint32_t *file_count, uint32_t *code_count, uint32_t *name_count)
{
    *file_count = (uint32_t)files.count;
    *code_count = (uint32_t)codes.count;
    *name_count = (uint32_t)names.count;
}
