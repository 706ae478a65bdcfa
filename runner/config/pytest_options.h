/* The options of pytest 7 to 9 and of widespread plugins, as data. */
#ifndef PTD_CONFIG_PYTEST_OPTIONS_H
#define PTD_CONFIG_PYTEST_OPTIONS_H

#include <stddef.h>

enum {
    /* how many arguments follow */
    PTD_PO_ONE = 1 << 0,
    PTD_PO_MAYBE = 1 << 1, /* one unless the next one is an option */
    PTD_PO_TWO = 1 << 2,
    PTD_PO_MANY = 1 << 3, /* all up to the next option */
    /* pytest itself has it, so knows it when it looks for the rootdir */
    PTD_PO_CORE = 1 << 4,
    /* what it means to us */
    PTD_PO_OUTCOME = 1 << 5,      /* may change what a test's outcome is */
    PTD_PO_LEAVES_FILES = 1 << 6, /* a file may be left uncollected */
    PTD_PO_INFORMS = 1 << 7,      /* shows something, runs no test */
    PTD_PO_COLLECTS = 1 << 8,
    PTD_PO_DEBUGS = 1 << 9,
    /* which field it sets */
    PTD_PO_VERBOSE = 1 << 10,
    PTD_PO_QUIET = 1 << 11,
    PTD_PO_VERBOSITY = 1 << 12,
    PTD_PO_ROOTDIR = 1 << 13,
    PTD_PO_INIFILE = 1 << 14,
    PTD_PO_COLOR = 1 << 15,
    PTD_PO_OVERRIDE = 1 << 16,
    PTD_PO_WORKERS = 1 << 17,
    PTD_PO_REMOTES = 1 << 18, /* workers by specification, not by number */
    PTD_PO_IGNORE = 1 << 19,
    PTD_PO_DESELECT = 1 << 20,
    PTD_PO_NARROWS = 1 << 21, /* fewer tests than the paths say, by what only pytest knows */
    PTD_PO_JUNIT = 1 << 22,
};

struct ptd_pytest_option {
    const char *name; /* with its dashes */
    const char
        *canonical; /* the name under which it stands in the outcome arguments; NULL = name */
    unsigned flags;
};

/* NULL when there is none of this name. */
const struct ptd_pytest_option *ptd_pytest_option_find(const char *name, size_t len);

#endif
