#include "files_rules.h"

#include <limits.h>
#include <string.h>

bool ptd_rules_within(const char *path, const struct ptd_rules_dir *dir)
{
    return !strncmp(path, dir->path, dir->len) && (path[dir->len] == '/' || !path[dir->len]);
}

static bool is_left_out_name(const char *name, size_t len)
{
    static const char *const names[] = {
        ".git", ".hg",  ".svn",  "__pycache__", ".hypothesis",   ".mypy_cache",   ".ruff_cache",
        ".tox", ".nox", ".eggs", ".coverage",   "site-packages", "dist-packages", ".pytest_cache"};
    if (!strchr(".sdp_", name[0]))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == len && !memcmp(names[i], name, len))
            return true;
    }
    return len > 10 && (!memcmp(name, "pytest-of-", 10) || !memcmp(name, ".coverage.", 10));
}

bool ptd_rules_ends_with(const char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);
    return len > n && !strcmp(path + len - n, ending);
}

static bool is_left_out(const struct ptd_rules *rules, const char *path)
{
    for (const char *p = path + rules->roots[0].len; *p;) {
        p++;
        size_t len = strcspn(p, "/");
        if (is_left_out_name(p, len))
            return true;
        p += len;
    }
    for (size_t i = 0; i < rules->left_count; i++) {
        if (ptd_rules_within(path, &rules->left_out[i]))
            return true;
    }
    return ptd_rules_ends_with(path, ".pyc");
}

const char *ptd_rules_relevant(const struct ptd_rules *rules, const char *path, char *out)
{
    for (size_t i = 0; i < rules->root_count; i++) {
        if (!ptd_rules_within(path, &rules->roots[i]))
            continue;
        if (i > 0) {
            size_t rest = strlen(path + rules->roots[i].len);
            if (rules->roots[0].len + rest >= PATH_MAX)
                return NULL;
            memcpy(out, rules->roots[0].path, rules->roots[0].len);
            memcpy(out + rules->roots[0].len, path + rules->roots[i].len, rest + 1);
            path = out;
        }
        return is_left_out(rules, path) ? NULL : path;
    }
    return NULL;
}

static bool add(struct ptd_rules_dir *list, size_t *count, size_t most, const char *path)
{
    for (size_t i = 0; i < *count; i++) {
        if (!strcmp(list[i].path, path))
            return false;
    }
    if (*count == most)
        return false;
    list[*count] = (struct ptd_rules_dir){path, strlen(path)};
    __atomic_store_n(count, *count + 1, __ATOMIC_RELEASE);
    return true;
}

bool ptd_rules_add_root(struct ptd_rules *rules, const char *path)
{
    return add(rules->roots, &rules->root_count, PTD_RULES_ROOTS, path);
}

bool ptd_rules_add_left_out(struct ptd_rules *rules, const char *path)
{
    return add(rules->left_out, &rules->left_count, PTD_RULES_LEFT, path);
}
