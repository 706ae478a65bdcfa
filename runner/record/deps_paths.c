#include "record/deps_paths.h"

#include <string.h>

#include "base/mem.h"
#include "base/path.h"

void ptd_dep_paths_written(const struct ptd_journal *journal, struct ptd_map *written)
{
    for (size_t i = 0; i < journal->scope_count; i++) {
        const struct ptd_u32s *list = &journal->scopes[i].accesses;
        for (size_t k = 0; k + 1 < list->count; k += 2)
            if (list->items[k] == PTD_ACCESS_WROTE)
                ptd_map_puts(written, journal->paths[list->items[k + 1]].path, 1);
    }
}

static bool is_written(const struct ptd_dep_context *c, const struct ptd_journal_path *path)
{
    return ptd_map_get(c->written, path->path, 0) != 0;
}

static bool same_as_seen(const struct ptd_state_file *f, const struct ptd_journal_path *path)
{
    return path->ino && f->sig.ino == path->ino && f->sig.mtime_ns == path->mtime_ns &&
           f->sig.size == path->size;
}

/*
 * The version that the process saw, 0 for the present one: it counts when the file is now as it was
 * then, or when the session itself brought it to where it is now.
 */
static int version_seen(struct ptd_dep_context *c, size_t at, const struct ptd_journal_path *path,
                        ptd_id *out, struct ptd_err *err)
{
    bool written = is_written(c, path);
    *out = PTD_VERSION_UNKNOWN;
    if ((written || !same_as_seen(&c->state->files[at], path)) &&
        ptd_state_look_again(c->state, at, err) < 0)
        return -1;
    const struct ptd_state_file *f = &c->state->files[at];
    if (f->version > 0 && (written || same_as_seen(f, path)))
        *out = f->version;
    return 0;
}

/* Not known before, and gone or made since the session began: made by something that it started. */
static bool is_ephemeral(const struct ptd_dep_context *c, enum ptd_file_kind kind,
                         const char *relative, const struct ptd_journal_path *path)
{
    if (ptd_state_find(c->state, kind, relative) != SIZE_MAX ||
        ptd_tree_find(&c->state->tree, relative))
        return false;
    PTD_CLEANUP_FREE char *full = ptd_path_join(c->root, relative);
    struct ptd_stat_sig now;
    if (!ptd_stat_sig_of(full, &now))
        return true;
    return path->mtime_ns > c->session_start_ns;
}

static int resolve_content(struct ptd_dep_context *c, const struct ptd_journal_path *path,
                           const char *relative, size_t *out, struct ptd_err *err)
{
    enum ptd_file_kind kind =
        ptd_path_ends_with(relative, ".py") ? PTD_FILE_SOURCE : PTD_FILE_OPAQUE;
    ptd_id version;
    if (is_ephemeral(c, kind, relative, path))
        return 0;
    if (ptd_state_add(c->state, kind, relative, out, err) < 0 ||
        version_seen(c, *out, path, &version, err) < 0)
        return -1;
    ptd_dep_set_version(c, *out, version);
    return 0;
}

static int resolve_listing(struct ptd_dep_context *c, const struct ptd_journal_path *path,
                           const char *relative, size_t *out, struct ptd_err *err)
{
    size_t at;
    ptd_id version;
    bool known = ptd_state_find(c->state, PTD_FILE_LISTING, relative) != SIZE_MAX;
    if (ptd_state_add(c->state, PTD_FILE_LISTING, relative, &at, err) < 0 ||
        version_seen(c, at, path, &version, err) < 0)
        return -1;
    if (!known && c->state->files[at].version == 0)
        return 0; /* it came and went with the session */
    *out = at;
    ptd_dep_set_version(c, at, version);
    return 0;
}

static enum ptd_existence existence_of(const struct ptd_journal_path *path)
{
    static const enum ptd_existence as[] = {
        [PTD_PATH_ABSENT] = PTD_EXISTS_NOT,
        [PTD_PATH_FILE] = PTD_EXISTS_FILE,
        [PTD_PATH_DIRECTORY] = PTD_EXISTS_DIRECTORY,
        [PTD_PATH_OTHER] = PTD_EXISTS_OTHER,
    };
    return as[path->type];
}

static int resolve_existence(struct ptd_dep_context *c, const struct ptd_journal_path *path,
                             const char *relative, size_t *out, struct ptd_err *err)
{
    size_t at;
    ptd_id version;
    bool known = ptd_state_find(c->state, PTD_FILE_EXISTS, relative) != SIZE_MAX;
    if (ptd_state_add(c->state, PTD_FILE_EXISTS, relative, &at, err) < 0)
        return -1;
    if (is_written(c, path)) {
        if (ptd_state_look_again(c->state, at, err) < 0)
            return -1;
        version = c->state->files[at].version;
    } else if (ptd_state_existence(c->state, relative, existence_of(path), path->size, &version,
                                   err) < 0) {
        return -1;
    }
    bool gone = ptd_state_is_absence(c->state, c->state->files[at].version);
    if (!known && gone && path->type != PTD_PATH_ABSENT && path->mtime_ns > c->session_start_ns)
        return 0; /* it came and went with the session */
    *out = at;
    ptd_dep_set_version(c, at, version);
    return 0;
}

static int resolve(struct ptd_dep_context *c, size_t i, unsigned kinds, struct ptd_err *err)
{
    const struct ptd_journal_path *path = &c->journal->paths[i];
    struct ptd_dep_path *out = &c->paths[i];
    PTD_CLEANUP_FREE char *relative = ptd_path_relative(path->path, c->root);
    if (!ptd_path_within(relative, "."))
        return 0;
    bool content = kinds & 1u << PTD_ACCESS_READ && path->type != PTD_PATH_DIRECTORY;
    bool existence = kinds & (1u << PTD_ACCESS_STAT | 1u << PTD_ACCESS_MISSING) ||
                     (kinds & 1u << PTD_ACCESS_READ && !content);
    if (content && resolve_content(c, path, relative, &out->content, err) < 0)
        return -1;
    if (kinds & 1u << PTD_ACCESS_LIST && resolve_listing(c, path, relative, &out->listing, err) < 0)
        return -1;
    if (existence && resolve_existence(c, path, relative, &out->existence, err) < 0)
        return -1;
    return 0;
}

int ptd_dep_paths_resolve(struct ptd_dep_context *c, struct ptd_err *err)
{
    const struct ptd_journal *j = c->journal;
    PTD_CLEANUP_FREE unsigned char *kinds = ptd_xcalloc(j->path_count, 1);
    c->paths = ptd_xcalloc(j->path_count, sizeof(*c->paths));
    for (size_t i = 0; i < j->scope_count; i++) {
        const struct ptd_u32s *list = &j->scopes[i].accesses;
        for (size_t k = 0; k + 1 < list->count; k += 2)
            kinds[list->items[k + 1]] |= (unsigned char)(1u << list->items[k]);
    }
    for (size_t i = 0; i < j->path_count; i++) {
        c->paths[i] = (struct ptd_dep_path){SIZE_MAX, SIZE_MAX, SIZE_MAX};
        if (resolve(c, i, kinds[i], err) < 0)
            return -1;
    }
    return 0;
}

void ptd_dep_paths_add(const struct ptd_dep_context *c, uint32_t scope, struct ptd_deps *out)
{
    const struct ptd_u32s *list = &c->journal->scopes[scope].accesses;
    for (size_t k = 0; k + 1 < list->count; k += 2) {
        const struct ptd_dep_path *path = &c->paths[list->items[k + 1]];
        uint32_t kind = list->items[k];
        size_t at = kind == PTD_ACCESS_LIST                                 ? path->listing
                    : kind == PTD_ACCESS_STAT || kind == PTD_ACCESS_MISSING ? path->existence
                                                                            : path->content;
        if (kind == PTD_ACCESS_READ && at == SIZE_MAX)
            at = path->existence;
        if (kind != PTD_ACCESS_WROTE && at != SIZE_MAX)
            ptd_deps_add(out, at, kind == PTD_ACCESS_READ ? PTD_DEP_WHOLE : 0);
    }
}
