#include "config/own_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/rules.h"
#include "config/setting_table.h"
#include "config/shlex.h"

#define OWN_TABLE "tool.pyt-diff"
#define PREFIX    "diff_"

/* Replaces the text, or adds to it. */
static void note(char **text, const char *more, bool adds)
{
    char *joined = adds && *text ? ptd_xasprintf("%s, %s", *text, more) : ptd_xstrdup(more);
    free(*text);
    *text = joined;
}

/* Who has said it last, or for lists, who has said something. */
static void note_origin(struct ptd_project *project, const struct ptd_setting_spec *spec,
                        const struct ptd_setting_said *said)
{
    struct ptd_setting_origin *origin = &project->origins[spec - ptd_setting_table];
    /* the keys of a table are settings of their own, in one place */
    if (said->setting->kind == PTD_TOML_TABLE && origin->where &&
        strstr(origin->where, said->label))
        return;
    note(&origin->where, said->label, spec->adds);
    note(&origin->text, said->setting->text, spec->adds);
}

static int apply(struct ptd_project *project, const struct ptd_setting_spec *spec,
                 enum ptd_setting_source source, const struct ptd_setting *setting,
                 const char *label, struct ptd_err *err)
{
    struct ptd_setting_said said = {source, setting, label};
    if (spec->apply(project, spec, &said, err) != 0)
        return -1;
    note_origin(project, spec, &said);
    return 0;
}

/* "pyproject.toml: [tool.pyt-diff] batch-size"; owned. */
static char *label_of(const char *file, const struct ptd_settings *settings,
                      const struct ptd_setting *setting)
{
    if (setting->override)
        return ptd_xasprintf("-o %s", setting->key);
    return ptd_xasprintf("%s: %s %s", file ? ptd_path_basename(file) : "", settings->where,
                         setting->key);
}

/* Takes `line`; each is said once. */
static void warn(struct ptd_project *project, char *line)
{
    for (size_t i = 0; i < project->warning_count; i++) {
        if (strcmp(project->warnings[i], line) == 0) {
            free(line);
            return;
        }
    }
    ptd_strings_add(&project->warnings, &project->warning_count, line);
}

/* Of pytest's section only what is nearly ours: others may have keys with this beginning. */
static void warn_unknown(struct ptd_project *project, const char *file,
                         const struct ptd_settings *settings, const struct ptd_setting *setting,
                         bool own)
{
    const char *near = own ? ptd_setting_spec_nearest(setting->key)
                           : ptd_setting_spec_nearest_pytest(setting->key);
    const char *name = setting->override ? "-o" : file ? ptd_path_basename(file) : "";
    if (near)
        warn(project, ptd_xasprintf("%s: %s unknown key \"%s\", did you mean %s?", name,
                                    settings->where, setting->key, near));
    else if (own)
        warn(project,
             ptd_xasprintf("%s: %s unknown key \"%s\"", name, settings->where, setting->key));
}

/* The diff_* keys of pytest's section, or those of -o. */
static int read_pytest(struct ptd_project *project, const struct ptd_settings *settings,
                       bool overrides, struct ptd_err *err)
{
    int status = 0;
    for (size_t i = 0; i < settings->count && status == 0; i++) {
        const struct ptd_setting *setting = &settings->list[i];
        /* what -o says is said instead of what the file says; of several the last */
        if (strncmp(setting->key, PREFIX, strlen(PREFIX)) != 0 || setting->override != overrides ||
            ptd_settings_find(settings, setting->key) != setting)
            continue;
        const struct ptd_setting_spec *spec = ptd_setting_spec_find_pytest(setting->key);
        if (!spec) {
            warn_unknown(project, project->inifile, settings, setting, false);
            continue;
        }
        PTD_CLEANUP_FREE char *label = label_of(project->inifile, settings, setting);
        status = apply(project, spec, overrides ? PTD_SETTING_OVERRIDE : PTD_SETTING_PYTEST,
                       setting, label, err);
    }
    return status;
}

static int read_own(struct ptd_project *project, const char *file,
                    const struct ptd_settings *settings, struct ptd_err *err)
{
    int status = 0;
    for (size_t i = 0; i < settings->count && status == 0; i++) {
        const struct ptd_setting *setting = &settings->list[i];
        const struct ptd_setting_spec *spec = ptd_setting_spec_find(setting->key);
        PTD_CLEANUP_FREE char *label = label_of(file, settings, setting);
        if (spec)
            status = apply(project, spec, PTD_SETTING_OWN, setting, label, err);
        else
            warn_unknown(project, file, settings, setting, true);
    }
    return status;
}

/* [tool.pyt-diff] of the rootdir's pyproject.toml, whichever file pytest takes. */
static int read_own_table(struct ptd_project *project, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *file = ptd_path_join(project->rootdir, "pyproject.toml");
    struct ptd_settings settings;
    int status = ptd_settings_load_table(file, OWN_TABLE, &settings, err);
    if (status == 0)
        status = read_own(project, file, &settings, err);
    else if (project->inifile && strcmp(project->inifile, file) == 0)
        status = 0; /* pytest will stop at it, and say why */
    ptd_settings_release(&settings);
    return status == 0 ? ptd_rules_read_table(project, file, err) : status;
}

static int read_environment(struct ptd_project *project, struct ptd_err *err)
{
    int status = 0;
    for (size_t i = 0; i < ptd_setting_count && status == 0; i++) {
        const struct ptd_setting_spec *spec = &ptd_setting_table[i];
        char *value = spec->variable ? getenv(spec->variable) : NULL;
        struct ptd_setting setting = {
            .key = (char *)spec->variable, .text = value, .kind = PTD_TOML_STRING};
        if (value && *value)
            status = apply(project, spec, PTD_SETTING_ENVIRONMENT, &setting, spec->variable, err);
    }
    return status;
}

static void use_fallbacks(struct ptd_project *project)
{
    for (size_t i = 0; i < ptd_setting_count; i++) {
        const struct ptd_setting_spec *spec = &ptd_setting_table[i];
        struct ptd_setting setting = {
            .key = (char *)spec->key, .text = (char *)spec->fallback, .kind = PTD_TOML_STRING};
        struct ptd_setting_said said = {PTD_SETTING_OWN, &setting, spec->key};
        if (spec->fallback && spec->apply(project, spec, &said, NULL) != 0)
            PTD_BUG("a default that is refused");
    }
}

int ptd_own_settings_read(struct ptd_project *project, const struct ptd_settings *pytest,
                          struct ptd_err *err)
{
    project->origins = ptd_xcalloc(ptd_setting_count, sizeof(*project->origins));
    use_fallbacks(project);
    if (read_pytest(project, pytest, false, err) != 0 || read_own_table(project, err) != 0 ||
        read_environment(project, err) != 0)
        return -1;
    return read_pytest(project, pytest, true, err);
}

void ptd_own_settings_release(struct ptd_project *project)
{
    for (size_t i = 0; project->origins && i < ptd_setting_count; i++) {
        free(project->origins[i].where);
        free(project->origins[i].text);
    }
    free(project->origins);
    ptd_rules_release(project->rules, project->rule_count);
    ptd_strings_free(project->env);
    ptd_strings_free(project->ignore_env);
    ptd_strings_free(project->e2e_markers);
    ptd_strings_free(project->e2e_paths);
    ptd_strings_free(project->warnings);
    free(project->remote);
    free(project->environment_name);
    free(project->python);
    free(project->pass_cache);
    free(project->pass_token);
    free(project->pass_salt);
}
