#include "config/setting_table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/nearest.h"
#include "config/rootdir.h"
#include "config/rules.h"

static void *field(struct ptd_project *project, const struct ptd_setting_spec *spec)
{
    return (char *)project + spec->offset;
}

static int wrong(const struct ptd_setting_said *said, const char *expected, struct ptd_err *err)
{
    bool file = said->source == PTD_SETTING_PYTEST || said->source == PTD_SETTING_OWN;
    return ptd_err_set(err, file ? PTD_E_CONFIG : PTD_E_USAGE, "%s: expected %s, got \"%s\"",
                       said->label, expected, said->setting->text);
}

static bool is_scalar(const struct ptd_setting *setting)
{
    return setting->kind == PTD_TOML_STRING || setting->kind == PTD_TOML_WORD;
}

static int number(struct ptd_project *project, const struct ptd_setting_spec *spec,
                  const struct ptd_setting_said *said, struct ptd_err *err)
{
    const char *text = said->setting->text;
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (!is_scalar(said->setting) || end == text || *end || errno || value < 1 || value > INT_MAX)
        return wrong(said, "a whole number", err);
    *(int *)field(project, spec) = (int)value;
    return 0;
}

static int truth(struct ptd_project *project, const struct ptd_setting_spec *spec,
                 const struct ptd_setting_said *said, struct ptd_err *err)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    bool *out = field(project, spec);
    for (size_t i = 0; is_scalar(said->setting) && i < sizeof(yes) / sizeof(*yes); i++) {
        *out = strcasecmp(said->setting->text, yes[i]) == 0;
        if (*out || strcasecmp(said->setting->text, no[i]) == 0)
            return 0;
    }
    return wrong(said, "true or false", err);
}

static int opaque(struct ptd_project *project, const struct ptd_setting_spec *spec,
                  const struct ptd_setting_said *said, struct ptd_err *err)
{
    bool *trust = field(project, spec);
    *trust = strcmp(said->setting->text, "trust") == 0;
    if (*trust || strcmp(said->setting->text, "run") == 0)
        return 0;
    return wrong(said, "run or trust", err);
}

/* A path, or a name on PATH. In files paths are relative to the rootdir, in a variable to where we
 * are. */
static int program(struct ptd_project *project, const struct ptd_setting_spec *spec,
                   const struct ptd_setting_said *said, struct ptd_err *err)
{
    char **out = field(project, spec);
    if (said->setting->kind != PTD_TOML_STRING || !*said->setting->text)
        return wrong(said, "a path", err);
    char *path = ptd_expand_user(said->setting->text);
    if (said->source == PTD_SETTING_ENVIRONMENT && strchr(path, '/')) {
        char *absolute = ptd_path_join(project->cwd, path);
        free(path);
        path = absolute;
    }
    free(*out);
    *out = path;
    return 0;
}

static int text(struct ptd_project *project, const struct ptd_setting_spec *spec,
                const struct ptd_setting_said *said, struct ptd_err *err)
{
    char **out = field(project, spec);
    const char *value = said->setting->text;
    if (said->setting->kind != PTD_TOML_STRING || !*value || strchr(value, '\n'))
        return wrong(said, "a line of text", err);
    free(*out);
    *out = ptd_xstrdup(value);
    return 0;
}

/* "@FILE" of a variable is relative to where we are. */
static int token(struct ptd_project *project, const struct ptd_setting_spec *spec,
                 const struct ptd_setting_said *said, struct ptd_err *err)
{
    char **out = field(project, spec);
    if (text(project, spec, said, err) != 0)
        return -1;
    if (said->source != PTD_SETTING_ENVIRONMENT || **out != '@')
        return 0;
    PTD_CLEANUP_FREE char *path = ptd_path_join(project->cwd, *out + 1);
    free(*out);
    *out = ptd_xasprintf("@%s", path);
    return 0;
}

static int url(struct ptd_project *project, const struct ptd_setting_spec *spec,
               const struct ptd_setting_said *said, struct ptd_err *err)
{
    char **out = field(project, spec);
    const char *value = said->setting->text;
    if (said->setting->kind != PTD_TOML_STRING || (*value && !strstr(value, "://")))
        return wrong(said, "a URL", err);
    free(*out);
    *out = *value ? ptd_xstrdup(value) : NULL;
    return 0;
}

static int names(struct ptd_project *project, const struct ptd_setting_spec *spec,
                 const struct ptd_setting_said *said, struct ptd_err *err)
{
    return ptd_rules_read_names(field(project, spec), said->setting, said->label, err);
}

static int markers(struct ptd_project *project, const struct ptd_setting_spec *spec,
                   const struct ptd_setting_said *said, struct ptd_err *err)
{
    return ptd_rules_read_markers(field(project, spec), said->setting, said->label, err);
}

static int paths(struct ptd_project *project, const struct ptd_setting_spec *spec,
                 const struct ptd_setting_said *said, struct ptd_err *err)
{
    return ptd_rules_read_paths(field(project, spec), said->setting, said->label, err);
}

/* In [tool.pyt-diff] they are a table of its own, which is read as a whole. */
static int rules(struct ptd_project *project, const struct ptd_setting_spec *spec,
                 const struct ptd_setting_said *said, struct ptd_err *err)
{
    (void)spec;
    if (said->source == PTD_SETTING_OWN)
        return 0;
    return ptd_rules_read_lines(project, said->setting, said->label, err);
}

#define AT(member) offsetof(struct ptd_project, member)

const struct ptd_setting_spec ptd_setting_table[] = {
    {.key = "python",
     .variable = "PYT_DIFF_PYTHON",
     .option = "--python",
     .apply = program,
     .offset = AT(python)},
    {.key = "env", .pytest = "diff_env", .adds = true, .apply = names, .offset = AT(env)},
    {.key = "ignore-env",
     .pytest = "diff_ignore_env",
     .adds = true,
     .apply = names,
     .offset = AT(ignore_env)},
    {.key = "opaque",
     .pytest = "diff_opaque",
     .variable = "PYT_DIFF_OPAQUE",
     .fallback = "run",
     .apply = opaque,
     .offset = AT(trust_opaque)},
    {.key = "dependencies", .pytest = "diff_dependencies", .adds = true, .apply = rules},
    {.key = "exclude-e2e",
     .pytest = "diff_exclude_e2e",
     .variable = "PYT_DIFF_EXCLUDE_E2E",
     .option = "--exclude-e2e",
     .fallback = "false",
     .apply = truth,
     .offset = AT(exclude_e2e)},
    {.key = "e2e-markers",
     .pytest = "diff_e2e_markers",
     .fallback = "e2e",
     .apply = markers,
     .offset = AT(e2e_markers)},
    {.key = "e2e-paths",
     .pytest = "diff_e2e_paths",
     .fallback = "**/e2e/**",
     .apply = paths,
     .offset = AT(e2e_paths)},
    {.key = "pass-cache",
     .pytest = "diff_pass_cache",
     .variable = "DRYCI_SERVER",
     .option = "--pass-cache",
     .apply = text,
     .offset = AT(pass_cache)},
    {.key = "pass-token",
     .pytest = "diff_pass_token",
     .variable = "DRYCI_TOKEN",
     .option = "--pass-token",
     .secret = true,
     .apply = token,
     .offset = AT(pass_token)},
    {.key = "pass-salt",
     .pytest = "diff_pass_salt",
     .variable = "DRYCI_SALT",
     .option = "--pass-salt",
     .secret = true,
     .apply = text,
     .offset = AT(pass_salt)},
    {.key = "pass-timeout",
     .pytest = "diff_pass_timeout",
     .variable = "DRYCI_TIMEOUT",
     .option = "--pass-timeout",
     .fallback = "3",
     .apply = number,
     .offset = AT(pass_timeout)},
    {.key = "remote",
     .pytest = "diff_remote_url",
     .variable = "PYT_DIFF_REMOTE",
     .option = "--remote",
     .secret = true, /* it may hold a password */
     .apply = url,
     .offset = AT(remote)},
    {.key = "environment-name",
     .pytest = "diff_environment_name",
     .variable = "PYT_DIFF_ENVIRONMENT_NAME",
     .option = "--environment-name",
     .apply = text,
     .offset = AT(environment_name)},
    {.key = "batch-size",
     .pytest = "diff_batch_size",
     .variable = "PYT_DIFF_BATCH_SIZE",
     .option = "--batch-size",
     .fallback = "20",
     .apply = number,
     .offset = AT(batch_size)},
    {.key = "cache-size",
     .pytest = "diff_cache_size",
     .variable = "PYT_DIFF_CACHE_SIZE",
     .option = "--cache-size",
     .fallback = "100000",
     .apply = number,
     .offset = AT(cache_size)},
};

const size_t ptd_setting_count = sizeof(ptd_setting_table) / sizeof(ptd_setting_table[0]);

/* "batch-size" and "batch_size" are the same key. */
static bool same_key(const char *key, const char *known)
{
    for (; *key && *known; key++, known++)
        if ((*key == '_' ? '-' : *key) != *known)
            return false;
    return *key == *known;
}

const struct ptd_setting_spec *ptd_setting_spec_find(const char *key)
{
    for (size_t i = 0; i < ptd_setting_count; i++)
        if (same_key(key, ptd_setting_table[i].key))
            return &ptd_setting_table[i];
    return NULL;
}

const struct ptd_setting_spec *ptd_setting_spec_find_pytest(const char *key)
{
    for (size_t i = 0; i < ptd_setting_count; i++)
        if (ptd_setting_table[i].pytest && strcmp(key, ptd_setting_table[i].pytest) == 0)
            return &ptd_setting_table[i];
    return NULL;
}

static const char *nearest(const char *key, bool pytest)
{
    const char *keys[64];
    size_t count = 0;
    for (size_t i = 0; i < ptd_setting_count && count < 64; i++) {
        const char *name = pytest ? ptd_setting_table[i].pytest : ptd_setting_table[i].key;
        if (name)
            keys[count++] = name;
    }
    return ptd_nearest_find(key, keys, count, 3);
}

const char *ptd_setting_spec_nearest(const char *key)
{
    return nearest(key, false);
}

const char *ptd_setting_spec_nearest_pytest(const char *key)
{
    return nearest(key, true);
}
