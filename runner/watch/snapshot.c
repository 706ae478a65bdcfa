#include "watch/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"

/* Of a directory that is not listed only its being there counts. */
static struct ptd_stat_sig look(const char *root, const struct ptd_watched *watched)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(root, watched->path);
    struct ptd_stat_sig sig = {0};
    struct stat st;
    if (stat(full, &st) != 0)
        return sig;
    sig.ino = (uint64_t)st.st_ino;
    if (S_ISDIR(st.st_mode) && !watched->listing)
        return sig;
    sig.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    sig.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    return sig;
}

int ptd_snapshot_take(const struct ptd_snapshot_request *request, struct ptd_snapshot *out,
                      struct ptd_err *err)
{
    static const char *const everything[] = {"", NULL};
    const struct ptd_tree_options options = {
        .endings = request->all_files ? everything : NULL,
        .skip = request->skip,
        .strict = true,
        .directory = request->directory,
        .directory_arg = request->directory_arg,
    };
    *out = (struct ptd_snapshot){0};
    if (ptd_tree_scan(request->root, &options, &out->tree, err) < 0)
        return -1;
    for (size_t i = 0; i < request->watched_count; i++) {
        const struct ptd_watched *watched = &request->watched[i];
        bool added = false;
        if (ptd_tree_find(&out->tree, watched->path))
            continue;
        size_t at = ptd_map_put(&out->watched, watched->path, strlen(watched->path),
                                watched->listing, &added);
        out->sigs = ptd_xgrow(out->sigs, &out->sig_cap, out->watched.count, sizeof(*out->sigs));
        if (added)
            out->sigs[at] = look(request->root, watched);
    }
    return 0;
}

void ptd_snapshot_release(struct ptd_snapshot *snapshot)
{
    ptd_tree_release(&snapshot->tree);
    ptd_map_release(&snapshot->watched);
    free(snapshot->sigs);
    *snapshot = (struct ptd_snapshot){0};
}

static void add(struct ptd_changes *out, const char *path, enum ptd_change_kind kind)
{
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
    out->items[out->count++] = (struct ptd_changed){ptd_xstrdup(path), kind};
}

/* Both are sorted. */
static void compare_trees(const struct ptd_tree *before, const struct ptd_tree *after,
                          struct ptd_changes *out)
{
    size_t i = 0, k = 0;
    while (i < before->count || k < after->count) {
        int order = i == before->count  ? 1
                    : k == after->count ? -1
                                        : strcmp(before->entries[i].path, after->entries[k].path);
        if (order < 0) {
            add(out, before->entries[i++].path, PTD_CHANGE_WENT);
        } else if (order > 0) {
            add(out, after->entries[k++].path, PTD_CHANGE_CAME);
        } else {
            if (!ptd_stat_sig_equal(&before->entries[i].sig, &after->entries[k].sig))
                add(out, after->entries[k].path, PTD_CHANGE_CONTENT);
            i++;
            k++;
        }
    }
}

void ptd_snapshot_compare(const struct ptd_snapshot *before, const struct ptd_snapshot *after,
                          struct ptd_changes *out)
{
    static const struct ptd_stat_sig none;
    compare_trees(&before->tree, &after->tree, out);
    for (size_t i = 0; i < after->watched.count; i++) {
        const struct ptd_map_entry *entry = &after->watched.entries[i];
        size_t at = ptd_map_find(&before->watched, entry->key, entry->len);
        if (at == PTD_MAP_NONE || ptd_stat_sig_equal(&before->sigs[at], &after->sigs[i]))
            continue;
        enum ptd_change_kind kind = PTD_CHANGE_CONTENT;
        if (ptd_stat_sig_equal(&before->sigs[at], &none))
            kind = PTD_CHANGE_CAME;
        else if (ptd_stat_sig_equal(&after->sigs[i], &none))
            kind = PTD_CHANGE_WENT;
        else if (entry->value)
            kind = PTD_CHANGE_NAMES;
        add(out, entry->key, kind);
    }
}

void ptd_changes_release(struct ptd_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        free(changes->items[i].path);
    free(changes->items);
    *changes = (struct ptd_changes){0};
}
