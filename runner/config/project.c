#include "config/project.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/own_settings.h"
#include "config/pattern.h"
#include "config/rootdir.h"
#include "config/settings.h"
#include "config/shlex.h"

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
    if (ptd_own_settings_read(out, settings, err) != 0)
        return -1;
    if (out->trust_opaque)
        trust(out);
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
    ptd_own_settings_release(project);
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
