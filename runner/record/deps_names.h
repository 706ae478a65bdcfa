/* What scopes asked for by name (PTD_J_NAME): modules and who provides them, installed
 * distributions, environment variables. */
#ifndef PTD_RECORD_DEPS_NAMES_H
#define PTD_RECORD_DEPS_NAMES_H

#include "record/deps.h"

/* Adds what the names of a scope stand for. */
int ptd_dep_names_add(struct ptd_dep_context *c, uint32_t scope, struct ptd_deps *out,
                      struct ptd_err *err);
/* What counts for every test: plugins, start-up files, configured variables, the rules. */
int ptd_dep_names_session(struct ptd_dep_context *c, struct ptd_deps *out, struct ptd_err *err);
/* Adds the rules that concern a file among the items. */
int ptd_dep_rules_add(struct ptd_dep_context *c, struct ptd_deps *items, struct ptd_err *err);
void ptd_dep_names_release(struct ptd_dep_context *c);

#endif
