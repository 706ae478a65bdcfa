/*
 * Reader for the dialect of INI that pytest reads (the iniconfig package): "key = value" and
 * "key: value", indented continuation lines, lines that begin with '#' or ';' are comments, a
 * comment behind a value belongs to the value.
 */
#ifndef PTD_CONFIG_INI_H
#define PTD_CONFIG_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct ptd_ini_entry {
    char *section; /* owned */
    char *key;     /* owned; NULL for the section's header itself */
    char *value;   /* owned; lines joined by '\n'; NULL for a header */
    int line;      /* from 1 */
};

struct ptd_ini {
    struct ptd_ini_entry *entries; /* owned, in order */
    size_t count;
    size_t cap;
};

/* Fails with PTD_E_CONFIG ("line 3: ...") for what iniconfig refuses. Release in both cases. */
int ptd_ini_parse(const char *data, size_t len, struct ptd_ini *out, struct ptd_err *err);
void ptd_ini_release(struct ptd_ini *ini);
bool ptd_ini_has_section(const struct ptd_ini *ini, const char *section);

#endif
