#include "config/ini.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct span {
    const char *at;
    size_t len;
};

/* The ASCII part of what Python's str.isspace takes for white space. */
static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static struct span strip_right(struct span s)
{
    while (s.len && blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

static struct span strip(struct span s)
{
    s = strip_right(s);
    while (s.len && blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    return s;
}

/* Length of the line separator at `p`, 0 when there is none: what str.splitlines splits at. */
static size_t separator(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;
    size_t left = (size_t)(end - p);
    if (c == '\r')
        return left > 1 && p[1] == '\n' ? 2 : 1;
    if (c == '\n' || c == '\v' || c == '\f' || (c >= 0x1c && c <= 0x1e))
        return 1;
    if (c == 0xc2 && left > 1 && (unsigned char)p[1] == 0x85)
        return 2;
    if (c == 0xe2 && left > 2 && (unsigned char)p[1] == 0x80 &&
        ((unsigned char)p[2] == 0xa8 || (unsigned char)p[2] == 0xa9))
        return 3;
    return 0;
}

static struct span next_line(const char **pos, const char *end)
{
    struct span line = {*pos, 0};
    const char *p = *pos;
    size_t sep = 0;
    while (p < end && !(sep = separator(p, end)))
        p++;
    line.len = (size_t)(p - line.at);
    *pos = p + sep;
    return line;
}

static const char *find(struct span s, char c)
{
    return memchr(s.at, c, s.len);
}

static struct span until(struct span s, const char *end)
{
    return (struct span){s.at, (size_t)(end - s.at)};
}

static struct span after(struct span s, const char *at)
{
    return (struct span){at + 1, (size_t)(s.at + s.len - at) - 1};
}

/* "[name]", also with a comment behind it. */
static bool is_header(struct span line, struct span *name)
{
    for (const char *c = "#;"; *c; c++) {
        const char *comment = find(line, *c);
        if (comment)
            line = strip_right(until(line, comment));
    }
    if (line.len < 2 || line.at[line.len - 1] != ']')
        return false;
    *name = (struct span){line.at + 1, line.len - 2};
    return true;
}

static bool is_pair(struct span line, struct span *key, struct span *value)
{
    const char *split = find(line, '=');
    if (!split || find(until(line, split), ':'))
        split = find(line, ':');
    if (!split)
        return false;
    *key = strip(until(line, split));
    *value = strip(after(line, split));
    return true;
}

static const struct ptd_ini_entry *lookup(const struct ptd_ini *ini, struct span section,
                                          const struct span *key)
{
    for (size_t i = 0; i < ini->count; i++) {
        const struct ptd_ini_entry *e = &ini->entries[i];
        if (strlen(e->section) != section.len || memcmp(e->section, section.at, section.len) != 0)
            continue;
        if (!key && !e->key)
            return e;
        if (key && e->key && strlen(e->key) == key->len && memcmp(e->key, key->at, key->len) == 0)
            return e;
    }
    return NULL;
}

static struct ptd_ini_entry *add(struct ptd_ini *ini, struct span section, int line)
{
    ini->entries = ptd_xgrow(ini->entries, &ini->cap, ini->count + 1, sizeof(*ini->entries));
    struct ptd_ini_entry *e = &ini->entries[ini->count++];
    *e = (struct ptd_ini_entry){ptd_xstrndup(section.at, section.len), NULL, NULL, line};
    return e;
}

static int add_header(struct ptd_ini *ini, struct span name, int line, struct ptd_err *err)
{
    if (name.len == 0)
        return ptd_err_set(err, PTD_E_CONFIG, "line %d: empty section name", line);
    if (lookup(ini, name, NULL))
        return ptd_err_set(err, PTD_E_CONFIG, "line %d: duplicate section \"%.*s\"", line,
                           (int)name.len, name.at);
    add(ini, name, line);
    return 0;
}

static int add_pair(struct ptd_ini *ini, struct span key, struct span value, int line,
                    struct ptd_err *err)
{
    if (ini->count == 0)
        return ptd_err_set(err, PTD_E_CONFIG, "line %d: no section header defined", line);
    const char *name = ini->entries[ini->count - 1].section;
    struct span section = {name, strlen(name)};
    if (lookup(ini, section, &key))
        return ptd_err_set(err, PTD_E_CONFIG, "line %d: duplicate name \"%.*s\"", line,
                           (int)key.len, key.at);
    struct ptd_ini_entry *e = add(ini, section, line);
    e->key = ptd_xstrndup(key.at, key.len);
    e->value = ptd_xstrndup(value.at, value.len);
    return 0;
}

/* A value that begins on the line below its key has no empty first line. */
static int add_continuation(struct ptd_ini *ini, struct span text, int line, struct ptd_err *err)
{
    struct ptd_ini_entry *last = ini->count ? &ini->entries[ini->count - 1] : NULL;
    if (!last || !last->value)
        return ptd_err_set(err, PTD_E_CONFIG, "line %d: unexpected value continuation", line);
    char *joined =
        ptd_xasprintf("%s%s%.*s", last->value, last->value[0] ? "\n" : "", (int)text.len, text.at);
    free(last->value);
    last->value = joined;
    return 0;
}

static int parse_line(struct ptd_ini *ini, struct span line, int number, struct ptd_err *err)
{
    struct span text = strip(line), key, value;
    if (text.len == 0 || text.at[0] == '#' || text.at[0] == ';')
        return 0;
    line = strip_right(line);
    if (line.at[0] == '[') {
        if (is_header(line, &key))
            return add_header(ini, key, number, err);
        return add_continuation(ini, text, number, err);
    }
    if (blank(line.at[0]))
        return add_continuation(ini, text, number, err);
    if (!is_pair(line, &key, &value))
        return ptd_err_set(err, PTD_E_CONFIG, "line %d: unexpected line: \"%.*s\"", number,
                           (int)(line.len > 80 ? 80 : line.len), line.at);
    return add_pair(ini, key, value, number, err);
}

int ptd_ini_parse(const char *data, size_t len, struct ptd_ini *out, struct ptd_err *err)
{
    *out = (struct ptd_ini){0};
    const char *pos = data, *end = data + len;
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        pos += 3;
    for (int number = 1; pos < end; number++) {
        struct span line = next_line(&pos, end);
        if (memchr(line.at, '\0', line.len))
            return ptd_err_set(err, PTD_E_CONFIG, "line %d: NUL byte", number);
        if (parse_line(out, line, number, err) != 0)
            return -1;
    }
    return 0;
}

void ptd_ini_release(struct ptd_ini *ini)
{
    for (size_t i = 0; i < ini->count; i++) {
        free(ini->entries[i].section);
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
    free(ini->entries);
    *ini = (struct ptd_ini){0};
}

bool ptd_ini_has_section(const struct ptd_ini *ini, const char *section)
{
    return lookup(ini, (struct span){section, strlen(section)}, NULL) != NULL;
}
