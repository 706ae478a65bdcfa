#include "change/ignore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct pattern {
    const char *text; /* borrowed from the rules' copy of the file; never empty */
    size_t len;
    size_t literal; /* length of the part before the first wildcard or backslash */
    bool negated;
    bool directory_only;
    bool name_only; /* without a slash: compared with the last component, at any depth */
};

struct ptd_ignore {
    const struct ptd_ignore *parent; /* borrowed */
    char *base;                      /* owned */
    size_t base_len;
    char *text;               /* owned */
    struct pattern *patterns; /* owned, in the order of the file */
    size_t count, cap;
};

/* Ends the line before its unescaped trailing spaces; tabs stay. */
static void trim_spaces(char *line)
{
    char *end = line;
    for (char *p = line; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == ' ')
            continue;
        end = p + 1;
    }
    *end = '\0';
}

static void add_pattern(struct ptd_ignore *rules, char *line)
{
    struct pattern p = {.text = line};
    trim_spaces(line);
    if (*line == '!') {
        p.negated = true;
        p.text = ++line;
    }
    p.len = strlen(line);
    if (p.len && line[p.len - 1] == '/') {
        p.directory_only = true;
        line[--p.len] = '\0';
    }
    p.name_only = !strchr(line, '/');
    if (*line == '/') {
        p.text++;
        p.len--;
    }
    if (p.len == 0)
        return;
    p.literal = strcspn(p.text, "*?[\\");
    rules->patterns =
        ptd_xgrow(rules->patterns, &rules->cap, rules->count + 1, sizeof(*rules->patterns));
    rules->patterns[rules->count++] = p;
}

static void parse(struct ptd_ignore *rules, size_t len)
{
    char *line = rules->text;
    char *end = line + len;
    if (len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3;
    while (line < end) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        *stop = '\0';
        if (stop > line && stop[-1] == '\r')
            stop[-1] = '\0';
        if (*line && *line != '#')
            add_pattern(rules, line);
        line = stop + 1;
    }
}

struct ptd_ignore *ptd_ignore_new(const struct ptd_ignore *parent, const char *base,
                                  const char *text, size_t len)
{
    struct ptd_ignore *rules = ptd_xcalloc(1, sizeof(*rules));
    rules->parent = parent;
    rules->base = ptd_xstrdup(base);
    rules->base_len = strlen(base);
    rules->text = ptd_xmalloc(len + 1);
    if (len)
        memcpy(rules->text, text, len);
    rules->text[len] = '\0';
    parse(rules, len);
    return rules;
}

void ptd_ignore_free(struct ptd_ignore *rules)
{
    if (!rules)
        return;
    free(rules->patterns);
    free(rules->text);
    free(rules->base);
    free(rules);
}

enum { ALPHA = 1, DIGIT = 2, UPPER = 4, LOWER = 8, SPACE = 16, PUNCT = 32, CNTRL = 64, HEX = 128 };

/* Independent of the locale, and as git has it: vertical tab and form feed are no space. */
static unsigned kinds_of(unsigned char c)
{
    unsigned kinds = 0;
    unsigned char low = c | 0x20;
    if (c >= '0' && c <= '9')
        kinds |= DIGIT | HEX;
    else if (low >= 'a' && low <= 'z')
        kinds |= ALPHA | (c == low ? LOWER : UPPER) | (low <= 'f' ? HEX : 0);
    else if (c > ' ' && c < 0x7f)
        kinds |= PUNCT;
    if (c < ' ' || c == 0x7f)
        kinds |= CNTRL;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        kinds |= SPACE;
    return kinds;
}

/* Whether `c` belongs to [:name:]; -1 when there is no such class. */
static int in_named_class(const char *name, size_t len, unsigned char c)
{
    static const struct {
        const char *name;
        unsigned kinds;
        char extra;
    } classes[] = {
        {"alnum", ALPHA | DIGIT, 0}, {"alpha", ALPHA, 0},
        {"blank", 0, '\t'},          {"cntrl", CNTRL, 0},
        {"digit", DIGIT, 0},         {"graph", ALPHA | DIGIT | PUNCT, 0},
        {"lower", LOWER, 0},         {"print", ALPHA | DIGIT | PUNCT, ' '},
        {"punct", PUNCT, 0},         {"space", SPACE, 0},
        {"upper", UPPER, 0},         {"xdigit", HEX, 0},
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len) != 0)
            continue;
        if (classes[i].extra && (c == ' ' || c == (unsigned char)classes[i].extra))
            return 1;
        return (kinds_of(c) & classes[i].kinds) != 0;
    }
    return -1;
}

/*
 * `*pos` stands behind the "[" and is moved behind the "]". Returns whether `c` is in the set, or
 * -1 when the set is malformed, in which case the whole pattern matches nothing.
 */
static int match_set(const char **pos, unsigned char c)
{
    const unsigned char *p = (const unsigned char *)*pos;
    bool negated = *p == '!' || *p == '^';
    bool hit = false;
    unsigned char before = 0; /* start of a range if "-" comes next, 0 when there is none */
    if (negated)
        p++;
    do { /* a "]" in the first place stands for itself */
        unsigned char member = *p;
        if (member == '\\')
            member = *++p;
        else if (member == '-' && before && p[1] && p[1] != ']') {
            if (*++p == '\\')
                p++;
            hit |= *p && c >= before && c <= *p;
            member = 0;
        } else if (member == '[' && p[1] == ':') {
            const char *name = (const char *)p + 2;
            const char *close = strchr(name, ']');
            if (!close)
                return -1;
            if (close > name && close[-1] == ':') {
                int in = in_named_class(name, (size_t)(close - 1 - name), c);
                if (in < 0)
                    return -1;
                hit |= in;
                p = (const unsigned char *)close;
                member = 0;
            }
        }
        if (!*p)
            return -1;
        hit |= member && member == c;
        before = member;
    } while (*++p != ']');
    *pos = (const char *)p + 1;
    return hit != negated;
}

/* One character against one element of the pattern other than "*"; -1 as with match_set. */
static int match_one(const char **pos, unsigned char c)
{
    const char *p = *pos;
    switch (*p) {
    case '?':
        *pos = p + 1;
        return c != '/';
    case '[':
        *pos = p + 1;
        int in = match_set(pos, c);
        return in > 0 && c == '/' ? 0 : in;
    case '\\':
        if (!*++p)
            return -1;
        break;
    default:
        break;
    }
    *pos = p + 1;
    return (unsigned char)*p == c;
}

/*
 * The whole text against the whole pattern. "*" stops at a slash; "**" between slashes (or the
 * ends) does not. Going back to the last star of either kind is enough: what an earlier one could
 * reach by taking more, the later one reaches as well. So the time is bounded by the product of
 * the lengths, whatever the pattern.
 */
static bool match_glob(const char *pattern, const char *text)
{
    const char *p = pattern;
    const char *t = text;
    const char *star = NULL, *star_text = NULL; /* what follows the last "*", and where it ends */
    const char *deep = NULL, *deep_text = NULL; /* the same behind the slash of the last "**" */
    for (;;) {
        if (*p == '*') {
            const char *first = p;
            p += strspn(p, "*");
            bool slash_next = *p == '/' || (p[0] == '\\' && p[1] == '/');
            if (p - first > 1 && (first == pattern || first[-1] == '/') && (!*p || slash_next)) {
                if (!*p)
                    return true;
                bool may_be_empty = *p == '/';
                p += may_be_empty ? 1 : 2;
                deep = p;
                deep_text = t;
                star = NULL;
                if (may_be_empty)
                    continue;
            } else {
                if (!*p && !strchr(t, '/'))
                    return true;
                star = p;
                star_text = t;
                continue;
            }
        } else if (!*p && !*t) {
            return true;
        } else if (*p && *t) {
            int matched = match_one(&p, (unsigned char)*t);
            if (matched < 0)
                return false;
            if (matched) {
                t++;
                continue;
            }
        }
        if (star && *star_text && *star_text != '/') {
            p = star;
            t = ++star_text;
            continue;
        }
        star = NULL;
        if (!deep || !(deep_text = strchr(deep_text, '/')))
            return false;
        p = deep;
        t = ++deep_text;
    }
}

static bool match_pattern(const struct pattern *p, const char *path, size_t path_len,
                          const char *name, size_t name_len)
{
    if (p->name_only) {
        path = name;
        path_len = name_len;
    }
    if (p->literal == p->len)
        return p->len == path_len && memcmp(p->text, path, path_len) == 0;
    if (p->literal > path_len || memcmp(p->text, path, p->literal) != 0)
        return false;
    /* Without the literal part, as git does it: "a/b**" so takes its "**" for one that crosses
     * slashes. */
    return match_glob(p->text + p->literal, path + p->literal);
}

/* The part of `path` below the rules' directory; NULL when it is not below. */
static const char *below_base(const struct ptd_ignore *rules, const char *path, size_t len)
{
    size_t n = rules->base_len;
    if (n == 0)
        return path;
    if (len <= n + 1 || path[n] != '/' || memcmp(path, rules->base, n) != 0)
        return NULL;
    return path + n + 1;
}

bool ptd_ignore_match(const struct ptd_ignore *rules, const char *path, bool is_directory)
{
    size_t len = strlen(path);
    const char *slash = memrchr(path, '/', len);
    const char *name = slash ? slash + 1 : path;
    size_t name_len = (size_t)(path + len - name);
    for (; rules; rules = rules->parent) {
        const char *below = below_base(rules, path, len);
        if (!below)
            continue;
        size_t below_len = (size_t)(path + len - below);
        for (size_t i = rules->count; i-- > 0;) {
            const struct pattern *p = &rules->patterns[i];
            if (p->directory_only && !is_directory)
                continue;
            if (match_pattern(p, below, below_len, name, name_len))
                return !p->negated;
        }
    }
    return false;
}
