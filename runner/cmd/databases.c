#include "cmd/databases.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/details.h"

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

int ptd_databases_add(struct ptd_databases *list, const char *word, struct ptd_err *err)
{
    struct stat st;
    if (stat(word, &st) < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "cannot open %s", word);
    if (S_ISDIR(st.st_mode))
        return add_directory(list, word, err);
    add(list, word, word);
    return 0;
}

int ptd_databases_open(struct ptd_databases *list, struct ptd_err *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (ptd_store_open_file(list->items[i].path, &list->items[i].store, err) < 0)
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
    *list = (struct ptd_databases){0};
}
