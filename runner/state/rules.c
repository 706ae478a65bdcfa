#include "state/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "state/overlay.h"
#include "state/state.h"

bool ptd_rule_concerns(const struct ptd_rule *rule, const char *path)
{
    return ptd_glob_match(rule->left, path);
}

const char **ptd_rules_named(const struct ptd_rules *rules)
{
    const char **named = ptd_xcalloc(1, sizeof(char *));
    size_t count = 0, cap = 1;
    for (size_t i = 0; i < rules->count; i++) {
        for (char **r = rules->items[i].right; *r; r++) {
            if (ptd_glob_is_pattern(*r))
                continue;
            named = ptd_xgrow(named, &cap, count + 2, sizeof(char *));
            named[count++] = *r;
            named[count] = NULL;
        }
    }
    return named;
}

static bool matches_right(const struct ptd_rule *rule, const char *path)
{
    for (char **r = rule->right; *r; r++)
        if (ptd_glob_match(*r, path))
            return true;
    return false;
}

/* A file of the tree with what it holds. */
static int add_file(struct ptd_state *state, const char *path, struct ptd_buf *out,
                    struct ptd_err *err)
{
    enum ptd_file_kind kind = ptd_path_ends_with(path, ".py") ? PTD_FILE_SOURCE : PTD_FILE_OPAQUE;
    size_t at = ptd_state_find(state, kind, path);
    struct ptd_hash128 hash = {{0}};
    if (at == SIZE_MAX && state->writable && ptd_state_add(state, kind, path, &at, err) < 0)
        return -1;
    if (at != SIZE_MAX) {
        if (state->files[at].version != 0)
            hash = state->files[at].hash;
    } else {
        PTD_CLEANUP_FREE char *full = ptd_path_join(state->root, path);
        const struct ptd_overlay_file *f = ptd_overlay_find(state->overlay, path);
        if (f)
            hash = f->hash;
        else
            ptd_hash128_file(full, &hash, NULL);
    }
    ptd_buf_add(out, path, strlen(path) + 1);
    ptd_buf_add(out, &hash, sizeof(hash));
    return 0;
}

static void add_text(const struct ptd_rule *rule, struct ptd_buf *out)
{
    ptd_buf_add(out, rule->left, strlen(rule->left) + 1);
    for (char **r = rule->right; *r; r++)
        ptd_buf_add(out, *r, strlen(*r) + 1);
    ptd_buf_addc(out, '\0');
}

int ptd_rules_hash(struct ptd_state *state, const char *path, struct ptd_hash128 *out,
                   struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const struct ptd_rules *rules = &state->rules;
    for (size_t i = 0; i < rules->count; i++) {
        const struct ptd_rule *rule = &rules->items[i];
        if (!*path)
            add_text(rule, &text);
        if (strcmp(rule->left, path) != 0)
            continue;
        for (size_t k = 0; k < state->tree.count; k++)
            if (matches_right(rule, state->tree.entries[k].path) &&
                add_file(state, state->tree.entries[k].path, &text, err) < 0)
                return -1;
    }
    *out = ptd_hash128(text.data ? text.data : "", text.len);
    return 0;
}

static bool matches_any(const char *pattern, const struct ptd_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        if (ptd_glob_match(pattern, tree->entries[i].path))
            return true;
    return false;
}

void ptd_rules_stale(const struct ptd_rules *rules, const struct ptd_tree *tree,
                     void (*say)(const char *left, const char *pattern))
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct ptd_rule *rule = &rules->items[i];
        if (!matches_any(rule->left, tree))
            say(rule->left, rule->left);
        for (char **r = rule->right; *r; r++)
            if (!matches_any(*r, tree))
                say(rule->left, *r);
    }
}
