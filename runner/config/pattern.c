#include "config/pattern.h"

#include <stddef.h>
#include <string.h>

/* The character at *s (a stray byte counts as one), which moves behind it. */
static unsigned long next_char(const char **s)
{
    const unsigned char *p = (const unsigned char *)*s;
    int more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc2 ? 1 : 0;
    unsigned long c = more ? p[0] & (0x3fu >> more) : p[0];
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            c = p[0];
            more = 0;
            break;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    *s += 1 + more;
    return c;
}

/* The "]" that ends the set whose inside begins at `p`; NULL: the "[" stands for itself. */
static const char *set_end(const char *p)
{
    if (*p == '!')
        p++;
    if (*p == ']')
        p++;
    return strchr(p, ']');
}

static bool in_set(const char *p, const char *end, unsigned long c)
{
    bool negated = *p == '!', found = false;
    p += negated;
    while (p < end) {
        unsigned long low = next_char(&p), high = low;
        if (end - p >= 2 && *p == '-') {
            p++;
            high = next_char(&p);
        }
        found = found || (c >= low && c <= high);
    }
    return found != negated;
}

/* Does the first element of the pattern, which is no "*", match one character? Both move on. */
static bool match_one(const char **pattern, const char **name)
{
    const char *end;
    unsigned long c = next_char(name);
    if (**pattern == '?') {
        ++*pattern;
        return true;
    }
    if (**pattern == '[' && (end = set_end(*pattern + 1))) {
        const char *inside = *pattern + 1;
        *pattern = end + 1;
        return in_set(inside, end, c);
    }
    return next_char(pattern) == c;
}

bool ptd_pattern_match(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL; /* behind the last "*", and where it stops matching */
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
            continue;
        }
        if (*pattern && match_one(&pattern, &name))
            continue;
        if (!star)
            return false;
        next_char(&retry);
        name = retry;
        pattern = star;
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
