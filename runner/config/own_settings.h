/* Reads our own settings (config/setting_table.h) from every place that may have them. */
#ifndef PTD_CONFIG_OWN_SETTINGS_H
#define PTD_CONFIG_OWN_SETTINGS_H

#include "config/project.h"
#include "config/settings.h"

/*
 * Fills the fields of the settings, `origins` and `warnings` of a project whose cwd, rootdir and
 * inifile are known. `pytest`: its section with what -o says at the end. Fails with PTD_E_CONFIG
 * (PTD_E_USAGE for -o and variables) naming place and key.
 */
int ptd_own_settings_read(struct ptd_project *project, const struct ptd_settings *pytest,
                          struct ptd_err *err);
void ptd_own_settings_release(struct ptd_project *project);

#endif
