#include "scope_once.h"

#include <stdio.h>
#include <string.h>

#include "scope_ids.h"

#define CO_OPTIMIZED 1

/* Names longer than this, or more of them, are told as "*". */
#define MOST_NAMES 400

void ptd_once_add_name(struct ptd_once_names *names, const char *prefix, const char *name)
{
    char word[256];
    int len = snprintf(word, sizeof word, " %s%s", prefix, name);
    if (!name[0] && !prefix[0])
        return;
    if (len >= (int)sizeof word || names->len + (size_t)len + 3 > names->size) {
        if (names->len + 3 <= names->size)
            names->len += (size_t)snprintf(names->text + names->len, 3, " *");
        names->size = 0; /* nothing more */
        return;
    }
    for (const char *at = names->text; (at = strstr(at, word)); at += len) {
        if (!at[len] || at[len] == ' ')
            return;
    }
    memcpy(names->text + names->len, word, (size_t)len + 1);
    names->len += (size_t)len;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static bool is_test_file(uint32_t file)
{
    const char *path = ptd_ids_path(file);
    const char *base = strrchr(path, '/');
    return strstr(base ? base : path, "test");
}

/* What a test or its set-up sets is for that test, or has the scope of a fixture. */
static bool is_test(const char *name, uint32_t file)
{
    static const char *const prefixes[] = {"test",     "setup_",     "teardown_",    "setUp",
                                           "tearDown", "asyncSetUp", "asyncTearDown"};
    if (!is_test_file(file))
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (has_prefix(name, prefixes[i]))
            return true;
    }
    return false;
}

/* "test_a.<locals>.view": what the functions in a test set is for that test. Before 3.11 code does
 * not know; the engine finds the same in the source (record/once.c). */
static bool is_in_test(PyObject *code, uint32_t file)
{
    PyObject *qualified = PyObject_GetAttrString(code, "co_qualname");
    const char *text = qualified ? ptd_pyapi_utf8(qualified, NULL) : NULL;
    const char *locals = text ? strstr(text, ".<locals>.") : NULL;
    const char *name = locals;
    while (name && name > text && name[-1] != '.')
        name--;
    bool found = locals && has_prefix(name, "test") && is_test_file(file);
    Py_XDECREF(qualified);
    PyErr_Clear();
    return found;
}

static bool is_dunder(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && has_prefix(name, "__") && !strcmp(name + len - 2, "__");
}

static void add_decorators(struct ptd_once_names *served, const char *decorators)
{
    char copy[256], *rest = copy;
    snprintf(copy, sizeof copy, "%s", decorators);
    for (char *word; (word = strsep(&rest, " "));) {
        if (word[0])
            ptd_once_add_name(served, "%", word);
    }
}

static bool judge(PyObject *code, const char *name, uint32_t file, struct ptd_once_names *served)
{
    long flags = ptd_pyapi_long_attr(code, "co_flags", 0);
    bool lambda = !strcmp(name, "<lambda>");
    /* Comprehensions belong to the function around them, bodies of classes to their module. */
    if (!(flags & CO_OPTIMIZED) || (name[0] == '<' && !lambda) || is_test(name, file))
        return false;
    const char *decorators = "";
    long line = ptd_pyapi_number(code, PTD_ATTR_CO_FIRSTLINENO, 0);
    enum ptd_once_line what =
        lambda ? PTD_ONCE_PLAIN : ptd_once_line(file, line > 0 ? (uint32_t)line : 0, &decorators);
    if (what == PTD_ONCE_FIXTURE)
        return false;
    bool stores = ptd_once_stores(code, served);
    if (what == PTD_ONCE_DECORATED || (!lambda && ptd_once_is_wrapped(name))) {
        add_decorators(served, what == PTD_ONCE_DECORATED ? decorators : " ?");
        ptd_once_add_name(served, is_dunder(name) ? "" : "@", is_dunder(name) ? "*" : name);
        return true;
    }
    /* Of a module: nobody mentions it. */
    if (stores && !strcmp(name, "__getattr__") && ptd_pyapi_long_attr(code, "co_argcount", 0) == 1)
        ptd_once_add_name(served, "", "*");
    return stores;
}

bool ptd_once_is_suspect(PyObject *code, uint32_t file, uint32_t id, char *out, size_t size)
{
    PyObject *name = ptd_pyapi_attr(code, PTD_ATTR_CO_NAME);
    const char *text = ptd_pyapi_utf8(name, NULL);
    struct ptd_once_names served = {out, size < MOST_NAMES ? size : MOST_NAMES, 0};
    served.len = (size_t)snprintf(out, size, "%u", id);
    bool suspect = text && judge(code, text, file, &served) && !is_in_test(code, file);
    Py_XDECREF(name);
    PyErr_Clear();
    return suspect;
}
