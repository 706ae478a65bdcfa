#include "cmd/databases.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "remote/remote.h"
#include "session/session.h"
#include "store/details.h"
#include "store/transplant.h"

int ptd_databases_api(struct ptd_databases *list, struct ptd_err *err)
{
    if (list->api)
        return 0;
    PTD_CLEANUP_FREE char *dir = ptd_session_libexec(err);
    if (!dir || ptd_remote_open(dir, &list->api, err) < 0)
        return -1;
    return ptd_scratch_make(&list->scratch, err);
}

static void add(struct ptd_databases *list, const char *name, const char *path)
{
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
    list->items[list->count++] =
        (struct ptd_database){.name = ptd_xstrdup(name), .path = ptd_xstrdup(path)};
}

static int is_database(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ptd_path_ends_with(entry->d_name, ".db");
}

/* All *.db in it, by name. */
static int add_directory(struct ptd_databases *list, const char *dir, struct ptd_err *err)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_database, alphasort);
    if (count < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "cannot read %s", dir);
    for (int i = 0; i < count; i++) {
        PTD_CLEANUP_FREE char *path = ptd_path_join(dir, entries[i]->d_name);
        add(list, path, path);
        free(entries[i]);
    }
    free(entries);
    return count ? 0 : ptd_err_set(err, PTD_E_USAGE, "no file in %s ends in .db", dir);
}

static int fetch(struct ptd_databases *list, const char *url, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = ptd_scratch_name(&list->scratch);
    PTD_CLEANUP_FREE char *shown = ptd_remote_shown(url);
    struct ptd_transfer transfer = {.url = url, .path = path};
    int failed = list->api->get(&transfer, err);
    free(transfer.new_etag);
    if (!failed && transfer.state == PTD_TRANSFER_ABSENT)
        failed = ptd_err_set(err, PTD_E_NET, "nothing is there");
    if (failed)
        return ptd_err_wrap(err, "cannot get %s", shown);
    add(list, shown, path);
    return 0;
}

static int add_url(struct ptd_databases *list, const char *url, struct ptd_err *err)
{
    char **urls = NULL;
    size_t count = 0;
    if (ptd_remote_check(url, err) < 0 || ptd_databases_api(list, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *shown = ptd_remote_shown(url);
    if (!ptd_path_ends_with(shown, "/"))
        return fetch(list, url, err);
    int failed = list->api->list(url, &urls, &count, err);
    if (failed)
        ptd_err_wrap(err, "cannot list %s", shown);
    else if (!count)
        failed = ptd_err_set(err, PTD_E_USAGE, "nothing in %s ends in .db", shown);
    for (size_t i = 0; i < count; i++) {
        failed = failed || fetch(list, urls[i], err) < 0;
        free(urls[i]);
    }
    free(urls);
    return failed ? -1 : 0;
}

int ptd_databases_add(struct ptd_databases *list, const char *word, struct ptd_err *err)
{
    struct stat st;
    if (ptd_remote_is_url(word))
        return add_url(list, word, err);
    if (stat(word, &st) < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "cannot open %s", word);
    if (S_ISDIR(st.st_mode))
        return add_directory(list, word, err);
    add(list, word, word);
    return 0;
}

/* What `--upload` puts into a directory is packed. */
static bool is_packed(const char *path)
{
    static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* of zstd, RFC 8878 */
    unsigned char first[sizeof(magic)];
    PTD_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, first, sizeof(first)) == (ssize_t)sizeof(first) &&
           memcmp(first, magic, sizeof(magic)) == 0;
}

static int open_one(struct ptd_databases *list, struct ptd_database *item, struct ptd_err *err)
{
    if (is_packed(item->path)) {
        if (ptd_databases_api(list, err) < 0)
            return -1;
        char *path = ptd_scratch_name(&list->scratch);
        int failed = list->api->unpack(item->path, path, err);
        free(item->path);
        item->path = path;
        if (failed)
            return ptd_err_wrap(err, "cannot unpack %s", item->name);
    }
    /* What was fetched may have been made by anybody. */
    bool fetched = ptd_remote_is_url(item->name);
    if (ptd_store_open_file(item->path, &item->store, err) == 0 &&
        (!fetched || ptd_store_check(item->store, err) == 0))
        return 0;
    /* Where it lies for the moment says nothing. */
    size_t n = strlen(item->path);
    if (strcmp(item->path, item->name) != 0 && strncmp(err->msg, item->path, n) == 0) {
        PTD_CLEANUP_FREE char *rest = ptd_xstrdup(err->msg + n);
        ptd_err_set(err, err->code, "%s%s", item->name, rest);
    }
    return -1;
}

int ptd_databases_open(struct ptd_databases *list, struct ptd_err *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (open_one(list, &list->items[i], err) < 0)
            return -1;
    return 0;
}

void ptd_databases_release(struct ptd_databases *list)
{
    for (size_t i = 0; i < list->count; i++) {
        ptd_store_close(list->items[i].store);
        free(list->items[i].name);
        free(list->items[i].path);
    }
    free(list->items);
    ptd_scratch_remove(&list->scratch);
    *list = (struct ptd_databases){0};
}
