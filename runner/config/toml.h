/*
 * Reader for what we need of TOML: where tables and keys are, strings, numbers, booleans and lists
 * of them. It is no validator: what Python's own reader refuses may pass here (a date is a word, a
 * key may be given twice), but no valid document is read wrongly.
 */
#ifndef PTD_CONFIG_TOML_H
#define PTD_CONFIG_TOML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum ptd_toml_kind {
    PTD_TOML_TABLE, /* [header], [[header]] or inline table; its keys follow as entries of their own
                     */
    PTD_TOML_STRING,
    PTD_TOML_ARRAY,
    PTD_TOML_WORD, /* number, boolean, date: `text` as written */
};

struct ptd_toml_entry {
    char *path; /* owned; "tool.pytest.ini_options.addopts", parts that need it in quotes */
    enum ptd_toml_kind kind;
    char *text; /* owned; the string's value, the word, or the array as written; "" for a table */
    char **
        items; /* owned, NULL-terminated; an array's elements: strings decoded, others as written */
    int line;  /* from 1 */
};

struct ptd_toml {
    struct ptd_toml_entry *entries; /* owned, in order */
    size_t count;
    size_t cap;
};

/* Fails with PTD_E_CONFIG ("line 3: ..."). Release in both cases. */
int ptd_toml_parse(const char *data, size_t len, struct ptd_toml *out, struct ptd_err *err);
void ptd_toml_release(struct ptd_toml *toml);
/* Is `path` the table's path, or below it? */
bool ptd_toml_within(const char *path, const char *table);
/* Is there anything at or below this path? */
bool ptd_toml_has(const struct ptd_toml *toml, const char *table);

#endif
