#include "state/packages.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "state/packages_read.h"

#define KEPT_AS "distributions 2"
/* A .pth file or sitecustomize.py that is larger counts by its beginning. */
#define MAX_STARTUP ((size_t)1 << 20)

/* ---- what lies in a directory of sys.path ---- */

enum entry_kind {
    ENTRY_NONE,
    ENTRY_DISTRIBUTION,
    ENTRY_PATHS,   /* can lengthen sys.path and run code */
    ENTRY_STARTUP, /* runs when Python starts, or finds modules of an editable installation */
};

static enum entry_kind kind_of(const char *name)
{
    if (name[0] == '~') /* what pip leaves of an interrupted installation */
        return ENTRY_NONE;
    if (ptd_path_ends_with(name, ".dist-info") || ptd_path_ends_with(name, ".egg-info") ||
        ptd_path_ends_with(name, ".egg-link") || strcmp(name, "EGG-INFO") == 0)
        return ENTRY_DISTRIBUTION;
    if (ptd_path_ends_with(name, ".pth"))
        return ENTRY_PATHS;
    if (strcmp(name, "sitecustomize.py") == 0 || strcmp(name, "usercustomize.py") == 0 ||
        (strncmp(name, "__editable__", 12) == 0 && ptd_path_ends_with(name, ".py")))
        return ENTRY_STARTUP;
    return ENTRY_NONE;
}

struct names {
    char **items; /* owned */
    size_t count, cap;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct names *names, char *name)
{
    names->items = ptd_xgrow(names->items, &names->cap, names->count + 1, sizeof(char *));
    names->items[names->count++] = name;
}

static void release_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

/* Names of what counts in a directory, sorted. */
static void list_folder(const char *folder, struct names *out)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));)
        if (kind_of(e->d_name) != ENTRY_NONE)
            add_name(out, ptd_xstrdup(e->d_name));
    closedir(dir);
    if (out->count)
        qsort(out->items, out->count, sizeof(char *), compare_names);
}

/* Calls `visit` for each directory of the list. */
static void each_folder(const char *folders, void (*visit)(const char *folder, void *arg),
                        void *arg)
{
    for (const char *p = folders; *p;) {
        size_t n = strcspn(p, "\n");
        PTD_CLEANUP_FREE char *folder = ptd_xstrndup(p, n);
        if (n)
            visit(folder, arg);
        p += n;
        p += *p == '\n';
    }
}

/* ---- the look ---- */

struct look {
    struct ptd_buf all, paths;
};

/* Installers write RECORD last and anew. */
static void add_stat(struct ptd_buf *out, const char *folder, const char *name)
{
    struct stat st;
    PTD_CLEANUP_FREE char *record = ptd_xasprintf(
        "%s/%s%s", folder, name, ptd_path_ends_with(name, ".dist-info") ? "/RECORD" : "");
    if (stat(record, &st) < 0) {
        PTD_CLEANUP_FREE char *path = ptd_path_join(folder, name);
        if (stat(path, &st) < 0)
            memset(&st, 0, sizeof(st));
    }
    ptd_buf_addf(out, "%s %lld.%lld.%ld.%llu\n", name, (long long)st.st_size,
                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
}

static void look_at_folder(const char *folder, void *arg)
{
    struct look *look = arg;
    struct names names = {0};
    list_folder(folder, &names);
    ptd_buf_addf(&look->all, "%s:\n", folder);
    for (size_t i = 0; i < names.count; i++) {
        add_stat(&look->all, folder, names.items[i]);
        if (kind_of(names.items[i]) == ENTRY_PATHS)
            add_stat(&look->paths, folder, names.items[i]);
    }
    release_names(&names);
}

void ptd_packages_look(struct ptd_packages *out, const char *folders, const char *root)
{
    struct look look = {PTD_BUF_INIT, PTD_BUF_INIT};
    *out = (struct ptd_packages){.folders = ptd_xstrdup(folders), .root = root};
    each_folder(folders, look_at_folder, &look);
    out->look = ptd_hash128(look.all.data ? look.all.data : "", look.all.len);
    out->paths = ptd_hash128(look.paths.data ? look.paths.data : "", look.paths.len);
    ptd_buf_release(&look.all);
    ptd_buf_release(&look.paths);
}

void ptd_packages_release(struct ptd_packages *p)
{
    for (size_t i = 0; i < p->count; i++)
        ptd_distribution_release(&p->items[i]);
    free(p->items);
    free(p->folders);
    ptd_map_release(&p->names);
    ptd_map_release(&p->library);
    ptd_map_release(&p->provided);
    *p = (struct ptd_packages){0};
}

/* ---- reading everything ---- */

static struct ptd_distribution *append(struct ptd_packages *p)
{
    p->items = ptd_xgrow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
    p->items[p->count] = (struct ptd_distribution){0};
    return &p->items[p->count++];
}

struct reading {
    struct ptd_packages *packages;
    struct names startup; /* hash of each file that runs at the start */
};

/* The root stands for itself, wherever it is: an editable installation of the project names it. */
static void forget_root(struct ptd_buf *text, const char *root)
{
    size_t n = root ? strlen(root) : 0;
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    if (n < 2 || !text->data || !strstr(text->data, root))
        return;
    for (const char *p = text->data; *p;) {
        bool here = strncmp(p, root, n) == 0 && (!p[n] || strchr("/\r\n'\"", p[n]));
        ptd_buf_add(&out, here ? "\1" : p, 1);
        p += here ? n : 1;
    }
    struct ptd_buf old = *text;
    *text = out;
    out = old;
}

static void add_startup(struct names *out, const char *folder, const char *name, const char *root)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(folder, name);
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    char hex[33];
    if (ptd_buf_read_file(&text, path, MAX_STARTUP, NULL) < 0)
        ptd_buf_adds(&text, "unreadable");
    forget_root(&text, root);
    struct ptd_hash128 hash = ptd_hash128(text.data ? text.data : "", text.len);
    ptd_hash128_text(&hash, hex);
    add_name(out, ptd_xstrdup(hex));
}

/* What setuptools leaves beside the project's own sources: these count file by file, as does the
 * metadata for who reads it. */
static bool is_beside_sources(const struct ptd_packages *p, const char *folder, const char *entry)
{
    return p->root && ptd_path_within(folder, p->root) && ptd_path_ends_with(entry, ".egg-info") &&
           !strstr(folder + strlen(p->root), "-packages");
}

static void read_folder(const char *folder, void *arg)
{
    struct reading *reading = arg;
    struct names names = {0};
    list_folder(folder, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct ptd_distribution found;
        if (kind_of(names.items[i]) != ENTRY_DISTRIBUTION)
            add_startup(&reading->startup, folder, names.items[i], reading->packages->root);
        else if (ptd_packages_read(folder, names.items[i], &found)) {
            found.editable |= is_beside_sources(reading->packages, folder, names.items[i]);
            *append(reading->packages) = found;
        }
    }
    release_names(&names);
}

static void read_all(struct ptd_packages *p)
{
    struct reading reading = {.packages = p};
    PTD_CLEANUP_BUF struct ptd_buf site = PTD_BUF_INIT;
    each_folder(p->folders, read_folder, &reading);
    /* By content alone: the name of an editable installation's file has its version in it. */
    if (reading.startup.count)
        qsort(reading.startup.items, reading.startup.count, sizeof(char *), compare_names);
    for (size_t i = 0; i < reading.startup.count; i++)
        ptd_buf_addf(&site, "%s\n", reading.startup.items[i]);
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].unknown && !p->items[i].editable)
            ptd_buf_addf(&site, "%s %s %s\n", p->items[i].name, p->items[i].version,
                         p->items[i].identity);
    p->site = ptd_hash128(site.data ? site.data : "", site.len);
    release_names(&reading.startup);
}

/* ---- what is kept in the store ---- */

static char *flags_of(const struct ptd_distribution *d)
{
    return ptd_xasprintf("%s%s%s.", d->editable ? "e" : "", d->unknown ? "u" : "",
                         d->plugin ? "p" : "");
}

static void keep(struct ptd_packages *p)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    char look[33], site[33];
    if (!p->store || !p->writable)
        return;
    ptd_hash128_text(&p->look, look);
    ptd_hash128_text(&p->site, site);
    ptd_buf_addf(&out, "%s\n%s\n", look, site);
    for (size_t i = 0; i < p->count; i++) {
        const struct ptd_distribution *d = &p->items[i];
        PTD_CLEANUP_FREE char *flags = flags_of(d);
        ptd_buf_addf(&out, "D%s\t%s\t%s\t%s\n", d->name, d->version, d->identity, flags);
        for (size_t k = 0; k < d->module_count; k++)
            ptd_buf_addf(&out, "M%s\n", d->modules[k]);
        for (size_t k = 0; k < d->requirement_count; k++)
            ptd_buf_addf(&out, "%c%s\n", d->requirements[k].conditional ? 'C' : 'R',
                         d->requirements[k].name);
    }
    /* A lost copy is only made anew. */
    ptd_store_meta_set(p->store, KEPT_AS, out.data, NULL);
}

/* The next field up to one of `stops`, which becomes its end; NULL when there is none. */
static char *field(char **at, char stop)
{
    char *start = *at, *end = strchr(start, stop);
    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return start;
}

static void take_distribution(struct ptd_packages *p, char *line)
{
    char *name = field(&line, '\t'), *version = name ? field(&line, '\t') : NULL;
    char *identity = version ? field(&line, '\t') : NULL;
    if (!identity)
        return;
    *append(p) = (struct ptd_distribution){
        .name = ptd_xstrdup(name),
        .version = ptd_xstrdup(version),
        .identity = ptd_xstrdup(identity),
        .editable = strchr(line, 'e') != NULL,
        .unknown = strchr(line, 'u') != NULL,
        .plugin = strchr(line, 'p') != NULL,
    };
}

/* What was kept, if it is of what is there now. */
static bool use_kept(struct ptd_packages *p)
{
    PTD_CLEANUP_FREE char *kept = NULL;
    char look[33];
    if (!p->store || ptd_store_meta_get(p->store, KEPT_AS, &kept, NULL) < 0 || !kept)
        return false;
    char *at = kept, *line;
    ptd_hash128_text(&p->look, look);
    line = field(&at, '\n');
    if (!line || strcmp(line, look) != 0 || !(line = field(&at, '\n')) || strlen(line) != 32 ||
        ptd_hash128_parse(line, &p->site) < 0)
        return false;
    while ((line = field(&at, '\n'))) {
        struct ptd_distribution *last = p->count ? &p->items[p->count - 1] : NULL;
        if (*line == 'D')
            take_distribution(p, line + 1);
        else if (last && *line == 'M')
            ptd_distribution_add_module(last, line + 1, strlen(line + 1));
        else if (last)
            ptd_distribution_add_requirement(last, line + 1, strlen(line + 1), *line == 'C');
    }
    return true;
}

/* The directories of the standard library, known by a module that it always has. */
static void list_library(const char *folder, void *arg)
{
    struct ptd_packages *p = arg;
    PTD_CLEANUP_FREE char *os = ptd_path_join(folder, "os.py");
    struct stat st;
    if (strcmp(ptd_path_basename(folder), "lib-dynload") != 0 && stat(os, &st) < 0)
        return;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        ptd_map_put(&p->library, e->d_name, strcspn(e->d_name, "."), 1, NULL);
    if (dir)
        closedir(dir);
}

void ptd_packages_load(struct ptd_packages *p)
{
    if (p->loaded)
        return;
    p->loaded = true;
    if (!use_kept(p)) {
        read_all(p);
        keep(p);
    }
    for (size_t i = 0; i < p->count; i++) {
        ptd_map_put(&p->names, p->items[i].name, strlen(p->items[i].name), i, NULL);
        for (size_t k = 0; k < p->items[i].module_count; k++)
            ptd_map_puts(&p->provided, p->items[i].modules[k], 1);
    }
    each_folder(p->folders, list_library, p);
}

/* ---- questions ---- */

const struct ptd_distribution *ptd_packages_find(struct ptd_packages *p, const char *name)
{
    PTD_CLEANUP_FREE char *key = ptd_packages_normalize(name, strlen(name));
    ptd_packages_load(p);
    uint64_t at = ptd_map_get(&p->names, key, UINT64_MAX);
    return at == UINT64_MAX ? NULL : &p->items[at];
}

bool ptd_packages_is_library(struct ptd_packages *p, const char *module)
{
    ptd_packages_load(p);
    return ptd_map_get(&p->library, module, 0) && !ptd_map_get(&p->provided, module, 0);
}

/* An editable one is judged by its sources: what counts is that it is one. */
static void add_identity(struct ptd_buf *out, const struct ptd_distribution *d)
{
    if (d->editable)
        ptd_buf_addf(out, "%s editable\n", d->name);
    else
        ptd_buf_addf(out, "%s %s %s\n", d->name, d->version, d->identity);
}

static void add_providers(struct ptd_packages *p, const char *module, struct ptd_buf *out)
{
    if (!ptd_map_get(&p->provided, module, 0))
        return;
    for (size_t i = 0; i < p->count; i++)
        if (ptd_distribution_provides(&p->items[i], module))
            add_identity(out, &p->items[i]);
}

static void add_all(struct ptd_packages *p, struct ptd_buf *out)
{
    for (size_t i = 0; i < p->count; i++)
        ptd_buf_addf(out, "%s %s %s\n", p->items[i].name, p->items[i].version,
                     p->items[i].identity);
}

/* pytest, its plugins, and what these require, each once. */
static void add_plugins(struct ptd_packages *p, struct ptd_buf *out)
{
    PTD_CLEANUP_MAP struct ptd_map wanted = PTD_MAP_INIT;
    ptd_map_puts(&wanted, "pytest", 1);
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].plugin)
            ptd_map_puts(&wanted, p->items[i].name, 1);
    for (size_t i = 0; i < wanted.count; i++) {
        uint64_t at = ptd_map_get(&p->names, wanted.entries[i].key, UINT64_MAX);
        const struct ptd_distribution *d = at == UINT64_MAX ? NULL : &p->items[at];
        for (size_t k = 0; d && k < d->requirement_count; k++)
            ptd_map_puts(&wanted, d->requirements[k].name, 1);
    }
    /* In the order of what is installed: that of the entries depends on the order of folders. */
    for (size_t i = 0; i < p->count; i++)
        if (ptd_map_get(&wanted, p->items[i].name, 0))
            add_identity(out, &p->items[i]);
}

struct ptd_hash128 ptd_packages_hash(struct ptd_packages *p, const char *path)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    size_t module = strlen(PTD_PACKAGES_MODULE), named = strlen(PTD_PACKAGES_NAMED);
    ptd_packages_load(p);
    ptd_buf_addf(&text, "packages: ");
    if (strcmp(path, PTD_PACKAGES_SITE) == 0) {
        ptd_buf_add(&text, &p->site, sizeof(p->site));
    } else if (strcmp(path, PTD_PACKAGES_PLUGINS) == 0) {
        add_plugins(p, &text);
    } else if (strncmp(path, PTD_PACKAGES_MODULE, module) == 0) {
        add_providers(p, path + module, &text);
    } else if (strncmp(path, PTD_PACKAGES_NAMED, named) == 0) {
        const struct ptd_distribution *d = ptd_packages_find(p, path + named);
        if (d)
            ptd_buf_addf(&text, "%s %s %s", d->name, d->version, d->identity);
    } else {
        add_all(p, &text);
    }
    return ptd_hash128(text.data, text.len);
}
