#include "base/glob.h"

#include <stddef.h>
#include <string.h>

/* Behind the "]" that ends the set which begins at `p` (behind its "["); NULL when there is none.
 */
static const char *set_end(const char *p)
{
    p += *p == '!' || *p == '^';
    if (*p == ']')
        p++;
    const char *end = strchr(p, ']');
    return end ? end + 1 : NULL;
}

static bool in_set(const char *p, const char *end, unsigned char c)
{
    bool negated = *p == '!' || *p == '^', found = false;
    p += negated;
    for (const char *first = p; p < end - 1; p++) {
        unsigned char low = (unsigned char)*p, high = low;
        if (p[1] == '-' && p + 2 < end - 1 && p >= first) {
            high = (unsigned char)p[2];
            p += 2;
        }
        found = found || (c >= low && c <= high);
    }
    return found != negated;
}

/* One name, or part of one: pattern[..pattern_end) against name[..name_end). */
static bool match_part(const char *p, const char *p_end, const char *n, const char *n_end)
{
    const char *star = NULL, *retry = NULL;
    while (n < n_end) {
        const char *end;
        if (p < p_end && *p == '*') {
            star = ++p;
            retry = n;
            continue;
        }
        if (p < p_end && *p == '[' && (end = set_end(p + 1)) && end <= p_end) {
            if (in_set(p + 1, end, (unsigned char)*n)) {
                p = end;
                n++;
                continue;
            }
        } else if (p < p_end && (*p == '?' || *p == *n)) {
            p++;
            n++;
            continue;
        }
        if (!star)
            return false;
        p = star;
        n = ++retry;
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

static const char *part_end(const char *text)
{
    return text + strcspn(text, "/");
}

static bool match_parts(const char *pattern, const char *path)
{
    while (*pattern) {
        const char *p_end = part_end(pattern);
        const char *more = *p_end ? p_end + 1 : p_end;
        if (p_end - pattern == 2 && strncmp(pattern, "**", 2) == 0) {
            while (strncmp(more, "**/", 3) == 0)
                more += 3;
            if (!*more)
                return *path != '\0';
            for (const char *rest = path; *rest;) {
                if (match_parts(more, rest))
                    return true;
                rest = part_end(rest);
                rest += *rest == '/';
            }
            return false;
        }
        if (!*path || !match_part(pattern, p_end, path, part_end(path)))
            return false;
        path = part_end(path);
        if (*path == '/' && *p_end != '/')
            return false;
        path += *path == '/';
        pattern = more;
        if (!*pattern && *p_end == '/')
            return *path != '\0'; /* "data/": everything below */
    }
    return *path == '\0';
}

bool ptd_glob_match(const char *pattern, const char *path)
{
    while (strncmp(pattern, "./", 2) == 0)
        pattern += 2;
    return match_parts(pattern, path);
}

bool ptd_glob_is_pattern(const char *text)
{
    return strpbrk(text, "*?[") != NULL || text[strlen(text) - 1] == '/';
}

const char *ptd_glob_problem(const char *pattern)
{
    if (!*pattern)
        return "is empty";
    if (*pattern == '/')
        return "is absolute; patterns are relative to the rootdir";
    for (const char *p = pattern; *p; p++) {
        const char *end = part_end(p);
        if (end - p == 2 && strncmp(p, "..", 2) == 0)
            return "leads out of the rootdir";
        for (const char *c = p; c < end; c++)
            if (*c == '[' && (!set_end(c + 1) || set_end(c + 1) > end))
                return "has a '[' without a ']'";
        p = *end ? end : end - 1;
    }
    return NULL;
}

bool ptd_glob_match_name(const char *pattern, const char *name)
{
    return match_part(pattern, pattern + strlen(pattern), name, name + strlen(name));
}
