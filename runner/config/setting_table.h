/*
 * Our own settings as data: reading them, telling pytest about them, warning of unknown ones and
 * showing what is set where (`pyt-diff doctor`) are made from it.
 *
 * A setting is read from, the later before the earlier: the section of pytest's configuration (the
 * key with "diff_" in front), [tool.pyt-diff] of pyproject.toml, its environment variable, -o on
 * the command line. An option that means the same goes before all of these; the commands see to
 * that.
 */
#ifndef PTD_CONFIG_SETTING_TABLE_H
#define PTD_CONFIG_SETTING_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/project.h"
#include "config/settings.h"

enum ptd_setting_source {
    PTD_SETTING_PYTEST,      /* pytest's section */
    PTD_SETTING_OWN,         /* [tool.pyt-diff] */
    PTD_SETTING_ENVIRONMENT, /* its variable */
    PTD_SETTING_OVERRIDE,    /* -o KEY=VALUE */
};

/* One value as somebody said it. */
struct ptd_setting_said {
    enum ptd_setting_source source;
    const struct ptd_setting *setting; /* borrowed */
    const char *label; /* borrowed; "pytest.ini: [pytest] diff_opaque", for messages */
};

struct ptd_setting_spec;

/* Stores the value in the project. Fails with PTD_E_CONFIG, or PTD_E_USAGE for an override. */
typedef int ptd_setting_apply(struct ptd_project *project, const struct ptd_setting_spec *spec,
                              const struct ptd_setting_said *said, struct ptd_err *err);

struct ptd_setting_spec {
    const char *key;      /* in [tool.pyt-diff]; '_' in it is as good as '-' */
    const char *pytest;   /* in pytest's section; NULL: only in [tool.pyt-diff] */
    const char *variable; /* NULL: none */
    const char *option;   /* means the same on the command line; NULL: none */
    const char *fallback; /* as text, when nobody says anything; NULL: not set */
    bool adds;            /* a value adds to those of places before it */
    bool secret;          /* the value is not shown */
    ptd_setting_apply *apply;
    size_t offset; /* of the field in struct ptd_project */
};

extern const struct ptd_setting_spec ptd_setting_table[];
extern const size_t ptd_setting_count;

/* NULL when there is none: by its key in [tool.pyt-diff], by that in pytest's section. */
const struct ptd_setting_spec *ptd_setting_spec_find(const char *key);
const struct ptd_setting_spec *ptd_setting_spec_find_pytest(const char *key);
/* The nearest key, or NULL. */
const char *ptd_setting_spec_nearest(const char *key);
const char *ptd_setting_spec_nearest_pytest(const char *key);

#endif
