/* A configuration file as pytest sees it: is it one, what does its section say. */
#ifndef PTD_CONFIG_SETTINGS_H
#define PTD_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/toml.h"

struct ptd_setting {
    char *key;  /* owned */
    char *text; /* owned; as it would be written in an INI file; a list's as written in the file */
    char **items;            /* owned, NULL-terminated; NULL unless it is a list */
    enum ptd_toml_kind kind; /* STRING for all that an INI file says */
    bool override;           /* from -o on the command line */
};

struct ptd_settings {
    char *where;              /* owned; "[pytest]", for messages; "" when there is no section */
    struct ptd_setting *list; /* owned */
    size_t count, cap;
    /* What the hash of the configuration is made of: those keys of the section with their values
     * that can change an outcome, but for `addopts` and `markers`; or all of the file where that
     * cannot be told. */
    struct ptd_buf raw;
};

enum ptd_config_file {
    PTD_CONFIG_NONE,   /* no configuration of pytest in it */
    PTD_CONFIG_CHOSEN, /* pytest takes it */
    PTD_CONFIG_BROKEN, /* pytest will stop at it with an error of its own */
};

/*
 * Reads `path`, whose name says what it is; `pytest_version` as in project.h. `out` is filled for
 * CHOSEN and BROKEN, to be released in any case. Returns -1 (PTD_E_CONFIG) when it cannot be read.
 */
int ptd_settings_load(const char *path, int pytest_version, enum ptd_config_file *kind,
                      struct ptd_settings *out, struct ptd_err *err);
/* The table `table` of a TOML file; a missing file is as one without the table, and so is one that
 * cannot be parsed and does not have that name anywhere. Otherwise fails with PTD_E_CONFIG; `out`
 * is to be released in any case. */
int ptd_settings_load_table(const char *path, const char *table, struct ptd_settings *out,
                            struct ptd_err *err);
void ptd_settings_release(struct ptd_settings *settings);

/* NULL when it is not there; of several the last. */
const struct ptd_setting *ptd_settings_find(const struct ptd_settings *settings, const char *key);
/* Adds one from "key=value", as -o has it; anything else is ignored. */
void ptd_settings_override(struct ptd_settings *settings, const char *assignment);
/* The words of a list, or of a string split as a shell does; owned, NULL-terminated. */
char **ptd_setting_words(const struct ptd_setting *setting);

#endif
