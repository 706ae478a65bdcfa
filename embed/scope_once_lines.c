/* Decorators, from the text of a source: read once per file, when the first function of it runs. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope_files.h"
#include "scope_ids.h"
#include "scope_once.h"

/* No source that somebody wrote is larger. */
#define MOST_SOURCE (16l << 20)

/* Lines on which decorators that matter begin, ascending. */
#define MOST_DECORATORS 120
struct line {
    uint32_t number;
    enum ptd_once_line what;
    char decorators[MOST_DECORATORS]; /* names, each with a blank before */
};

struct lines {
    bool read, unreadable;
    struct line *items; /* owned */
    size_t count, cap;
};

static struct lines *files; /* owned; by file id */
static size_t file_count;
static char **wrapped; /* owned; functions that are given to something like a cache */
static size_t wrapped_count, wrapped_cap;

/* Decorators that keep nothing of what the function did: by the last part of their name. */
static const char *const transparent[] = {
    "LocalProxy",
    "abstractclassmethod",
    "abstractmethod",
    "abstractproperty",
    "abstractstaticmethod",
    "argument",
    "asynccontextmanager",
    "classmethod",
    "command",
    "contextmanager",
    "coroutine",
    "deleter",
    "final",
    "getter",
    "given",
    "group",
    "hookimpl",
    "hookspec",
    "no_type_check",
    "object",
    "option",
    "overload",
    "override",
    "parametrize",
    "pass_context",
    "pass_obj",
    "patch",
    "property",
    "register",
    "route",
    "setter",
    "singledispatch",
    "singledispatchmethod",
    "skip",
    "skipIf",
    "skipUnless",
    "skipif",
    "staticmethod",
    "total_ordering",
    "update_wrapper",
    "usefixtures",
    "wraps",
    "xfail",
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t span_name(const char *at, const char *end)
{
    size_t n = 0;
    while (at + n < end && is_name_byte(at[n]))
        n++;
    return n;
}

/* `at` is behind the "@". Anything but a dotted name with or without a call may keep something;
 * `name` is its last part, "?" when it is none. */
static enum ptd_once_line judge_decorator(const char *at, const char *end, char name[64])
{
    bool mark = false;
    size_t n;
    do {
        while (at < end && (*at == ' ' || *at == '\t' || *at == '.'))
            at++;
        n = span_name(at, end);
        if (n == 0 || n >= 64)
            break;
        memcpy(name, at, n);
        name[n] = 0;
        mark = mark || !strcmp(name, "mark"); /* of pytest */
        at += n;
    } while (at < end && *at == '.');
    if (n == 0 || n >= 64) {
        strcpy(name, "?");
        return PTD_ONCE_DECORATED;
    }
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    if (at < end && *at != '(' && *at != '#') {
        strcpy(name, "?");
        return PTD_ONCE_DECORATED;
    }
    if (!strcmp(name, "fixture"))
        return PTD_ONCE_FIXTURE;
    bool known = mark || bsearch(name, transparent, sizeof transparent / sizeof *transparent,
                                 sizeof *transparent, compare_names);
    return known ? PTD_ONCE_PLAIN : PTD_ONCE_DECORATED;
}

static void add_line(struct lines *lines, struct line line)
{
    if (lines->count == lines->cap) {
        size_t cap = lines->cap ? lines->cap * 2 : 16;
        struct line *grown = realloc(lines->items, cap * sizeof *grown);
        if (!grown) {
            lines->unreadable = true;
            return;
        }
        lines->items = grown;
        lines->cap = cap;
    }
    lines->items[lines->count++] = line;
}

/* ---- assignments ---- */

static bool is_cache_word(const char *at, size_t n)
{
    static const char *const words[] = {"cache", "memo", "once", "lazy", "singleton"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        for (size_t k = 0; k + len <= n; k++) {
            if (!strncasecmp(at + k, words[i], len))
                return true;
        }
    }
    return false;
}

bool ptd_once_is_wrapped(const char *name)
{
    for (size_t i = 0; i < wrapped_count; i++) {
        if (!strcmp(wrapped[i], name))
            return true;
    }
    return false;
}

static void add_wrapped(const char *at, size_t n)
{
    char *copy = strndup(at, n);
    if (copy && wrapped_count == wrapped_cap) {
        size_t cap = wrapped_cap ? wrapped_cap * 2 : 16;
        char **grown = realloc(wrapped, cap * sizeof *grown);
        if (grown) {
            wrapped = grown;
            wrapped_cap = cap;
        }
    }
    if (copy && wrapped_count < wrapped_cap && !ptd_once_is_wrapped(copy))
        wrapped[wrapped_count++] = copy;
    else
        free(copy);
}

/* `table = lru_cache(None)(build)`: the names behind the first parenthesis, when what is called
 * sounds like a cache. */
static void look_at_assignment(const char *at, const char *end)
{
    const char *equals = memchr(at, '=', (size_t)(end - at));
    const char *open = equals ? memchr(equals, '(', (size_t)(end - equals)) : NULL;
    if (!open || equals == at || equals[1] == '=' || strchr("!<>=", equals[-1]) ||
        memchr(at, '(', (size_t)(equals - at)) || !is_cache_word(equals, (size_t)(open - equals)))
        return;
    bool foreign = false; /* behind "sys." */
    for (const char *p = open; p < end && *p != '#';) {
        size_t n = span_name(p, end);
        char name[64] = "";
        if (n && n < sizeof name)
            memcpy(name, p, n);
        foreign = n ? (foreign || ptd_once_is_foreign_module(name)) : foreign && *p == '.';
        if (n && !foreign && !isdigit((unsigned char)*p))
            add_wrapped(p, n);
        p += n ? n : 1;
    }
}

/* ---- the scan ---- */

static bool begins(const char *at, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - at) > n && !memcmp(at, word, n);
}

/*
 * Each line that begins with "@" up to the next "def" with the same indentation is a place where
 * the decorators of that function may begin: inside of strings there may be more of them than
 * there really are.
 */
struct group {
    bool open;
    enum ptd_once_line what;
    size_t indent;
    char decorators[MOST_DECORATORS];
};

static void add_decorator(struct group *group, const char *name)
{
    size_t len = strlen(group->decorators);
    if (len + strlen(name) + 4 < sizeof group->decorators)
        snprintf(group->decorators + len, sizeof group->decorators - len, " %s", name);
    else if (len + 3 < sizeof group->decorators)
        strcpy(group->decorators + len, " ?");
}

static void look_at_line(struct lines *out, struct group *group, uint32_t number, const char *line,
                         const char *end, uint32_t *starts, size_t *start_count, size_t most)
{
    const char *at = line;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\f'))
        at++;
    if (at == end)
        return;
    if (*at == '@') {
        if (!group->open)
            *group = (struct group){true, PTD_ONCE_PLAIN, (size_t)(at - line), ""};
        char name[64];
        enum ptd_once_line what = judge_decorator(at + 1, end, name);
        if (group->what != PTD_ONCE_FIXTURE && what != PTD_ONCE_PLAIN)
            group->what = what;
        if (what == PTD_ONCE_DECORATED)
            add_decorator(group, name);
        if (*start_count < most)
            starts[(*start_count)++] = number;
        return;
    }
    if (group->open && (size_t)(at - line) == group->indent &&
        (begins(at, end, "def ") || begins(at, end, "async ") || begins(at, end, "class ") ||
         begins(at, end, "def\t"))) {
        struct line found = {0, group->what, ""};
        strcpy(found.decorators, group->decorators);
        for (size_t i = 0; group->what != PTD_ONCE_PLAIN && i < *start_count; i++) {
            found.number = starts[i];
            add_line(out, found);
        }
        *start_count = 0;
        group->open = false;
    } else if (is_name_byte(*at)) {
        look_at_assignment(at, end);
    }
}

static void scan(const char *text, size_t len, struct lines *out)
{
    enum { MOST_STARTS = 256 };
    uint32_t starts[MOST_STARTS], number = 0;
    size_t start_count = 0;
    struct group group = {0};
    const char *end = text + len;
    for (const char *line = text; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *stop = next ? next : end;
        look_at_line(out, &group, ++number, line, stop, starts, &start_count, MOST_STARTS);
        line = stop + 1;
    }
}

static char *read_source(const char *path, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    *len = 0;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < MOST_SOURCE)
        text = malloc((size_t)st.st_size + 1);
    while (text && *len < (size_t)st.st_size) {
        ssize_t got = read(fd, text + *len, (size_t)st.st_size - *len);
        if (got <= 0)
            break;
        *len += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static struct lines *lines_of(uint32_t file)
{
    if (file >= file_count) {
        size_t count = (size_t)file + 256;
        struct lines *grown = realloc(files, count * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + file_count, 0, (count - file_count) * sizeof *grown);
        files = grown;
        file_count = count;
    }
    struct lines *lines = &files[file];
    if (lines->read)
        return lines;
    lines->read = true;
    size_t len;
    ptd_files_quiet++;
    char *text = read_source(ptd_ids_path(file), &len);
    ptd_files_quiet--;
    if (text)
        scan(text, len, lines);
    else
        lines->unreadable = true;
    free(text);
    return lines;
}

static int compare_lines(const void *a, const void *b)
{
    uint32_t x = ((const struct line *)a)->number, y = ((const struct line *)b)->number;
    return x < y ? -1 : x > y;
}

/* A source that cannot be read is one that cannot be compared either: all of it counts as changed
 * then, whoever is charged. */
enum ptd_once_line ptd_once_line(uint32_t file, uint32_t line, const char **decorators)
{
    struct lines *lines = lines_of(file);
    if (!lines || lines->unreadable || lines->count == 0)
        return PTD_ONCE_PLAIN;
    struct line wanted = {line, PTD_ONCE_PLAIN, ""};
    const struct line *found =
        bsearch(&wanted, lines->items, lines->count, sizeof wanted, compare_lines);
    if (!found)
        return PTD_ONCE_PLAIN;
    *decorators = found->decorators;
    return found->what;
}
