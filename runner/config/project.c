#include "config/project.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/nearest.h"
#include "config/pattern.h"
#include "config/rootdir.h"
#include "config/rules.h"
#include "config/settings.h"
#include "config/shlex.h"

#define OWN_TABLE "tool.pyt-diff"

/* With symbolic links resolved; as it is when that fails. Owned. */
static char *real(const char *path)
{
    char *resolved = realpath(path, NULL);
    if (!resolved)
        return ptd_xstrdup(path);
    char *out = ptd_xstrdup(resolved);
    free(resolved);
    return out;
}

/* The file itself may be a link: its name is what it is chosen by. */
static char *real_directory(const char *file)
{
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(file);
    PTD_CLEANUP_FREE char *resolved = real(dir);
    return ptd_path_join(resolved, ptd_path_basename(file));
}

/* What -o says, last; since 9.1 also -o in addopts, which is in front of the command line's. */
static void apply_overrides(const struct ptd_options *options, int version,
                            struct ptd_settings *settings)
{
    for (size_t i = 0; i < options->override_count; i++)
        ptd_settings_override(settings, options->overrides[i]);
    const struct ptd_setting *addopts = ptd_settings_find(settings, "addopts");
    if (!addopts || (version && version < 901))
        return;
    struct ptd_options said = {0};
    char **words = ptd_setting_words(addopts);
    PTD_CLEANUP_FREE char *text = ptd_shlex_join(words);
    ptd_strings_free(words);
    ptd_options_apply_addopts(&said, text, NULL);
    for (size_t i = 0; i < said.override_count; i++)
        ptd_settings_override(settings, said.overrides[i]);
    for (size_t i = 0; said.override_count && i < options->override_count; i++)
        ptd_settings_override(settings, options->overrides[i]);
    ptd_options_release(&said);
}

static char **words_or(const struct ptd_settings *settings, const char *key, const char *fallback)
{
    const struct ptd_setting *setting = ptd_settings_find(settings, key);
    char **words = NULL;
    size_t count;
    if (setting)
        return ptd_setting_words(setting);
    ptd_shlex_split(fallback, &words, &count, NULL);
    return words;
}

static char *addopts_of(const struct ptd_settings *settings)
{
    const struct ptd_setting *setting = ptd_settings_find(settings, "addopts");
    if (!setting)
        return ptd_xstrdup("");
    return setting->items ? ptd_shlex_join(setting->items) : ptd_xstrdup(setting->text);
}

/* pytest's cache_dir, absolute; owned. */
static char *pytest_cache(const struct ptd_settings *settings, const char *rootdir)
{
    const struct ptd_setting *setting = ptd_settings_find(settings, "cache_dir");
    const char *tox = getenv("TOX_ENV_DIR");
    PTD_CLEANUP_FREE char *said = setting ? ptd_xstrdup(setting->text)
                                  : tox   ? ptd_path_join(tox, ".pytest_cache")
                                          : ptd_xstrdup(".pytest_cache");
    PTD_CLEANUP_FREE char *home = ptd_expand_user(said);
    PTD_CLEANUP_FREE char *expanded = ptd_expand_variables(home);
    return *expanded ? ptd_path_join(rootdir, expanded) : ptd_xstrdup(rootdir);
}

static char *data_directory(const struct ptd_options *options, const struct ptd_settings *settings,
                            const struct ptd_project *project)
{
    PTD_CLEANUP_FREE char *dir = NULL;
    if (options->cache_dir) {
        dir = ptd_path_join(project->cwd, options->cache_dir);
    } else {
        PTD_CLEANUP_FREE char *cache = pytest_cache(settings, project->rootdir);
        dir = ptd_path_join(cache, "pyt-diff");
    }
    return ptd_path_normalize(dir);
}

/* "pyproject.toml: [tool.pyt-diff] batch-size"; owned. */
static char *label(const char *file, const struct ptd_settings *settings,
                   const struct ptd_setting *setting)
{
    if (setting->override)
        return ptd_xasprintf("-o %s", setting->key);
    return ptd_xasprintf("%s: %s %s", file ? ptd_path_basename(file) : "", settings->where,
                         setting->key);
}

static int wrong(const char *file, const struct ptd_settings *settings,
                 const struct ptd_setting *setting, const char *expected, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *name = label(file, settings, setting);
    return ptd_err_set(err, setting->override ? PTD_E_USAGE : PTD_E_CONFIG,
                       "%s: expected %s, got \"%s\"", name, expected, setting->text);
}

/* Stores a positive whole number if the key is there. */
static int number(const char *file, const struct ptd_settings *settings, const char *key, int *out,
                  struct ptd_err *err)
{
    const struct ptd_setting *setting = ptd_settings_find(settings, key);
    if (!setting)
        return 0;
    char *end;
    errno = 0;
    long value = strtol(setting->text, &end, 10);
    bool scalar = setting->kind == PTD_TOML_STRING || setting->kind == PTD_TOML_WORD;
    if (!scalar || end == setting->text || *end || errno || value < 1 || value > INT_MAX)
        return wrong(file, settings, setting, "a whole number", err);
    *out = (int)value;
    return 0;
}

/* "run" or "trust". */
static int opaque_policy(const char *file, const struct ptd_settings *settings,
                         const struct ptd_setting *setting, bool *trust, struct ptd_err *err)
{
    *trust = strcmp(setting->text, "trust") == 0;
    if (*trust || strcmp(setting->text, "run") == 0)
        return 0;
    return wrong(file, settings, setting, "run or trust", err);
}

/* "batch-size" and "batch_size" are the same key. */
static bool same_key(const char *key, const char *known)
{
    for (; *key && *known; key++, known++)
        if ((*key == '_' ? '-' : *key) != *known)
            return false;
    return *key == *known;
}

static int truth(const char *file, const struct ptd_settings *settings,
                 const struct ptd_setting *setting, bool *out, struct ptd_err *err)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        *out = strcasecmp(setting->text, yes[i]) == 0;
        if (*out || strcasecmp(setting->text, no[i]) == 0)
            return 0;
    }
    return wrong(file, settings, setting, "true or false", err);
}

/* What counts as an end-to-end test, and whether such are left out; `key` without "diff_". */
static int e2e_setting(struct ptd_project *project, const char *file,
                       const struct ptd_settings *settings, const struct ptd_setting *setting,
                       const char *key, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *name = label(file, settings, setting);
    if (same_key(key, "exclude-e2e"))
        return truth(file, settings, setting, &project->exclude_e2e, err);
    if (same_key(key, "e2e-markers"))
        return ptd_rules_read_markers(&project->e2e_markers, setting, name, err);
    return ptd_rules_read_paths(&project->e2e_paths, setting, name, err);
}

static const char *const e2e_keys[] = {"exclude-e2e", "e2e-markers", "e2e-paths"};
#define E2E_KEYS (sizeof(e2e_keys) / sizeof(e2e_keys[0]))

static const char *const own_keys[] = {"python",      "batch-size",   "cache-size", "env",
                                       "ignore-env",  "dependencies", "opaque",     "exclude-e2e",
                                       "e2e-markers", "e2e-paths"};
#define OWN_KEYS (sizeof(own_keys) / sizeof(own_keys[0]))

static void warn_unknown(struct ptd_project *project, const char *key)
{
    const char *near = ptd_nearest_find(key, own_keys, OWN_KEYS, 3);
    char *line =
        near ? ptd_xasprintf("pyproject.toml: [" OWN_TABLE "] unknown key \"%s\", did you mean %s?",
                             key, near)
             : ptd_xasprintf("pyproject.toml: [" OWN_TABLE "] unknown key \"%s\"", key);
    for (size_t i = 0; i < project->warning_count; i++) {
        if (strcmp(project->warnings[i], line) == 0) {
            free(line);
            return;
        }
    }
    ptd_strings_add(&project->warnings, &project->warning_count, line);
}

static int own_setting(struct ptd_project *project, const char *file,
                       const struct ptd_settings *settings, const struct ptd_setting *setting,
                       struct ptd_err *err)
{
    if (same_key(setting->key, "batch-size"))
        return number(file, settings, setting->key, &project->batch_size, err);
    if (same_key(setting->key, "cache-size"))
        return number(file, settings, setting->key, &project->cache_size, err);
    if (same_key(setting->key, "env") || same_key(setting->key, "ignore-env")) {
        PTD_CLEANUP_FREE char *name = label(file, settings, setting);
        return ptd_rules_read_names(*setting->key == 'e' ? &project->env : &project->ignore_env,
                                    setting, name, err);
    }
    if (same_key(setting->key, "opaque"))
        return opaque_policy(file, settings, setting, &project->trust_opaque, err);
    if (same_key(setting->key, "dependencies"))
        return 0; /* a table of its own */
    for (size_t i = 0; i < E2E_KEYS; i++)
        if (same_key(setting->key, e2e_keys[i]))
            return e2e_setting(project, file, settings, setting, setting->key, err);
    if (!same_key(setting->key, "python")) {
        warn_unknown(project, setting->key);
        return 0;
    }
    if (setting->kind != PTD_TOML_STRING || !*setting->text)
        return wrong(file, settings, setting, "a path", err);
    free(project->python);
    project->python = ptd_expand_user(setting->text);
    return 0;
}

/* [tool.pyt-diff] of the rootdir's pyproject.toml, whichever file pytest takes. */
static int own_table(struct ptd_project *project, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *file = ptd_path_join(project->rootdir, "pyproject.toml");
    struct ptd_settings settings;
    ptd_settings_load_table(file, OWN_TABLE, &settings);
    int status = 0;
    for (size_t i = 0; i < settings.count && status == 0; i++)
        status = own_setting(project, file, &settings, &settings.list[i], err);
    ptd_settings_release(&settings);
    return status == 0 ? ptd_rules_read_table(project, file, err) : status;
}

/* The diff_* keys of pytest's section. */
static int pytest_keys(struct ptd_project *project, const struct ptd_settings *settings,
                       struct ptd_err *err)
{
    static const char *const keys[] = {"diff_dependencies", "diff_env", "diff_ignore_env"};
    const char *file = project->inifile;
    int status = number(file, settings, "diff_batch_size", &project->batch_size, err);
    if (status == 0)
        status = number(file, settings, "diff_cache_size", &project->cache_size, err);
    const struct ptd_setting *opaque = ptd_settings_find(settings, "diff_opaque");
    if (status == 0 && opaque)
        status = opaque_policy(file, settings, opaque, &project->trust_opaque, err);
    for (int i = 0; i < 3 && status == 0; i++) {
        const struct ptd_setting *setting = ptd_settings_find(settings, keys[i]);
        if (!setting)
            continue;
        PTD_CLEANUP_FREE char *name = label(file, settings, setting);
        if (i == 0)
            status = ptd_rules_read_lines(project, setting, name, err);
        else
            status = ptd_rules_read_names(i == 1 ? &project->env : &project->ignore_env, setting,
                                          name, err);
    }
    for (size_t i = 0; i < settings->count && status == 0; i++)
        for (size_t k = 0; k < E2E_KEYS && status == 0; k++)
            if (strncmp(settings->list[i].key, "diff_", 5) == 0 &&
                same_key(settings->list[i].key + 5, e2e_keys[k]))
                status = e2e_setting(project, file, settings, &settings->list[i],
                                     settings->list[i].key + 5, err);
    return status;
}

static bool says(const struct ptd_settings *settings, const char *key, const char *word)
{
    const struct ptd_setting *setting = ptd_settings_find(settings, key);
    return setting && strstr(setting->text, word);
}

/* A marker that is not registered is a warning, which may be an error. */
static bool markers_matter(const struct ptd_options *options, const struct ptd_settings *settings,
                           const char *addopts)
{
    const char *args = options->outcome_args ? options->outcome_args : "";
    const char *warnings = getenv("PYTHONWARNINGS");
    return strstr(args, "--strict") || strstr(addopts, "--strict") || strstr(args, "-W=") ||
           strstr(addopts, "-W=") || says(settings, "filterwarnings", "error") ||
           ptd_settings_find(settings, "strict_markers") || ptd_settings_find(settings, "strict") ||
           (warnings && strstr(warnings, "error"));
}

static struct ptd_hash128 hash_of(const struct ptd_options *options,
                                  const struct ptd_project *project,
                                  const struct ptd_settings *settings)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *said = addopts_of(settings);
    PTD_CLEANUP_FREE char *addopts = ptd_options_outcome_of(said);
    const struct ptd_setting *markers = ptd_settings_find(settings, "markers");
    if (project->inifile) {
        PTD_CLEANUP_FREE char *name = ptd_path_relative(project->inifile, project->rootdir);
        ptd_buf_add(&text, name, strlen(name) + 1);
    }
    ptd_buf_add(&text, settings->raw.data, settings->raw.len);
    ptd_buf_add(&text, addopts, strlen(addopts) + 1);
    if (markers && markers_matter(options, settings, addopts))
        ptd_buf_add(&text, markers->text, strlen(markers->text) + 1);
    return ptd_hash128(text.data, text.len);
}

/* What was recorded under the other policy does not count. */
static void trust(struct ptd_project *project)
{
    static const char word[] = "opaque=trust";
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    ptd_buf_add(&text, &project->config_hash, sizeof(project->config_hash));
    ptd_buf_add(&text, word, sizeof(word));
    project->config_hash = ptd_hash128(text.data, text.len);
}

static int fill(const struct ptd_options *options, int version, struct ptd_rootdir *found,
                struct ptd_project *out, struct ptd_err *err)
{
    struct ptd_settings *settings = &found->settings;
    out->rootdir = real(found->rootdir);
    out->inifile = found->inifile ? real_directory(found->inifile) : NULL;
    out->config_hash = hash_of(options, out, settings);
    apply_overrides(options, version, settings);
    out->python_files = words_or(settings, "python_files", "test_*.py *_test.py");
    out->testpaths = words_or(settings, "testpaths", "");
    out->addopts = addopts_of(settings);
    out->cache_dir = data_directory(options, settings, out);
    if (pytest_keys(out, settings, err) != 0 || own_table(out, err) != 0)
        return -1;
    if (out->trust_opaque)
        trust(out);
    if (!out->e2e_markers)
        ptd_strings_add(&out->e2e_markers, &(size_t){0}, ptd_xstrdup("e2e"));
    if (!out->e2e_paths)
        ptd_strings_add(&out->e2e_paths, &(size_t){0}, ptd_xstrdup("**/e2e/**"));
    return 0;
}

int ptd_project_find_as(const struct ptd_options *options, int pytest_version,
                        struct ptd_project *out, struct ptd_err *err)
{
    *out = (struct ptd_project){0};
    char *cwd = getcwd(NULL, 0);
    if (!cwd)
        return ptd_err_sys(err, PTD_E_IO, "cannot tell the working directory");
    out->cwd = ptd_xstrdup(cwd);
    free(cwd);
    struct ptd_rootdir found;
    int status = ptd_rootdir_find(options, pytest_version, out->cwd, &found, err);
    if (status == 0)
        status = fill(options, pytest_version, &found, out, err);
    ptd_rootdir_release(&found);
    if (status != 0)
        ptd_project_release(out);
    return status;
}

int ptd_project_find(const struct ptd_options *options, struct ptd_project *out,
                     struct ptd_err *err)
{
    return ptd_project_find_as(options, 0, out, err);
}

void ptd_project_release(struct ptd_project *project)
{
    free(project->cwd);
    free(project->rootdir);
    free(project->inifile);
    ptd_strings_free(project->python_files);
    ptd_strings_free(project->testpaths);
    free(project->addopts);
    free(project->cache_dir);
    free(project->python);
    ptd_rules_release(project->rules, project->rule_count);
    ptd_strings_free(project->env);
    ptd_strings_free(project->ignore_env);
    ptd_strings_free(project->e2e_markers);
    ptd_strings_free(project->e2e_paths);
    ptd_strings_free(project->warnings);
    *project = (struct ptd_project){0};
}

bool ptd_project_is_test_file(const struct ptd_project *project, const char *relative_path)
{
    size_t n = strlen(relative_path);
    if (n < 4 || strcmp(relative_path + n - 3, ".py") != 0 || relative_path[n - 4] == '/')
        return false;
    PTD_CLEANUP_FREE char *path = ptd_path_join(project->rootdir, relative_path);
    for (char **pattern = project->python_files; *pattern; pattern++) {
        if (!strchr(*pattern, '/')) {
            if (ptd_pattern_match(*pattern, ptd_path_basename(path)))
                return true;
            continue;
        }
        PTD_CLEANUP_FREE char *whole =
            **pattern == '/' ? ptd_xstrdup(*pattern) : ptd_xasprintf("*/%s", *pattern);
        if (ptd_pattern_match(whole, path))
            return true;
    }
    return false;
}
