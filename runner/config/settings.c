#include "config/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/ini.h"
#include "config/shlex.h"
#include "config/toml.h"

#define FILE_MAX (16u << 20)

/* Ours: they decide nothing about a test, so they are no part of the hash. */
static bool is_ours(const char *key)
{
    return strncmp(key, "diff_", 5) == 0;
}

static struct ptd_setting *add(struct ptd_settings *out, const char *key, size_t len,
                               const char *text)
{
    out->list = ptd_xgrow(out->list, &out->cap, out->count + 1, sizeof(*out->list));
    struct ptd_setting *setting = &out->list[out->count++];
    *setting = (struct ptd_setting){
        .key = ptd_xstrndup(key, len), .text = ptd_xstrdup(text), .kind = PTD_TOML_STRING};
    return setting;
}

/* Of pytest's: what is shown, where files go, what is collected by default. Names of markers and
 * `addopts` are judged by what is in them (project.c). */
static bool changes_no_outcome(const char *key)
{
    static const char *const keys[] = {
        "addopts",
        "cache_dir",
        "console_output_style",
        "faulthandler_timeout",
        "junit_duration_report",
        "junit_family",
        "junit_log_passing_tests",
        "junit_logging",
        "junit_suite_name",
        "log_cli",
        "log_cli_date_format",
        "log_cli_format",
        "log_file",
        "log_file_date_format",
        "log_file_format",
        "log_file_mode",
        "markers",
        "minversion",
        "required_plugins",
        "testpaths",
        "tmp_path_retention_count",
        "tmp_path_retention_policy",
        "truncation_limit_chars",
        "truncation_limit_lines",
        "verbosity_assertions",
        "verbosity_subtests",
        "verbosity_test_cases",
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void add_raw(struct ptd_settings *out, const char *key, const char *text)
{
    if (is_ours(key) || changes_no_outcome(key))
        return;
    ptd_buf_add(&out->raw, key, strlen(key) + 1);
    ptd_buf_add(&out->raw, text, strlen(text) + 1);
}

static void name_section(struct ptd_settings *out, const char *section)
{
    free(out->where);
    out->where = ptd_xasprintf("[%s]", section);
    ptd_buf_add(&out->raw, section, strlen(section) + 1);
}

static void take_ini(const struct ptd_ini *ini, const char *section, struct ptd_settings *out)
{
    name_section(out, section);
    for (size_t i = 0; i < ini->count; i++) {
        const struct ptd_ini_entry *e = &ini->entries[i];
        if (!e->key || strcmp(e->section, section) != 0)
            continue;
        add(out, e->key, strlen(e->key), e->value);
        add_raw(out, e->key, e->value);
    }
}

static char **copy_strings(char **strings)
{
    char **out = ptd_xcalloc(1, sizeof(*out));
    size_t count = 0;
    for (char **s = strings; *s; s++)
        ptd_strings_add(&out, &count, ptd_xstrdup(*s));
    return out;
}

/* What is in the table, tables below it included in `raw`; `but` (may be NULL) is left out. */
static void take_table(const struct ptd_toml *toml, const char *table, const char *but,
                       struct ptd_settings *out)
{
    size_t n = strlen(table);
    name_section(out, table);
    for (size_t i = 0; i < toml->count; i++) {
        const struct ptd_toml_entry *e = &toml->entries[i];
        if (!ptd_toml_within(e->path, table) || (but && ptd_toml_within(e->path, but)))
            continue;
        const char *key = e->path[n] ? e->path + n + 1 : "";
        add_raw(out, key, e->text);
        if (*key) {
            struct ptd_setting *setting = add(out, key, strcspn(key, "."), e->text);
            setting->kind = e->kind;
            setting->items = e->items ? copy_strings(e->items) : NULL;
            if (key[strlen(setting->key)] == '.')
                setting->kind = PTD_TOML_TABLE;
        }
    }
}

/* Is there anything in [tool.pytest] that is not in its ini_options? */
static bool has_native(const struct ptd_toml *toml)
{
    for (size_t i = 0; i < toml->count; i++) {
        const char *path = toml->entries[i].path;
        if (ptd_toml_within(path, "tool.pytest") && strcmp(path, "tool.pytest") != 0 &&
            !ptd_toml_within(path, "tool.pytest.ini_options"))
            return true;
    }
    return false;
}

/* Where pytest looks in a file of this kind. */
struct rules {
    bool ini, cfg, toml; /* by its suffix */
    bool always;         /* pytest.ini, pytest.toml: chosen even when empty */
    bool own_table;      /* [pytest] in a TOML file */
    bool tool_table;     /* [tool.pytest...] */
    bool native;         /* [tool.pytest] itself, not only ini_options */
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

static struct rules rules_of(const char *path, int version)
{
    const char *name = ptd_path_basename(path);
    const char *plain = name[0] == '.' ? name + 1 : name;
    struct rules r = {.ini = ends_with(name, ".ini"),
                      .cfg = ends_with(name, ".cfg"),
                      .toml = ends_with(name, ".toml")};
    bool since_9 = version >= 900;
    bool pytest_toml = since_9 && strcmp(plain, "pytest.toml") == 0;
    r.always = strcmp(name, "pytest.ini") == 0 || pytest_toml ||
               (since_9 && strcmp(name, ".pytest.ini") == 0);
    r.own_table = pytest_toml || (version >= 902 && strcmp(name, "pyproject.toml") != 0);
    r.tool_table = r.toml && !pytest_toml;
    r.native = since_9;
    return r;
}

static bool take_toml(const struct ptd_toml *toml, const struct rules *r, struct ptd_settings *out)
{
    if (r->tool_table && r->native && has_native(toml))
        take_table(toml, "tool.pytest", "tool.pytest.ini_options", out);
    else if (r->tool_table && ptd_toml_has(toml, "tool.pytest.ini_options"))
        take_table(toml, "tool.pytest.ini_options", NULL, out);
    else if (r->own_table && ptd_toml_has(toml, "pytest"))
        take_table(toml, "pytest", NULL, out);
    else
        return r->always;
    return true;
}

static bool take_sections(const struct ptd_ini *ini, const struct rules *r,
                          struct ptd_settings *out)
{
    const char *section = r->cfg ? "tool:pytest" : "pytest";
    if (!ptd_ini_has_section(ini, section))
        return r->always;
    take_ini(ini, section, out);
    return true;
}

int ptd_settings_load(const char *path, int pytest_version, enum ptd_config_file *kind,
                      struct ptd_settings *out, struct ptd_err *err)
{
    *out = (struct ptd_settings){.where = ptd_xstrdup("")};
    *kind = PTD_CONFIG_NONE;
    struct rules r = rules_of(path, pytest_version);
    if (!r.ini && !r.cfg && !r.toml)
        return 0;
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (ptd_buf_read_file(&text, path, FILE_MAX, err) != 0) {
        if (err)
            err->code = PTD_E_CONFIG;
        return -1;
    }
    const char *data = text.data ? text.data : "";
    int status;
    bool chosen = false;
    if (r.toml) {
        struct ptd_toml toml;
        status = ptd_toml_parse(data, text.len, &toml, NULL);
        chosen = status == 0 && take_toml(&toml, &r, out);
        ptd_toml_release(&toml);
    } else {
        struct ptd_ini ini;
        status = ptd_ini_parse(data, text.len, &ini, NULL);
        chosen = status == 0 && take_sections(&ini, &r, out);
        ptd_ini_release(&ini);
    }
    if (status != 0)
        ptd_buf_add(&out->raw, text.data, text.len);
    *kind = status != 0 ? PTD_CONFIG_BROKEN : chosen ? PTD_CONFIG_CHOSEN : PTD_CONFIG_NONE;
    return 0;
}

int ptd_settings_load_table(const char *path, const char *table, struct ptd_settings *out,
                            struct ptd_err *err)
{
    *out = (struct ptd_settings){.where = ptd_xstrdup("")};
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_err problem = {0};
    if (ptd_buf_read_file(&text, path, FILE_MAX, &problem) != 0) {
        if (problem.sys_errno == ENOENT || problem.sys_errno == ENOTDIR)
            return 0;
        return ptd_err_set(err, PTD_E_CONFIG, "%s", problem.msg);
    }
    const char *data = text.data ? text.data : "";
    struct ptd_toml toml;
    int status = ptd_toml_parse(data, text.len, &toml, &problem);
    if (status == 0 && ptd_toml_has(&toml, table))
        take_table(&toml, table, NULL, out);
    else if (status != 0 && memmem(data, text.len, table, strlen(table)))
        ptd_err_set(err, PTD_E_CONFIG, "%s: %s", ptd_path_basename(path), problem.msg);
    else
        status = 0;
    ptd_toml_release(&toml);
    return status;
}

void ptd_settings_release(struct ptd_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->list[i].key);
        free(settings->list[i].text);
        ptd_strings_free(settings->list[i].items);
    }
    free(settings->list);
    free(settings->where);
    ptd_buf_release(&settings->raw);
    *settings = (struct ptd_settings){0};
}

const struct ptd_setting *ptd_settings_find(const struct ptd_settings *settings, const char *key)
{
    for (size_t i = settings->count; i-- > 0;)
        if (strcmp(settings->list[i].key, key) == 0)
            return &settings->list[i];
    return NULL;
}

void ptd_settings_override(struct ptd_settings *settings, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return;
    add(settings, assignment, (size_t)(equals - assignment), equals + 1)->override = true;
}

char **ptd_setting_words(const struct ptd_setting *setting)
{
    char **words = NULL;
    size_t count = 0;
    if (setting->items)
        return copy_strings(setting->items);
    if (ptd_shlex_split(setting->text, &words, &count, NULL) != 0)
        words = ptd_xcalloc(1, sizeof(*words));
    return words;
}
