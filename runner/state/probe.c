#include "state/probe.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"

bool ptd_probe_directory(const char *path, struct ptd_stat_sig *out)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return false;
    *out = (struct ptd_stat_sig){
        .size = (uint64_t)st.st_size,
        .mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec,
        .ctime_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec,
        .ino = (uint64_t)st.st_ino,
    };
    return true;
}

/* What tools leave in a tree while they run. */
static bool is_noise(const char *name)
{
    static const char *const names[] = {".",           "..",          "__pycache__",
                                        ".git",        ".hypothesis", ".mypy_cache",
                                        ".ruff_cache", ".coverage",   ".pytest_cache"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, ".coverage.", 10) == 0 || ptd_path_ends_with(name, ".pyc");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **items; /* owned */
    size_t count, cap;
};

static void add_name(struct names *names, const char *name, bool directory)
{
    names->items = ptd_xgrow(names->items, &names->cap, names->count + 1, sizeof(char *));
    names->items[names->count++] = ptd_xasprintf("%s%s", name, directory ? "/" : "");
}

/* Each name once; releases them. */
static struct ptd_hash128 hash_names(struct names *names)
{
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    if (names->count)
        qsort(names->items, names->count, sizeof(char *), compare_names);
    for (size_t i = 0; i < names->count; i++)
        if (i == 0 || strcmp(names->items[i], names->items[i - 1]) != 0)
            ptd_buf_add(&all, names->items[i], strlen(names->items[i]) + 1);
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    return ptd_hash128(all.data ? all.data : "", all.len);
}

/* Names on disk, but for those that `overlay` (or NULL) does not have. */
static bool list_disk(const char *path, const char *skip, const struct ptd_overlay *overlay,
                      const char *root, const char *relative, struct names *names)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    PTD_CLEANUP_FREE char *skip_dir = skip ? ptd_path_dirname(skip) : NULL;
    const char *skip_name = skip_dir && strcmp(skip_dir, path) == 0 ? ptd_path_basename(skip) : "";
    for (struct dirent *e; (e = readdir(dir));) {
        bool directory = e->d_type == DT_DIR;
        if (is_noise(e->d_name) || strcmp(e->d_name, skip_name) == 0)
            continue;
        if (overlay) {
            PTD_CLEANUP_FREE char *name = ptd_path_join(relative, e->d_name);
            const struct ptd_overlay_file *f = ptd_overlay_find(overlay, name);
            if ((f && f->kind == PTD_OVERLAY_ABSENT) ||
                (directory && !ptd_overlay_keeps(overlay, root, name)))
                continue;
        }
        add_name(names, e->d_name, directory);
    }
    closedir(dir);
    return true;
}

bool ptd_probe_listing(const char *path, const char *skip, struct ptd_hash128 *out)
{
    struct names names = {0};
    if (!list_disk(path, skip, NULL, NULL, NULL, &names))
        return false;
    *out = hash_names(&names);
    return true;
}

bool ptd_probe_overlaid(const struct ptd_overlay *overlay, const char *root, const char *relative,
                        const char *skip, struct ptd_hash128 *out)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(root, relative);
    struct names names = {0};
    size_t first, last, n = *relative ? strlen(relative) + 1 : 0;
    bool there = list_disk(full, skip, overlay, root, relative, &names);
    ptd_overlay_below(overlay, relative, &first, &last);
    for (size_t i = first; i < last; i++) {
        const char *below = overlay->sorted[i] + n;
        size_t len = strcspn(below, "/");
        PTD_CLEANUP_FREE char *name = ptd_xstrndup(below, len);
        if (ptd_overlay_find(overlay, overlay->sorted[i])->kind == PTD_OVERLAY_ABSENT ||
            is_noise(name) || strcmp(name, "..") == 0)
            continue;
        add_name(&names, name, below[len] == '/');
    }
    bool any = there ? !*relative || ptd_overlay_keeps(overlay, root, relative) : names.count > 0;
    *out = hash_names(&names);
    return any;
}

struct ptd_hash128 ptd_probe_hash(const char *path, enum ptd_existence as, uint64_t size)
{
    static const char *const words[] = {"absent", "file", "directory", "other"};
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    ptd_buf_addf(&text, "exists: %s", words[as]);
    if (as == PTD_EXISTS_FILE && !ptd_path_ends_with(path, ".py"))
        ptd_buf_addf(&text, " %llu", (unsigned long long)size);
    return ptd_hash128(text.data, text.len);
}

struct ptd_hash128 ptd_probe_existence(const char *path)
{
    struct stat st;
    enum ptd_existence as = PTD_EXISTS_NOT;
    if (stat(path, &st) < 0)
        st.st_size = 0;
    else if (S_ISREG(st.st_mode))
        as = PTD_EXISTS_FILE;
    else
        as = S_ISDIR(st.st_mode) ? PTD_EXISTS_DIRECTORY : PTD_EXISTS_OTHER;
    return ptd_probe_hash(path, as, (uint64_t)st.st_size);
}

bool ptd_probe_existence_in(const struct ptd_overlay *overlay, const char *root,
                            const char *relative, struct ptd_hash128 *out)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(root, relative);
    const struct ptd_overlay_file *f = ptd_overlay_find(overlay, relative);
    struct ptd_stat_sig sig;
    if (f && f->kind == PTD_OVERLAY_UNKNOWN)
        return false;
    if (f)
        *out = ptd_probe_hash(
            relative, f->kind == PTD_OVERLAY_CONTENT ? PTD_EXISTS_FILE : PTD_EXISTS_NOT, f->size);
    else if (overlay && ptd_overlay_has_below(overlay, relative))
        *out = ptd_probe_hash(relative, PTD_EXISTS_DIRECTORY, 0);
    else if (overlay && ptd_probe_directory(full, &sig) &&
             !ptd_overlay_keeps(overlay, root, relative))
        *out = ptd_probe_hash(relative, PTD_EXISTS_NOT, 0);
    else
        *out = ptd_probe_existence(full);
    return true;
}
