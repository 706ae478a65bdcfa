#include "config/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/shlex.h"
#include "config/toml.h"

#define TABLE    "tool.pyt-diff.dependencies"
#define FILE_MAX (16u << 20)

void ptd_rules_release(struct ptd_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rules[i].left);
        ptd_strings_free(rules[i].right);
    }
    free(rules);
}

static size_t count_of(char **strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

static int check_pattern(const char *pattern, const char *label, struct ptd_err *err)
{
    const char *problem = ptd_glob_problem(pattern);
    if (!problem)
        return 0;
    return ptd_err_set(err, PTD_E_CONFIG, "%s: the pattern \"%s\" %s", label, pattern, problem);
}

/* Takes `right`. */
static int add_rule(struct ptd_project *project, const char *left, char **right, const char *label,
                    struct ptd_err *err)
{
    project->rules =
        ptd_xrealloc(project->rules, (project->rule_count + 1) * sizeof(*project->rules));
    project->rules[project->rule_count++] = (struct ptd_rule){ptd_xstrdup(left), right};
    if (check_pattern(left, label, err) < 0)
        return -1;
    for (char **r = right; *r; r++)
        if (check_pattern(*r, label, err) < 0)
            return -1;
    if (!right[0])
        return ptd_err_set(err, PTD_E_CONFIG, "%s: names nothing that is depended on", label);
    return 0;
}

/* The last part of a path, which is in quotes unless it can do without; owned. NULL: there are more
 * parts. */
static char *unquote(const char *key)
{
    size_t n = strlen(key);
    if (*key != '"')
        return strchr(key, '.') ? NULL : ptd_xstrdup(key);
    const char *end = strchr(key + 1, '"');
    return end == key + n - 1 ? ptd_xstrndup(key + 1, n - 2) : NULL;
}

static int take_entry(struct ptd_project *project, const char *file,
                      const struct ptd_toml_entry *entry, struct ptd_err *err)
{
    const char *key = entry->path + strlen(TABLE);
    PTD_CLEANUP_FREE char *left = *key ? unquote(key + 1) : NULL;
    PTD_CLEANUP_FREE char *label = ptd_xasprintf("%s: [" TABLE "] %s", ptd_path_basename(file),
                                                 left   ? left
                                                 : *key ? key + 1
                                                        : "");
    char **right = NULL;
    size_t count = 0;
    if (!*key && entry->kind == PTD_TOML_TABLE)
        return 0;
    if (!*key)
        return ptd_err_set(err, PTD_E_CONFIG,
                           "%s: [tool.pyt-diff] dependencies: expected a table, got %s",
                           ptd_path_basename(file), entry->text);
    if (!left || (entry->kind != PTD_TOML_STRING && entry->kind != PTD_TOML_ARRAY))
        return ptd_err_set(err, PTD_E_CONFIG, "%s: expected a pattern or a list of patterns",
                           label);
    if (entry->kind == PTD_TOML_STRING)
        ptd_strings_add(&right, &count, ptd_xstrdup(entry->text));
    for (char **item = entry->items; entry->kind == PTD_TOML_ARRAY && item && *item; item++)
        ptd_strings_add(&right, &count, ptd_xstrdup(*item));
    if (!right)
        right = ptd_xcalloc(1, sizeof(*right));
    return add_rule(project, left, right, label, err);
}

int ptd_rules_read_table(struct ptd_project *project, const char *file, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_toml toml;
    int status = 0;
    if (ptd_buf_read_file(&text, file, FILE_MAX, NULL) != 0)
        return 0;
    if (ptd_toml_parse(text.data ? text.data : "", text.len, &toml, NULL) == 0)
        for (size_t i = 0; i < toml.count && status == 0; i++)
            if (ptd_toml_within(toml.entries[i].path, TABLE))
                status = take_entry(project, file, &toml.entries[i], err);
    ptd_toml_release(&toml);
    return status;
}

/* left -> right right ... */
static int take_line(struct ptd_project *project, const char *line, const char *label,
                     struct ptd_err *err)
{
    char **words = NULL, **right = NULL;
    size_t count = 0, right_count = 0;
    if (ptd_shlex_split(line, &words, &count, NULL) != 0)
        return ptd_err_set(err, PTD_E_CONFIG, "%s: a quote is not closed in \"%s\"", label, line);
    if (count == 0) {
        ptd_strings_free(words);
        return 0;
    }
    if (count < 3 || strcmp(words[1], "->") != 0) {
        ptd_strings_free(words);
        return ptd_err_set(err, PTD_E_CONFIG,
                           "%s: expected \"PATTERN -> PATTERN [PATTERN ...]\", got \"%s\"", label,
                           line);
    }
    for (size_t i = 2; i < count; i++)
        ptd_strings_add(&right, &right_count, ptd_xstrdup(words[i]));
    int status = add_rule(project, words[0], right, label, err);
    ptd_strings_free(words);
    return status;
}

int ptd_rules_read_lines(struct ptd_project *project, const struct ptd_setting *setting,
                         const char *label, struct ptd_err *err)
{
    int status = 0;
    for (char **item = setting->items; item && *item && status == 0; item++)
        status = take_line(project, *item, label, err);
    for (const char *p = setting->items ? "" : setting->text; *p && status == 0;) {
        size_t n = strcspn(p, "\n");
        PTD_CLEANUP_FREE char *line = ptd_xstrndup(p, n);
        status = take_line(project, line, label, err);
        p += n;
        p += *p == '\n';
    }
    return status;
}

int ptd_rules_read_names(char ***names, const struct ptd_setting *setting, const char *label,
                         struct ptd_err *err)
{
    if (setting->kind != PTD_TOML_STRING && setting->kind != PTD_TOML_ARRAY)
        return ptd_err_set(err, PTD_E_CONFIG, "%s: expected a list of names, got \"%s\"", label,
                           setting->text);
    char **words = ptd_setting_words(setting);
    size_t count = count_of(*names);
    int status = 0;
    for (char **w = words; *w && status == 0; w++) {
        if (!**w || strpbrk(*w, "= \t"))
            status =
                ptd_err_set(err, PTD_E_CONFIG, "%s: \"%s\" is no name of a variable", label, *w);
        else
            ptd_strings_add(names, &count, ptd_xstrdup(*w));
    }
    ptd_strings_free(words);
    return status;
}

/* Takes over the words of the setting. */
static int take_words(char ***list, const struct ptd_setting *setting, const char *what,
                      const char *label, struct ptd_err *err)
{
    if (setting->kind != PTD_TOML_STRING && setting->kind != PTD_TOML_ARRAY)
        return ptd_err_set(err, PTD_E_CONFIG, "%s: expected a list of %s, got \"%s\"", label, what,
                           setting->text);
    ptd_strings_free(*list);
    *list = ptd_setting_words(setting);
    return 0;
}

int ptd_rules_read_markers(char ***list, const struct ptd_setting *setting, const char *label,
                           struct ptd_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    if (take_words(list, setting, "markers", label, err) < 0)
        return -1;
    for (char **w = *list; *w; w++)
        if (!**w || (*w)[strspn(*w, letters)])
            return ptd_err_set(err, PTD_E_CONFIG, "%s: \"%s\" is no name of a marker", label, *w);
    return 0;
}

int ptd_rules_read_paths(char ***list, const struct ptd_setting *setting, const char *label,
                         struct ptd_err *err)
{
    if (take_words(list, setting, "paths", label, err) < 0)
        return -1;
    for (char **w = *list; *w; w++)
        if (check_pattern(*w, label, err) < 0)
            return -1;
    return 0;
}
