/* File name patterns as Python's fnmatch has them: "*" (also over "/"), "?", "[a-z]", "[!a-z]". */
#ifndef PTD_CONFIG_PATTERN_H
#define PTD_CONFIG_PATTERN_H

#include <stdbool.h>

bool ptd_pattern_match(const char *pattern, const char *name);

#endif
