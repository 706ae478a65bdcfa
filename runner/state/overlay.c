#include "state/overlay.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

/* How deep a directory is looked into for what is not absent. */
#define MAX_DEPTH 64

void ptd_overlay_put(struct ptd_overlay *overlay, const char *path, struct ptd_overlay_file file)
{
    bool added;
    size_t at = ptd_map_put(&overlay->paths, path, strlen(path), 0, &added);
    overlay->files =
        ptd_xgrow(overlay->files, &overlay->cap, overlay->paths.count, sizeof(*overlay->files));
    struct ptd_overlay_file *f = &overlay->files[at];
    if (!added && f->kind == PTD_OVERLAY_UNKNOWN) {
        free(file.source);
        return;
    }
    if (!added)
        free(f->source);
    *f = file;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void ptd_overlay_finish(struct ptd_overlay *overlay)
{
    size_t count = overlay->paths.count;
    overlay->sorted = ptd_xcalloc(count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        overlay->sorted[i] = overlay->paths.entries[i].key;
    if (count)
        qsort(overlay->sorted, count, sizeof(char *), compare_paths);
}

void ptd_overlay_release(struct ptd_overlay *overlay)
{
    for (size_t i = 0; i < overlay->paths.count; i++)
        free(overlay->files[i].source);
    free(overlay->files);
    free(overlay->sorted);
    ptd_map_release(&overlay->paths);
    *overlay = (struct ptd_overlay){0};
}

const struct ptd_overlay_file *ptd_overlay_find(const struct ptd_overlay *overlay, const char *path)
{
    size_t at = overlay ? ptd_map_find(&overlay->paths, path, strlen(path)) : PTD_MAP_NONE;
    return at == PTD_MAP_NONE ? NULL : &overlay->files[at];
}

/* The first path that is not less than `text`. */
static size_t lower_bound(const struct ptd_overlay *overlay, const char *text)
{
    size_t low = 0, high = overlay->paths.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(overlay->sorted[mid], text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void ptd_overlay_below(const struct ptd_overlay *overlay, const char *directory, size_t *first,
                       size_t *last)
{
    *first = 0;
    *last = overlay->paths.count;
    if (!*directory)
        return;
    /* '0' comes after '/'. */
    PTD_CLEANUP_FREE char *from = ptd_xasprintf("%s/", directory);
    PTD_CLEANUP_FREE char *to = ptd_xasprintf("%s0", directory);
    *first = lower_bound(overlay, from);
    *last = lower_bound(overlay, to);
}

bool ptd_overlay_has_below(const struct ptd_overlay *overlay, const char *directory)
{
    size_t first, last;
    ptd_overlay_below(overlay, directory, &first, &last);
    for (size_t i = first; i < last; i++)
        if (ptd_overlay_find(overlay, overlay->sorted[i])->kind != PTD_OVERLAY_ABSENT)
            return true;
    return false;
}

static bool keeps(const struct ptd_overlay *overlay, const char *root, const char *directory,
                  unsigned depth)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(root, directory);
    DIR *dir = opendir(full);
    bool found = false;
    if (!dir || depth == 0) {
        if (dir)
            closedir(dir);
        return dir != NULL;
    }
    for (struct dirent *e; !found && (e = readdir(dir));) {
        PTD_CLEANUP_FREE char *path = ptd_path_join(directory, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, "__pycache__") == 0)
            continue;
        const struct ptd_overlay_file *f = ptd_overlay_find(overlay, path);
        if (e->d_type == DT_DIR)
            found = keeps(overlay, root, path, depth - 1);
        else
            found = !f || f->kind != PTD_OVERLAY_ABSENT;
    }
    closedir(dir);
    return found;
}

bool ptd_overlay_keeps(const struct ptd_overlay *overlay, const char *root, const char *directory)
{
    size_t first, last;
    if (ptd_overlay_has_below(overlay, directory))
        return true;
    ptd_overlay_below(overlay, directory, &first, &last);
    return first == last || keeps(overlay, root, directory, MAX_DEPTH);
}

void ptd_overlay_tree(const struct ptd_overlay *overlay, const struct ptd_tree *disk,
                      const struct ptd_tree_options *options, struct ptd_tree *out)
{
    *out = (struct ptd_tree){.paths = PTD_MAP_INIT, .unreadable = disk->unreadable};
    size_t more = overlay->paths.count;
    out->entries = ptd_xcalloc(disk->count + more, sizeof(*out->entries));
    for (size_t a = 0, b = 0; a < disk->count || b < more;) {
        int order = a == disk->count ? 1
                    : b == more      ? -1
                                     : strcmp(disk->entries[a].path, overlay->sorted[b]);
        const char *path = order > 0 ? overlay->sorted[b] : disk->entries[a].path;
        const struct ptd_overlay_file *f =
            order < 0 ? NULL : ptd_overlay_find(overlay, overlay->sorted[b]);
        bool there = !f || (f->kind != PTD_OVERLAY_ABSENT &&
                            (order == 0 || ptd_tree_lists(ptd_path_basename(path), options)));
        if (there) {
            size_t at = ptd_map_puts(&out->paths, path, out->count);
            out->entries[out->count] = (struct ptd_tree_entry){.path = out->paths.entries[at].key};
            if (order <= 0)
                out->entries[out->count].sig = disk->entries[a].sig;
            out->count++;
        }
        a += order <= 0;
        b += order >= 0;
    }
}
