/* Lists in our own configuration: rules for dependencies, names of environment variables. */
#ifndef PTD_CONFIG_RULES_H
#define PTD_CONFIG_RULES_H

#include "base/glob.h"
#include "config/project.h"
#include "config/settings.h"

/* [tool.pyt-diff.dependencies] of a TOML file: "left" = "right" or ["right", ...]. Missing or
 * broken files hold none. Fails with PTD_E_CONFIG naming file and key. */
int ptd_rules_read_table(struct ptd_project *project, const char *file, struct ptd_err *err);
/* The key diff_dependencies of pytest's section, one rule a line: left -> right right ... (in TOML
 * files a list of such lines). `label` names file and key. */
int ptd_rules_read_lines(struct ptd_project *project, const struct ptd_setting *setting,
                         const char *label, struct ptd_err *err);
/* Names of variables, as a list or separated by white space, added to *names; "*" and "?" may stand
 * in them. */
int ptd_rules_read_names(char ***names, const struct ptd_setting *setting, const char *label,
                         struct ptd_err *err);

/* Names of markers, and patterns of paths, in place of what *list holds; the same form. An empty
 * list is one. */
int ptd_rules_read_markers(char ***list, const struct ptd_setting *setting, const char *label,
                           struct ptd_err *err);
int ptd_rules_read_paths(char ***list, const struct ptd_setting *setting, const char *label,
                         struct ptd_err *err);

void ptd_rules_release(struct ptd_rule *rules, size_t count);

#endif
