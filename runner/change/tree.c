#include "change/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "change/gitrepo.h"
#include "change/ignore.h"

#define LISTING_STEP 65536u

/* A name in the directory at hand that may turn out to be of interest. */
struct child {
    const char *name; /* borrowed from the listing */
    size_t len;
    unsigned char type; /* DT_REG, DT_DIR or DT_LNK */
    bool wanted;        /* if it is a file */
    bool module;        /* wanted even if git ignores it */
};

/* A file that was found, and the number of its path in the tree's map. */
struct found {
    struct ptd_tree_entry entry;
    size_t id;
};

/* What is still to be listed, the next one on top: a directory or a file met on the way. */
struct pending {
    struct found file;              /* file.entry.path: also the path of a directory */
    const struct ptd_ignore *rules; /* directory: those from above */
    bool is_directory;
    bool is_link; /* a symbolic link to a directory */
};

struct scan {
    const struct ptd_tree_options *options; /* borrowed */
    struct ptd_tree *tree;                  /* borrowed */
    char *skip;                             /* owned; normalised, NULL when there is none */
    int root_fd;

    /* Where we are: the root as seen from the top of its repository, then the path from the root.
     * Ignore rules see all of it, the caller what follows `prefix_len`. */
    struct ptd_buf path;
    size_t prefix_len;

    struct ptd_buf listing; /* raw directory entries */
    struct child *children;
    size_t nchildren, children_cap;
    struct pending *stack;
    size_t depth, stack_cap;
    struct found *found; /* in order as far as the real directories go */
    size_t nfound, found_cap;
    struct pending *links; /* directories behind symbolic links, walked after the real ones */
    size_t nlinks, links_cap;

    struct ptd_map directories; /* owns the paths of directories */
    struct ptd_map visited;     /* device and inode */
    struct ptd_ignore **rules;  /* owned */
    size_t nrules, rules_cap;
};

static void scan_release(struct scan *scan)
{
    for (size_t i = 0; i < scan->nrules; i++)
        ptd_ignore_free(scan->rules[i]);
    free(scan->rules);
    ptd_map_release(&scan->visited);
    ptd_map_release(&scan->directories);
    free(scan->links);
    free(scan->found);
    free(scan->stack);
    free(scan->children);
    ptd_buf_release(&scan->listing);
    ptd_buf_release(&scan->path);
    free(scan->skip);
    if (scan->root_fd >= 0)
        close(scan->root_fd);
}

static struct ptd_stat_sig sig_of(const struct stat *st)
{
    return (struct ptd_stat_sig){
        .size = (uint64_t)st->st_size,
        .mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
        .ctime_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec,
        .ino = (uint64_t)st->st_ino,
    };
}

static bool ends_with(const char *name, size_t len, const char *ending)
{
    size_t n = strlen(ending);
    return n <= len && memcmp(name + len - n, ending, n) == 0;
}

static bool is_module_name(const char *name, size_t len)
{
    return len >= 3 &&
           (memcmp(name + len - 3, ".py", 3) == 0 || memcmp(name + len - 3, ".so", 3) == 0);
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static bool is_config_name(const char *name)
{
    static const char *const names[] = {"pytest.ini",     ".pytest.ini", "pytest.toml",
                                        ".pytest.toml",   "tox.ini",     "setup.cfg",
                                        "pyproject.toml", NULL};
    return is_one_of(name, names);
}

static bool is_skipped_name(const char *name, size_t len)
{
    static const char *const names[] = {".git",         ".hg",           ".svn", "__pycache__",
                                        "node_modules", ".tox",          ".nox", ".mypy_cache",
                                        ".ruff_cache",  ".pytest_cache", NULL};
    return is_one_of(name, names) || ends_with(name, len, ".egg-info");
}

static bool has_extra_ending(const struct ptd_tree_options *options, const char *name, size_t len)
{
    const char *const *ending = options->endings;
    while (ending && *ending && !ends_with(name, len, *ending))
        ending++;
    return ending && *ending;
}

bool ptd_tree_lists(const char *name, const struct ptd_tree_options *options)
{
    size_t len = strlen(name);
    return is_module_name(name, len) || is_config_name(name) ||
           has_extra_ending(options, name, len);
}

/* Puts the name behind the directory, whose part of the path ends at `dir_len`. */
static const char *set_name(struct scan *scan, size_t dir_len, const char *name, size_t len)
{
    scan->path.len = dir_len;
    if (dir_len)
        ptd_buf_addc(&scan->path, '/');
    ptd_buf_add(&scan->path, name, len);
    return scan->path.data + scan->prefix_len;
}

static void count_unreadable(struct ptd_tree *tree, const char *path)
{
    if (tree->unreadable++ == 0)
        snprintf(tree->first_unreadable, sizeof(tree->first_unreadable), "%s", path);
}

static const struct ptd_ignore *add_rules(struct scan *scan, const struct ptd_ignore *parent,
                                          const char *base, const struct ptd_buf *text)
{
    if (text->len == 0)
        return parent;
    scan->rules =
        ptd_xgrow(scan->rules, &scan->rules_cap, scan->nrules + 1, sizeof(struct ptd_ignore *));
    struct ptd_ignore *rules = ptd_ignore_new(parent, base, text->data, text->len);
    scan->rules[scan->nrules++] = rules;
    return rules;
}

/*
 * The rules that reach the root from the repository it lies in: info/exclude and the .gitignore
 * files between its top and the root (the root's own is met by the walk). A root that is itself
 * ignored is meant to be looked at all the same, so the rules from above do not count then.
 */
static const struct ptd_ignore *rules_above(struct scan *scan, const char *root)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *real = realpath(root, NULL);
    int levels = real ? ptd_gitrepo_levels(scan->root_fd, &text) : -1;
    if (levels < 0)
        return NULL;
    const char *prefix = real + strlen(real);
    for (int n = 0; n < levels && prefix > real; n++)
        prefix = memrchr(real, '/', (size_t)(prefix - real));
    const struct ptd_ignore *rules = add_rules(scan, NULL, "", &text);
    for (int up = levels; up > 0; up--) {
        PTD_CLEANUP_BUF struct ptd_buf file = PTD_BUF_INIT;
        for (int n = 0; n < up; n++)
            ptd_buf_adds(&file, "../");
        ptd_buf_adds(&file, ".gitignore");
        ptd_buf_reset(&text);
        if (ptd_gitrepo_read(scan->root_fd, file.data, false, &text))
            rules = add_rules(scan, rules, scan->path.len ? scan->path.data : "", &text);
        size_t len = strcspn(prefix + 1, "/");
        set_name(scan, scan->path.len, prefix + 1, len);
        prefix += 1 + len;
        if (rules && ptd_ignore_match(rules, scan->path.data, true))
            return NULL;
    }
    scan->prefix_len = scan->path.len ? scan->path.len + 1 : 0;
    return rules;
}

static int read_listing(struct scan *scan, int fd)
{
    struct ptd_buf *buf = &scan->listing;
    buf->len = 0;
    for (;;) {
        ptd_buf_reserve(buf, LISTING_STEP);
        ssize_t got = getdents64(fd, buf->data + buf->len, buf->cap - buf->len);
        if (got < 0)
            return -1;
        if (got == 0)
            return 0;
        buf->len += (size_t)got;
    }
}

/* What a listing says about the directory as a whole. */
struct traits {
    bool has_ignore_file;
    bool has_git;
    bool is_environment;
};

static void note_traits(struct traits *traits, const char *name)
{
    if (strcmp(name, ".gitignore") == 0)
        traits->has_ignore_file = true;
    else if (strcmp(name, ".git") == 0)
        traits->has_git = true;
    else if (strcmp(name, "pyvenv.cfg") == 0 || strcmp(name, "conda-meta") == 0)
        traits->is_environment = true;
}

static void add_child(struct scan *scan, struct child child)
{
    if (child.type == DT_DIR && is_skipped_name(child.name, child.len))
        return;
    if (child.type != DT_DIR) {
        child.module = is_module_name(child.name, child.len) || is_config_name(child.name);
        child.wanted = child.module || has_extra_ending(scan->options, child.name, child.len);
        if (!child.wanted && child.type != DT_LNK)
            return;
    }
    scan->children =
        ptd_xgrow(scan->children, &scan->children_cap, scan->nchildren + 1, sizeof(child));
    scan->children[scan->nchildren++] = child;
}

/* Some file systems do not tell the type of an entry. */
static unsigned char type_of(int fd, const char *name)
{
    struct stat st;
    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? IFTODT(st.st_mode) : DT_UNKNOWN;
}

static struct traits collect_children(struct scan *scan, int fd)
{
    struct traits traits = {0};
    scan->nchildren = 0;
    for (size_t at = 0; at < scan->listing.len;) {
        const struct dirent64 *e = (const struct dirent64 *)(scan->listing.data + at);
        struct child child = {.name = e->d_name, .type = e->d_type};
        at += e->d_reclen;
        if (strcmp(child.name, ".") == 0 || strcmp(child.name, "..") == 0)
            continue;
        if (child.type == DT_UNKNOWN)
            child.type = type_of(fd, child.name);
        if (child.type != DT_REG && child.type != DT_DIR && child.type != DT_LNK)
            continue;
        child.len = strlen(child.name);
        note_traits(&traits, child.name);
        add_child(scan, child);
    }
    return traits;
}

/* In the order of the whole paths: what lies in a directory has a slash behind its name. */
static int compare_children(const void *left, const void *right)
{
    const struct child *a = left, *b = right;
    size_t n = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->name, b->name, n);
    if (order)
        return order;
    int next_a = a->len > n ? (unsigned char)a->name[n] : a->type == DT_DIR ? '/' : 0;
    int next_b = b->len > n ? (unsigned char)b->name[n] : b->type == DT_DIR ? '/' : 0;
    return next_a - next_b;
}

static void push(struct scan *scan, struct pending item)
{
    scan->stack = ptd_xgrow(scan->stack, &scan->stack_cap, scan->depth + 1, sizeof(item));
    scan->stack[scan->depth++] = item;
}

static struct pending directory_at(struct scan *scan, const char *path,
                                   const struct ptd_ignore *rules)
{
    size_t id = ptd_map_puts(&scan->directories, path, 0);
    const char *kept = scan->directories.entries[id].key;
    return (struct pending){.file.entry.path = kept, .rules = rules, .is_directory = true};
}

/* Numbers the path; false when it is there already. */
static bool make_found(struct scan *scan, const char *path, const struct stat *st,
                       struct found *out)
{
    bool added;
    struct ptd_map *paths = &scan->tree->paths;
    out->id = ptd_map_put(paths, path, strlen(path), 0, &added);
    out->entry = (struct ptd_tree_entry){paths->entries[out->id].key, sig_of(st)};
    return added;
}

static void add_found(struct scan *scan, struct found file)
{
    scan->found = ptd_xgrow(scan->found, &scan->found_cap, scan->nfound + 1, sizeof(file));
    scan->found[scan->nfound++] = file;
}

static bool left_out(const struct scan *scan, const char *path, const struct ptd_ignore *rules,
                     bool is_directory)
{
    return (scan->skip && strcmp(scan->skip, path) == 0) ||
           ptd_ignore_match(rules, scan->path.data, is_directory);
}

/* Puts the child on the stack if it is of interest. -1: not allowed to look at it. */
static int push_child(struct scan *scan, int fd, size_t dir_len, const struct child *child,
                      const struct ptd_ignore *rules)
{
    const char *path = set_name(scan, dir_len, child->name, child->len);
    if (child->type == DT_DIR) {
        if (!left_out(scan, path, rules, true))
            push(scan, directory_at(scan, path, rules));
        return 0;
    }
    struct stat st;
    if (fstatat(fd, child->name, &st, 0) != 0)
        return errno == EACCES && child->type == DT_REG ? -1 : 0;
    if (S_ISREG(st.st_mode) && child->wanted) {
        struct pending item = {0};
        bool in_any_case = child->module && !scan->options->strict;
        if ((in_any_case || !left_out(scan, path, rules, false)) &&
            make_found(scan, path, &st, &item.file))
            push(scan, item);
    } else if (S_ISDIR(st.st_mode) && child->type == DT_LNK &&
               !is_skipped_name(child->name, child->len) && !left_out(scan, path, rules, false)) {
        scan->links =
            ptd_xgrow(scan->links, &scan->links_cap, scan->nlinks + 1, sizeof(*scan->links));
        scan->links[scan->nlinks] = directory_at(scan, path, rules);
        scan->links[scan->nlinks++].is_link = true;
    }
    return 0;
}

/* False when it has been seen before. */
static bool visit(struct scan *scan, const struct stat *st)
{
    uint64_t key[2] = {(uint64_t)st->st_dev, (uint64_t)st->st_ino};
    bool added;
    ptd_map_put(&scan->visited, key, sizeof(key), 0, &added);
    return added;
}

/* A nested repository (a submodule, say) has rules of its own and none from outside. */
static const struct ptd_ignore *rules_inside(struct scan *scan, int fd, bool is_root,
                                             const struct traits *traits,
                                             const struct ptd_ignore *rules)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const char *base = scan->path.len ? scan->path.data : "";
    if (traits->has_git && !is_root && ptd_gitrepo_at(fd, &text))
        rules = add_rules(scan, NULL, base, &text);
    ptd_buf_reset(&text);
    if (traits->has_ignore_file && ptd_gitrepo_read(fd, ".gitignore", false, &text))
        rules = add_rules(scan, rules, base, &text);
    return rules;
}

/* Opens a directory that has not been seen. -1 with errno when that fails, with errno 0 when it is
 * to be passed by: seen already, or vanished or replaced since it was listed. */
static int enter(struct scan *scan, const char *path, bool is_link)
{
    int flags = O_RDONLY | O_CLOEXEC | O_DIRECTORY | (is_link ? 0 : O_NOFOLLOW);
    int fd = openat(scan->root_fd, *path ? path : ".", flags);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && visit(scan, &st))
        return fd;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        errno = 0;
    return -1;
}

/* -1 when it cannot be read, with errno. */
static int list_directory(struct scan *scan, const struct pending *dir)
{
    const char *path = dir->file.entry.path;
    bool is_root = *path == '\0';
    PTD_CLEANUP_CLOSE int fd = enter(scan, path, dir->is_link);
    if (fd < 0)
        return errno ? -1 : 0;
    if (scan->options->directory)
        scan->options->directory(path, scan->options->directory_arg);
    if (read_listing(scan, fd) != 0)
        return errno == ENOENT && !is_root ? 0 : -1; /* removed since it was opened */
    struct traits traits = collect_children(scan, fd);
    if (traits.is_environment && !is_root)
        return 0;
    scan->path.len = scan->prefix_len;
    if (is_root && scan->prefix_len)
        scan->path.len--;
    ptd_buf_adds(&scan->path, path);
    const struct ptd_ignore *rules = rules_inside(scan, fd, is_root, &traits, dir->rules);
    size_t dir_len = scan->path.len;
    bool denied = false;
    if (scan->nchildren)
        qsort(scan->children, scan->nchildren, sizeof(*scan->children), compare_children);
    for (size_t i = scan->nchildren; i-- > 0;)
        denied |= push_child(scan, fd, dir_len, &scan->children[i], rules) != 0;
    if (denied) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

static void walk_stack(struct scan *scan)
{
    while (scan->depth) {
        struct pending item = scan->stack[--scan->depth];
        if (!item.is_directory)
            add_found(scan, item.file);
        else if (list_directory(scan, &item) != 0)
            count_unreadable(scan->tree, item.file.entry.path);
    }
}

static int compare_links(const void *left, const void *right)
{
    const struct pending *a = left, *b = right;
    return strcmp(a->file.entry.path, b->file.entry.path);
}

/* A link to a directory above the root leads back to it and is not followed. */
static void visit_ancestors(struct scan *scan)
{
    PTD_CLEANUP_BUF struct ptd_buf up = PTD_BUF_INIT;
    struct stat st;
    do
        ptd_buf_adds(&up, up.len ? "/.." : "..");
    while (fstatat(scan->root_fd, up.data, &st, 0) == 0 && visit(scan, &st));
}

static void walk_links(struct scan *scan)
{
    if (scan->nlinks)
        visit_ancestors(scan);
    for (size_t first = 0; first < scan->nlinks;) {
        size_t end = scan->nlinks; /* walking may add more */
        qsort(scan->links + first, end - first, sizeof(*scan->links), compare_links);
        for (; first < end; first++) {
            push(scan, scan->links[first]);
            walk_stack(scan);
        }
    }
}

static void add_also(struct scan *scan)
{
    for (const char *const *path = scan->options->also; path && *path; path++) {
        struct stat st;
        struct found file;
        if (ptd_map_find(&scan->tree->paths, *path, strlen(*path)) != PTD_MAP_NONE)
            continue;
        if (fstatat(scan->root_fd, *path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
            make_found(scan, *path, &st, &file))
            add_found(scan, file);
    }
}

static int compare_found(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    return strcmp(a->entry.path, b->entry.path);
}

/* Merges the first `walked` files, which are in order, with the rest into the tree. */
static void fill_tree(struct scan *scan, size_t walked)
{
    struct ptd_tree *tree = scan->tree;
    if (scan->nfound == 0)
        return;
    struct found *a = scan->found, *a_end = a + walked;
    struct found *b = a_end, *b_end = a + scan->nfound;
    if (b < b_end)
        qsort(b, (size_t)(b_end - b), sizeof(*b), compare_found);
    tree->entries = ptd_xmalloc(scan->nfound * sizeof(*tree->entries));
    while (a < a_end || b < b_end) {
        bool first = b == b_end || (a < a_end && compare_found(a, b) < 0);
        const struct found *file = first ? a++ : b++;
        tree->paths.entries[file->id].value = tree->count;
        tree->entries[tree->count++] = file->entry;
    }
}

int ptd_tree_scan(const char *root, const struct ptd_tree_options *options, struct ptd_tree *out,
                  struct ptd_err *err)
{
    static const struct ptd_tree_options defaults;
    *out = (struct ptd_tree){.paths = PTD_MAP_INIT};
    struct scan scan = {.options = options ? options : &defaults, .tree = out};
    scan.root_fd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (scan.root_fd < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot read directory %s", root);
    scan.skip = scan.options->skip ? ptd_path_normalize(scan.options->skip) : NULL;
    struct pending top = directory_at(&scan, "", rules_above(&scan, root));
    int status = list_directory(&scan, &top);
    if (status != 0)
        ptd_err_sys(err, PTD_E_IO, "cannot read directory %s", root);
    walk_stack(&scan);
    size_t walked = scan.nfound;
    walk_links(&scan);
    add_also(&scan);
    fill_tree(&scan, walked);
    scan_release(&scan);
    if (status != 0)
        ptd_tree_release(out);
    return status;
}

void ptd_tree_release(struct ptd_tree *tree)
{
    free(tree->entries);
    ptd_map_release(&tree->paths);
    *tree = (struct ptd_tree){.paths = PTD_MAP_INIT};
}

const struct ptd_tree_entry *ptd_tree_find(const struct ptd_tree *tree, const char *path)
{
    uint64_t index = ptd_map_get(&tree->paths, path, UINT64_MAX);
    return index < tree->count ? &tree->entries[index] : NULL;
}

bool ptd_stat_sig_equal(const struct ptd_stat_sig *a, const struct ptd_stat_sig *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
           a->ino == b->ino;
}

bool ptd_stat_sig_of(const char *path, struct ptd_stat_sig *out)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *out = sig_of(&st);
    return true;
}

/* Time stamps come from the kernel's tick (up to 10 ms coarse); whole seconds hint at a file system
 * that has nothing finer (FAT: 2 s). */
bool ptd_stat_sig_racy(const struct ptd_stat_sig *sig, uint64_t looked_at)
{
    uint64_t slack = sig->mtime_ns % 1000000000u ? 20000000u : 2000000000u;
    return sig->mtime_ns + slack >= looked_at;
}
