#include "state/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

/* Adds one provider to the running hash of a component. Paths come sorted, so equal sets give equal
 * hashes. */
static void provide(struct ptd_state *state, const char *name, size_t len, const char *path,
                    size_t path_len)
{
    bool added;
    size_t at = ptd_map_put(&state->providers, name, len, 0, &added);
    if (added) {
        state->provider_hashes = ptd_xgrow(state->provider_hashes, &state->provider_cap, at + 1,
                                           sizeof(*state->provider_hashes));
        state->provider_hashes[at] = (struct ptd_hash128){{0}};
    }
    PTD_CLEANUP_BUF struct ptd_buf both = PTD_BUF_INIT;
    ptd_buf_add(&both, &state->provider_hashes[at], sizeof(struct ptd_hash128));
    ptd_buf_add(&both, path, path_len);
    state->provider_hashes[at] = ptd_hash128(both.data, both.len);
}

/* Length of the common directory prefix of two paths, up to and with its last slash. */
static size_t common_directories(const char *a, const char *b)
{
    size_t same = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            same = i + 1;
    return same;
}

/* Whether the directory path[0..len) ("" = the root) can be searched for top-level modules. */
static bool is_searched(const struct ptd_state *state, const char *path, size_t len)
{
    if (len == 0)
        return true;
    PTD_CLEANUP_FREE char *init = ptd_xasprintf("%.*s/__init__.py", (int)len, path);
    return !ptd_tree_find(&state->tree, init) ||
           ptd_map_find(&state->search_path, path, len) != PTD_MAP_NONE;
}

/* Something called name[0..len) in the directory path[0..dir_len) exists: a file or a directory. */
static void provide_in(struct ptd_state *state, const char *path, size_t dir_len, const char *name,
                       size_t len, size_t provider_len)
{
    if (is_searched(state, path, dir_len))
        provide(state, name, len, path, provider_len);
    if (dir_len == 0)
        return;
    const char *parent = path + dir_len;
    while (parent > path && parent[-1] != '/')
        parent--;
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    ptd_buf_add(&key, parent, (size_t)(path + dir_len - parent));
    ptd_buf_addc(&key, '.');
    ptd_buf_add(&key, name, len);
    provide(state, key.data, key.len, path, provider_len);
}

static size_t directory_length(const char *path, const char *name)
{
    return name > path ? (size_t)(name - path) - 1 : 0;
}

static void provide_file(struct ptd_state *state, const char *path, const char *previous)
{
    const char *start = path + common_directories(path, previous);
    for (const char *slash; (slash = strchr(start, '/')); start = slash + 1)
        provide_in(state, path, directory_length(path, start), start, (size_t)(slash - start),
                   (size_t)(slash + 1 - path));
    const char *base = ptd_path_basename(path);
    if (strcmp(base, "__init__.py") != 0) {
        provide_in(state, path, directory_length(path, base), base, strcspn(base, "."),
                   strlen(path));
    } else if (base > path) {
        const char *end = base - 1, *dir = end;
        while (dir > path && dir[-1] != '/')
            dir--;
        provide_in(state, path, directory_length(path, dir), dir, (size_t)(end - dir),
                   strlen(path));
    }
}

void ptd_state_forget_providers(struct ptd_state *state)
{
    ptd_map_release(&state->providers);
    state->providers_made = false;
}

static void make_providers(struct ptd_state *state)
{
    const char *previous = "";
    for (size_t i = 0; i < state->tree.count; i++) {
        const char *path = state->tree.entries[i].path;
        if (!ptd_path_ends_with(path, ".py") && !ptd_path_ends_with(path, ".so"))
            continue;
        provide_file(state, path, previous);
        previous = path;
    }
    state->providers_made = true;
}

static struct ptd_hash128 import_hash(struct ptd_state *state, const char *name)
{
    if (!state->providers_made)
        make_providers(state);
    size_t at = ptd_map_find(&state->providers, name, strlen(name));
    if (at == PTD_MAP_NONE)
        return ptd_hash128("", 0);
    return state->provider_hashes[at];
}

static struct ptd_hash128 layout_hash(const struct ptd_state *state, const char *directory)
{
    static const char *const names[] = {"conftest.py", "__init__.py"};
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    char *dir = ptd_xstrdup(directory);
    for (;;) {
        for (size_t i = 0; i < 2; i++) {
            PTD_CLEANUP_FREE char *path = ptd_path_join(dir, names[i]);
            if (ptd_tree_find(&state->tree, path))
                ptd_buf_add(&all, path, strlen(path) + 1);
        }
        if (dir[0] == '\0' || strcmp(dir, "/") == 0)
            break;
        char *up = ptd_path_dirname(dir);
        free(dir);
        dir = up;
    }
    free(dir);
    return ptd_hash128(all.data ? all.data : "", all.len);
}

struct ptd_hash128 ptd_state_derived_hash(struct ptd_state *state, enum ptd_file_kind kind,
                                          const char *path)
{
    if (kind == PTD_FILE_IMPORT)
        return import_hash(state, path);
    return strcmp(path, PTD_LAYOUT_ALL) == 0 ? state->paths_hash : layout_hash(state, path);
}
