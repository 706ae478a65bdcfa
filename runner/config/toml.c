#include "config/toml.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/shlex.h"

#define DEEPEST                                                                                    \
    64 /* nesting of arrays and inline tables; beyond it is an error, not a stack overflow */

struct parser {
    const char *pos; /* borrowed */
    const char *end;
    const char *counted; /* up to where `line` is counted */
    int line;
    int depth;
    struct ptd_toml *out;
    struct ptd_err *err;
};

static int value(struct parser *p, const char *path, struct ptd_toml_entry *entry);

/* The line of `pos`, which only ever moves forward. */
static int line_here(struct parser *p)
{
    for (; p->counted < p->pos; p->counted++)
        p->line += *p->counted == '\n';
    return p->line;
}

static int fail(struct parser *p, const char *what)
{
    return ptd_err_set(p->err, PTD_E_CONFIG, "line %d: %s", line_here(p), what);
}

static char peek(const struct parser *p)
{
    return p->pos < p->end ? *p->pos : '\0';
}

static bool take(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(p->end - p->pos) < n || memcmp(p->pos, word, n) != 0)
        return false;
    p->pos += n;
    return true;
}

static void skip_spaces(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t')
        p->pos++;
}

static void skip_comment(struct parser *p)
{
    if (peek(p) == '#')
        while (p->pos < p->end && *p->pos != '\n')
            p->pos++;
}

/* White space, line ends and comments. */
static void skip_blank(struct parser *p)
{
    for (;;) {
        const char *before = p->pos;
        skip_spaces(p);
        skip_comment(p);
        while (peek(p) == '\n' || peek(p) == '\r')
            p->pos++;
        if (p->pos == before)
            return;
    }
}

static void add_utf8(struct ptd_buf *buf, unsigned long c)
{
    if (c < 0x80) {
        ptd_buf_addc(buf, (char)c);
        return;
    }
    if (c < 0x800) {
        ptd_buf_addc(buf, (char)(0xc0 | (c >> 6)));
    } else {
        if (c < 0x10000) {
            ptd_buf_addc(buf, (char)(0xe0 | (c >> 12)));
        } else {
            ptd_buf_addc(buf, (char)(0xf0 | (c >> 18)));
            ptd_buf_addc(buf, (char)(0x80 | ((c >> 12) & 0x3f)));
        }
        ptd_buf_addc(buf, (char)(0x80 | ((c >> 6) & 0x3f)));
    }
    ptd_buf_addc(buf, (char)(0x80 | (c & 0x3f)));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int code_point(struct parser *p, int digits, struct ptd_buf *buf)
{
    unsigned long c = 0;
    for (int i = 0; i < digits; i++) {
        int digit = hex_digit(peek(p));
        if (digit < 0)
            return fail(p, "bad escape in a string");
        c = c << 4 | (unsigned long)digit;
        p->pos++;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return fail(p, "bad escape in a string");
    add_utf8(buf, c);
    return 0;
}

/* A backslash at the end of a line of a multi-line string takes the white space behind it along. */
static bool line_continuation(struct parser *p)
{
    const char *q = p->pos;
    while (q < p->end && (*q == ' ' || *q == '\t' || *q == '\r'))
        q++;
    if (q >= p->end || *q != '\n')
        return false;
    while (q < p->end && strchr(" \t\r\n", *q) && *q)
        q++;
    p->pos = q;
    return true;
}

static int escape(struct parser *p, bool multi, struct ptd_buf *buf)
{
    static const char names[] = "btnfre\"\\";
    static const char values[] = "\b\t\n\f\r\033\"\\";
    if (multi && line_continuation(p))
        return 0;
    char c = peek(p);
    const char *at = c ? strchr(names, c) : NULL;
    p->pos += c != '\0';
    if (at)
        ptd_buf_addc(buf, values[at - names]);
    else if (c == 'x' || c == 'u' || c == 'U')
        return code_point(p, c == 'x' ? 2 : c == 'u' ? 4 : 8, buf);
    else
        return fail(p, "bad escape in a string");
    return 0;
}

/* Up to two quotes may stand in front of the three that close a multi-line string. */
static bool close_multi(struct parser *p, char quote, struct ptd_buf *buf)
{
    const char *q = p->pos;
    while (q < p->end && *q == quote && q - p->pos < 5)
        q++;
    if (q - p->pos < 3)
        return false;
    for (; q - p->pos > 3; p->pos++)
        ptd_buf_addc(buf, quote);
    p->pos = q;
    return true;
}

static int string_body(struct parser *p, char quote, bool multi, struct ptd_buf *buf)
{
    while (p->pos < p->end) {
        char c = *p->pos;
        if (c == quote && !multi) {
            p->pos++;
            return 0;
        }
        if (c == quote && close_multi(p, quote, buf))
            return 0;
        if (c == '\0' || (!multi && c == '\n'))
            break;
        p->pos++;
        if (c == '\\' && quote == '"') {
            if (escape(p, multi, buf) != 0)
                return -1;
        } else if (c != '\r' || peek(p) != '\n') {
            ptd_buf_addc(buf, c);
        }
    }
    return fail(p, "string without an end");
}

/* The string at `pos`, which is a quote; *out is owned. */
static int string(struct parser *p, char **out)
{
    char quote = *p->pos;
    bool multi = take(p, quote == '"' ? "\"\"\"" : "'''");
    if (!multi)
        p->pos++;
    else if (!take(p, "\r\n"))
        take(p, "\n");
    struct ptd_buf buf = PTD_BUF_INIT;
    int status = string_body(p, quote, multi, &buf);
    *out = ptd_buf_steal(&buf);
    return status;
}

static bool bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Adds one part of a path, in quotes unless it can be a bare key, so that paths are unambiguous. */
static void add_part(struct ptd_buf *path, const char *part)
{
    bool plain = *part != '\0';
    for (const char *c = part; *c; c++)
        plain = plain && bare(*c);
    if (path->len)
        ptd_buf_addc(path, '.');
    ptd_buf_addf(path, plain ? "%s" : "\"%s\"", part);
}

/* A key, dotted or not, put behind what `path` holds already. */
static int key(struct parser *p, struct ptd_buf *path)
{
    do {
        skip_spaces(p);
        PTD_CLEANUP_FREE char *part = NULL;
        if (peek(p) == '"' || peek(p) == '\'') {
            if (string(p, &part) != 0)
                return -1;
        } else {
            const char *start = p->pos;
            while (bare(peek(p)))
                p->pos++;
            if (p->pos == start)
                return fail(p, "key expected");
            part = ptd_xstrndup(start, (size_t)(p->pos - start));
        }
        add_part(path, part);
        skip_spaces(p);
    } while (take(p, "."));
    return 0;
}

static void add_entry(struct parser *p, const struct ptd_toml_entry *entry)
{
    struct ptd_toml *out = p->out;
    out->entries = ptd_xgrow(out->entries, &out->cap, out->count + 1, sizeof(*out->entries));
    out->entries[out->count++] = *entry;
}

static void release_entry(struct ptd_toml_entry *entry)
{
    free(entry->path);
    free(entry->text);
    ptd_strings_free(entry->items);
}

/* "key = value"; `prefix` is the path of the table it is in. */
static int pair(struct parser *p, const char *prefix)
{
    struct ptd_toml_entry entry = {.line = line_here(p)};
    struct ptd_buf path = PTD_BUF_INIT;
    ptd_buf_adds(&path, prefix);
    int status = key(p, &path);
    entry.path = ptd_buf_steal(&path);
    if (status == 0 && !take(p, "="))
        status = fail(p, "\"=\" expected");
    if (status == 0) {
        skip_spaces(p);
        status = value(p, entry.path, &entry);
    }
    if (status == 0 && entry.kind != PTD_TOML_TABLE)
        add_entry(p, &entry);
    else
        release_entry(&entry);
    return status;
}

/* What is between "{" and "}"; its keys become entries of their own, or are dropped in an array. */
static int inline_table(struct parser *p, const char *path)
{
    struct ptd_toml_entry table = {ptd_xstrdup(path), PTD_TOML_TABLE, ptd_xstrdup(""), NULL,
                                   line_here(p)};
    add_entry(p, &table);
    for (p->pos++;;) {
        skip_blank(p);
        if (take(p, "}"))
            return 0;
        if (pair(p, path) != 0)
            return -1;
        skip_blank(p);
        if (!take(p, ",") && peek(p) != '}')
            return fail(p, "\",\" or \"}\" expected");
    }
}

static int array_item(struct parser *p, struct ptd_toml_entry *array, size_t *count)
{
    struct ptd_toml scratch = {0}, *out = p->out;
    struct ptd_toml_entry item = {0};
    p->out = &scratch;
    int status = value(p, "", &item);
    p->out = out;
    ptd_toml_release(&scratch);
    if (status == 0)
        ptd_strings_add(&array->items, count, ptd_xstrdup(item.text ? item.text : ""));
    release_entry(&item);
    return status;
}

static int array(struct parser *p, struct ptd_toml_entry *entry)
{
    const char *start = p->pos++;
    size_t count = 0;
    entry->items = ptd_xcalloc(1, sizeof(*entry->items));
    for (;;) {
        skip_blank(p);
        if (take(p, "]"))
            break;
        if (array_item(p, entry, &count) != 0)
            return -1;
        skip_blank(p);
        if (!take(p, ",") && peek(p) != ']')
            return fail(p, "\",\" or \"]\" expected");
    }
    entry->text = ptd_xstrndup(start, (size_t)(p->pos - start));
    return 0;
}

static int word(struct parser *p, struct ptd_toml_entry *entry)
{
    const char *start = p->pos;
    while (p->pos < p->end && !strchr(",]}#\r\n", *p->pos))
        p->pos++;
    const char *end = p->pos;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (end == start)
        return fail(p, "value expected");
    entry->text = ptd_xstrndup(start, (size_t)(end - start));
    return 0;
}

static int value(struct parser *p, const char *path, struct ptd_toml_entry *entry)
{
    int status;
    if (++p->depth > DEEPEST)
        return fail(p, "nested too deeply");
    switch (peek(p)) {
    case '"':
    case '\'':
        entry->kind = PTD_TOML_STRING;
        status = string(p, &entry->text);
        break;
    case '[':
        entry->kind = PTD_TOML_ARRAY;
        status = array(p, entry);
        break;
    case '{':
        entry->kind = PTD_TOML_TABLE;
        status = inline_table(p, path);
        break;
    default:
        entry->kind = PTD_TOML_WORD;
        status = word(p, entry);
    }
    p->depth--;
    return status;
}

/* "[a.b]" or "[[a.b]]"; *table becomes its path. */
static int header(struct parser *p, struct ptd_buf *table)
{
    int line = line_here(p);
    bool many = take(p, "[[");
    if (!many)
        p->pos++;
    ptd_buf_reset(table);
    if (key(p, table) != 0)
        return -1;
    if (!take(p, many ? "]]" : "]"))
        return fail(p, "\"]\" expected");
    struct ptd_toml_entry entry = {ptd_xstrdup(table->data), PTD_TOML_TABLE, ptd_xstrdup(""), NULL,
                                   line};
    add_entry(p, &entry);
    return 0;
}

int ptd_toml_parse(const char *data, size_t len, struct ptd_toml *out, struct ptd_err *err)
{
    *out = (struct ptd_toml){0};
    struct parser p = {data, data + len, data, 1, 0, out, err};
    take(&p, "\xef\xbb\xbf");
    PTD_CLEANUP_BUF struct ptd_buf table = PTD_BUF_INIT;
    ptd_buf_adds(&table, "");
    for (skip_blank(&p); p.pos < p.end; skip_blank(&p)) {
        int status = *p.pos == '[' ? header(&p, &table) : pair(&p, table.data);
        if (status != 0)
            return -1;
        skip_spaces(&p);
        skip_comment(&p);
        if (p.pos < p.end && peek(&p) != '\n' && peek(&p) != '\r')
            return fail(&p, "end of line expected");
    }
    return 0;
}

void ptd_toml_release(struct ptd_toml *toml)
{
    for (size_t i = 0; i < toml->count; i++)
        release_entry(&toml->entries[i]);
    free(toml->entries);
    *toml = (struct ptd_toml){0};
}

bool ptd_toml_within(const char *path, const char *table)
{
    size_t n = strlen(table);
    return strncmp(path, table, n) == 0 && (path[n] == '\0' || path[n] == '.');
}

bool ptd_toml_has(const struct ptd_toml *toml, const char *table)
{
    for (size_t i = 0; i < toml->count; i++)
        if (ptd_toml_within(toml->entries[i].path, table))
            return true;
    return false;
}
