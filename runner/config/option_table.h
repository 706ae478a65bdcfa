/* Our own options as data: parsing, help and completions are made from it. */
#ifndef PTD_CONFIG_OPTION_TABLE_H
#define PTD_CONFIG_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/options.h"

enum ptd_option_group {
    PTD_GROUP_RECORD, /* data: what is recorded, where */
    PTD_GROUP_SELECT,
    PTD_GROUP_RUN,
    PTD_GROUP_ALIAS, /* spellings of other tools */
    PTD_GROUP_INFO,
    PTD_GROUPS,
};

struct ptd_option_spec;

/* Stores the option; `value` is NULL for one without. `options` is borrowed. */
typedef int ptd_option_apply(struct ptd_options *options, const struct ptd_option_spec *spec,
                             const char *value, struct ptd_err *err);

struct ptd_option_spec {
    const char *name;    /* with its dashes */
    const char *metavar; /* NULL: takes no value */
    bool optional;       /* the value may be left out, and is only taken from "--name=value" */
    ptd_option_apply *apply;
    size_t offset;       /* of the field in struct ptd_options that `apply` stores to */
    const char *choices; /* "a|b|c" for an enumeration, in its order */
    enum ptd_option_group group;
    const char *brief; /* for the short help; NULL: not on it */
    const char *help;  /* one paragraph */
};

extern const struct ptd_option_spec ptd_option_table[];
extern const size_t ptd_option_count;

/* NULL when there is none of this name. */
const struct ptd_option_spec *ptd_option_find(const char *name, size_t len);

/* An optional value may also be the next argument, when that begins with no dash. */
bool ptd_option_reaches(const struct ptd_option_spec *spec);

ptd_option_apply ptd_option_set_text, ptd_option_set_number, ptd_option_set_flag;
ptd_option_apply ptd_option_set_since;

/* For --help: an option with its text, and running text. */
void ptd_help_option(FILE *out, const struct ptd_option_spec *spec);
void ptd_help_paragraph(FILE *out, const char *text);

#endif
