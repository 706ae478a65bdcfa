/* Patterns for paths relative to a directory: "*" and "?" stay within one name, "**" as a whole
 * name is any number of directories, also none; "[a-z]" and "[!a-z]" are sets of bytes. */
#ifndef PTD_BASE_GLOB_H
#define PTD_BASE_GLOB_H

#include <stdbool.h>

/* A pattern that ends in a slash and two stars, or in a slash alone, matches all that lies below.
 */
bool ptd_glob_match(const char *pattern, const char *path);
/* Whether it has a wildcard at all. */
bool ptd_glob_is_pattern(const char *text);
/* NULL, or what is wrong: empty, absolute, with "..", or with a set that does not end. */
const char *ptd_glob_problem(const char *pattern);
/* "*" matches anything, as for names of variables: "CI_*". */
bool ptd_glob_match_name(const char *pattern, const char *name);

/* What matches the left pattern depends on what matches one of the right ones. */
struct ptd_rule {
    char *left;   /* owned */
    char **right; /* owned, NULL-terminated */
};

#endif
