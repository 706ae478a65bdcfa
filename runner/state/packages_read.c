#include "state/packages_read.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"

#define MAX_METADATA ((size_t)64 << 20)

void ptd_distribution_release(struct ptd_distribution *d)
{
    for (size_t i = 0; i < d->module_count; i++)
        free(d->modules[i]);
    for (size_t i = 0; i < d->requirement_count; i++)
        free(d->requirements[i].name);
    free(d->modules);
    free(d->requirements);
    free(d->name);
    free(d->version);
    free(d->identity);
    *d = (struct ptd_distribution){0};
}

char *ptd_packages_normalize(const char *name, size_t len)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    ptd_buf_reserve(&out, len + 1);
    for (size_t i = 0; i < len; i++) {
        bool separator = strchr("-_.", name[i]) != NULL && name[i];
        if (!separator)
            ptd_buf_addc(&out, (char)tolower((unsigned char)name[i]));
        else if (out.len && out.data[out.len - 1] != '-')
            ptd_buf_addc(&out, '-');
    }
    return ptd_buf_steal(&out);
}

bool ptd_distribution_provides(const struct ptd_distribution *d, const char *module)
{
    for (size_t i = 0; i < d->module_count; i++)
        if (strcmp(d->modules[i], module) == 0)
            return true;
    return false;
}

static bool is_identifier(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!(isalpha(c) || c == '_' || c >= 0x80 || (i && isdigit(c))))
            return false;
    }
    return len > 0;
}

void ptd_distribution_add_module(struct ptd_distribution *d, const char *name, size_t len)
{
    if (!is_identifier(name, len))
        return;
    PTD_CLEANUP_FREE char *module = ptd_xstrndup(name, len);
    if (ptd_distribution_provides(d, module))
        return;
    d->modules = ptd_xrealloc(d->modules, (d->module_count + 1) * sizeof(char *));
    d->modules[d->module_count++] = ptd_xstrdup(module);
}

void ptd_distribution_add_requirement(struct ptd_distribution *d, const char *name, size_t len,
                                      bool conditional)
{
    d->requirements =
        ptd_xrealloc(d->requirements, (d->requirement_count + 1) * sizeof(*d->requirements));
    d->requirements[d->requirement_count++] =
        (struct ptd_requirement){ptd_packages_normalize(name, len), conditional};
}

/* Calls `line` for each line of a text, which is cut up. */
static void each_line(char *text, void (*line)(struct ptd_distribution *, char *),
                      struct ptd_distribution *d)
{
    for (char *p = text; p && *p;) {
        size_t n = strcspn(p, "\r\n");
        char *next = p[n] ? p + n + 1 : p + n;
        p[n] = '\0';
        line(d, p);
        p = next;
    }
}

static bool read_text(const char *dir, const char *name, struct ptd_buf *out)
{
    PTD_CLEANUP_FREE char *path = name ? ptd_path_join(dir, name) : ptd_xstrdup(dir);
    ptd_buf_reset(out);
    if (ptd_buf_read_file(out, path, MAX_METADATA, NULL) < 0)
        return false;
    ptd_buf_reserve(out, 1);
    out->data[out->len] = '\0';
    return true;
}

/* "name[extra] (>=1.0) ; marker": what is only for an extra is optional, and seen when it is used.
 */
static void take_requirement(struct ptd_distribution *d, const char *text)
{
    text += strspn(text, " \t");
    size_t n = strcspn(text, " \t;[(<>=!~@,");
    const char *marker = strchr(text, ';');
    if (!n || (marker && strstr(marker, "extra")))
        return;
    ptd_distribution_add_requirement(d, text, n, marker != NULL);
}

static bool header(const char *line, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return false;
    *value = line + n + 1 + strspn(line + n + 1, " \t");
    return true;
}

/* The headers of METADATA or PKG-INFO, up to the first empty line. */
static void take_headers(struct ptd_distribution *d, char *text)
{
    for (char *p = text; *p && *p != '\n' && *p != '\r';) {
        size_t n = strcspn(p, "\n");
        char *next = p[n] ? p + n + 1 : p + n;
        const char *value;
        p[n] = '\0';
        p[strcspn(p, "\r")] = '\0';
        if (!d->name && header(p, "Name", &value))
            d->name = ptd_packages_normalize(value, strcspn(value, " \t"));
        else if (!d->version && header(p, "Version", &value))
            d->version = ptd_xstrndup(value, strcspn(value, " \t"));
        else if (header(p, "Requires-Dist", &value))
            take_requirement(d, value);
        p = next;
    }
}

/* A path as installers list it, relative to the directory that the metadata lies in. */
static void take_installed(struct ptd_distribution *d, const char *path)
{
    size_t n = strcspn(path, "/");
    if (path[0] == '/' || strncmp(path, "..", 2) == 0)
        return;
    if (!path[n]) {
        const char *dot = strchr(path, '.');
        bool module = ptd_path_ends_with(path, ".py") || ptd_path_ends_with(path, ".so") ||
                      ptd_path_ends_with(path, ".pyd");
        if (module && dot)
            ptd_distribution_add_module(d, path, (size_t)(dot - path));
    } else if (strncmp(path, "__pycache__", n) != 0) {
        ptd_distribution_add_module(d, path, n);
    }
}

/* A line of RECORD: path,hash,size; the path may be quoted. */
static void take_record(struct ptd_distribution *d, char *line)
{
    char *path = line;
    if (*path == '"') {
        path++;
        path[strcspn(path, "\"")] = '\0';
    } else {
        path[strcspn(path, ",")] = '\0';
    }
    take_installed(d, path);
}

static void take_top_level(struct ptd_distribution *d, char *line)
{
    ptd_distribution_add_module(d, line, strcspn(line, " \t/"));
}

/* installed-files.txt of an egg: relative to the metadata directory itself. */
static void take_from_egg(struct ptd_distribution *d, char *line)
{
    if (strncmp(line, "../", 3) == 0)
        take_installed(d, line + 3);
}

/* requires.txt: sections in brackets are extras, or markers behind a colon. */
static void take_requires(struct ptd_distribution *d, char *text)
{
    bool extra = false, conditional = false;
    for (char *p = text; *p;) {
        size_t n = strcspn(p, "\r\n");
        char *next = p[n] ? p + n + 1 : p + n;
        p[n] = '\0';
        if (*p == '[') {
            extra = p[1] != ':';
            conditional = true;
        } else if (!extra && *p) {
            ptd_distribution_add_requirement(d, p, strcspn(p, " \t;[(<>=!~@,"), conditional);
        }
        p = next;
    }
}

static bool has_pytest_plugins(const char *dir)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    return read_text(dir, "entry_points.txt", &text) && strstr(text.data, "[pytest11]") != NULL;
}

/* direct_url.json says how it was installed; only one word in it matters. */
static bool is_editable(const char *dir)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (!read_text(dir, "direct_url.json", &text))
        return false;
    const char *at = strstr(text.data, "\"editable\"");
    if (!at)
        return false;
    at += strlen("\"editable\"");
    at += strspn(at, " \t\r\n");
    if (*at != ':')
        return false;
    at++;
    at += strspn(at, " \t\r\n");
    return strncmp(at, "true", 4) == 0;
}

static void set_identity(struct ptd_distribution *d, const struct ptd_buf *text)
{
    char hex[33];
    struct ptd_hash128 hash = ptd_hash128(text->data ? text->data : "", text->len);
    ptd_hash128_text(&hash, hex);
    free(d->identity);
    d->identity = ptd_xstrdup(hex);
}

/*
 * Lines of RECORD that say nothing about what can be imported, and differ from one place to
 * another: scripts have the interpreter's path in their first line, and installers note their
 * names, where a package came from, and what they compiled.
 */
static bool is_about_the_place(const char *line)
{
    static const char *const names[] = {
        "/INSTALLER,",
        "/REQUESTED,",
        "/direct_url.json,",
        "/RECORD,",
        ".pyc,",
        "/uv_cache.json,",
        /* these count as files that run when Python starts */ ".pth,",
        "__editable__"};
    if (*line == '/' || strncmp(line, "../", 3) == 0)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strstr(line, names[i]))
            return true;
    return false;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The rest, in an order that all installers have. */
static void set_identity_of_record(struct ptd_distribution *d, const struct ptd_buf *record)
{
    PTD_CLEANUP_FREE char *text = ptd_xstrndup(record->data, record->len);
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    const char **lines = NULL;
    size_t count = 0, cap = 0;
    for (char *p = text; *p;) {
        size_t n = strcspn(p, "\r\n");
        char *next = p[n] ? p + n + 1 : p + n;
        p[n] = '\0';
        if (n && !is_about_the_place(p)) {
            lines = ptd_xgrow(lines, &cap, count + 1, sizeof(char *));
            lines[count++] = p;
        }
        p = next;
    }
    if (count)
        qsort(lines, count, sizeof(char *), compare_lines);
    for (size_t i = 0; i < count; i++)
        ptd_buf_addf(&all, "%s\n", lines[i]);
    free(lines);
    set_identity(d, &all);
}

/* What RECORD or the lists of older installers say; false when there are none. */
static bool take_files(const char *dir, struct ptd_distribution *d)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (read_text(dir, "RECORD", &text)) {
        set_identity_of_record(d, &text);
        each_line(text.data, take_record, d);
        return true;
    }
    bool known = false;
    if (read_text(dir, "installed-files.txt", &text)) {
        each_line(text.data, take_from_egg, d);
        known = true;
    }
    if (read_text(dir, "top_level.txt", &text)) {
        each_line(text.data, take_top_level, d);
        known = true;
    }
    return known;
}

static void read_directory(const char *dir, struct ptd_distribution *d)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (read_text(dir, "METADATA", &text) || read_text(dir, "PKG-INFO", &text)) {
        set_identity(d, &text);
        take_headers(d, text.data);
    }
    if (read_text(dir, "requires.txt", &text))
        take_requires(d, text.data);
    d->unknown = !take_files(dir, d);
    d->plugin = has_pytest_plugins(dir);
    d->editable = is_editable(dir);
}

/* name-version.dist-info, where the metadata itself does not say it. */
static void take_name(struct ptd_distribution *d, const char *entry)
{
    const char *tail = strrchr(entry, '.');
    size_t n = tail ? (size_t)(tail - entry) : strlen(entry);
    const char *dash = memchr(entry, '-', n);
    size_t name = dash ? (size_t)(dash - entry) : n;
    if (!d->name)
        d->name = ptd_packages_normalize(entry, name);
    if (!d->version)
        d->version = dash ? ptd_xstrndup(dash + 1, n - name - 1) : ptd_xstrdup("");
    if (!d->identity)
        d->identity = ptd_xstrdup("");
}

/* "*.egg-link": the first line names the directory with the sources and their *.egg-info. */
static void read_link(const char *path, struct ptd_distribution *d)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (!read_text(path, NULL, &text))
        return;
    set_identity(d, &text);
    text.data[strcspn(text.data, "\r\n")] = '\0';
    DIR *dir = opendir(text.data);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!ptd_path_ends_with(e->d_name, ".egg-info"))
            continue;
        PTD_CLEANUP_FREE char *inside = ptd_path_join(text.data, e->d_name);
        read_directory(inside, d);
        break;
    }
    if (dir)
        closedir(dir);
}

bool ptd_packages_read(const char *folder, const char *entry, struct ptd_distribution *out)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(folder, entry);
    struct stat st;
    *out = (struct ptd_distribution){0};
    if (stat(path, &st) < 0)
        return false;
    if (ptd_path_ends_with(entry, ".egg-link")) {
        read_link(path, out);
        out->editable = true;
        out->unknown = false;
    } else if (S_ISDIR(st.st_mode)) {
        read_directory(path, out);
    } else {
        PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
        out->unknown = true; /* distutils wrote no list of files */
        if (read_text(path, NULL, &text)) {
            set_identity(out, &text);
            take_headers(out, text.data);
        }
    }
    take_name(out, strcmp(entry, "EGG-INFO") == 0 ? ptd_path_basename(folder) : entry);
    /* The name of the entry counts as well: it is how Python finds a distribution. */
    PTD_CLEANUP_BUF struct ptd_buf both = PTD_BUF_INIT;
    ptd_buf_addf(&both, "%s %s", entry, out->identity);
    set_identity(out, &both);
    return true;
}
