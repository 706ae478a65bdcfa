/* What is watched, and what has changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/watch_internal.h"
#include "cmd/workspace.h"

/* A file that ends so many runs in a row is written by the tests. */
#define CULPRIT 3
/* While one change follows the other, look at least as often, in milliseconds. */
#define LONGEST_WAIT  2000
#define POLL_INTERVAL 500
#define DEBOUNCE      100
#define SHOWN         3

static void forget_known(struct ptd_watch *w)
{
    ptd_store_files_release(&w->known);
    free(w->watched);
    w->watched = NULL;
    w->watched_count = 0;
    ptd_map_release(&w->interesting);
    w->interesting = (struct ptd_map)PTD_MAP_INIT;
}

static void take_known(struct ptd_watch *w)
{
    w->watched = ptd_xcalloc(w->known.count + 1, sizeof(*w->watched));
    for (size_t i = 0; i < w->known.count; i++) {
        const struct ptd_store_file *f = &w->known.items[i];
        bool listing = f->kind == PTD_FILE_LISTING;
        if (f->kind != PTD_FILE_SOURCE && f->kind != PTD_FILE_OPAQUE &&
            f->kind != PTD_FILE_EXISTS && !listing)
            continue;
        if (w->skip && ptd_path_within(f->path, w->skip))
            continue;
        w->watched[w->watched_count++] = (struct ptd_watched){f->path, listing};
        ptd_map_puts(&w->interesting, f->path, listing);
    }
}

/* Without data (yet) the sources are what can be watched. */
static void read_data(struct ptd_watch *w)
{
    struct ptd_store *store = NULL;
    char *note = NULL;
    PTD_CLEANUP_FREE char *programs = NULL;
    forget_known(w);
    w->all_files = w->project.rule_count > 0;
    if (ptd_store_open(w->project.cache_dir, true, &store, &note, NULL) == 0) {
        if (ptd_store_files(store, &w->known, NULL) == 0)
            take_known(w);
        if (ptd_store_meta_get(store, "programs", &programs, NULL) == 0 && programs &&
            strcmp(programs, "1") == 0)
            w->all_files = true;
        ptd_store_close(store);
    }
    free(note);
}

int ptd_watch_look_up(struct ptd_watch *w, struct ptd_err *err)
{
    struct ptd_project project;
    if (ptd_project_find(w->options, &project, err) < 0)
        return -1;
    ptd_project_release(&w->project);
    w->project = project;
    free(w->skip);
    w->skip = ptd_path_within(project.cache_dir, project.rootdir)
                  ? ptd_path_relative(project.cache_dir, project.rootdir)
                  : NULL;
    read_data(w);
    return 0;
}

static void see_directory(const char *path, void *arg)
{
    struct ptd_watch *w = arg;
    if (w->notify)
        ptd_notify_add(w->notify, path);
}

static void poll_instead(struct ptd_watch *w, const char *why)
{
    ptd_notify_free(w->notify);
    w->notify = NULL;
    w->poll_at = ptd_watch_clock() + w->interval;
    fprintf(stderr, "pyt-diff: looking for changes every %g s (%s)\n", w->interval / 1000.0, why);
}

void ptd_watch_begin(struct ptd_watch *w)
{
    const struct ptd_watch_options *o = &w->options->watch;
    struct ptd_err err = {0};
    w->debounce = o->debounce ? o->debounce : DEBOUNCE;
    w->interval = o->poll_interval ? o->poll_interval : POLL_INTERVAL;
    if (o->poll)
        poll_instead(w, "--poll");
    else if (ptd_notify_is_remote(w->project.rootdir))
        poll_instead(w, "the kernel does not tell what others do in this file system");
    else if (!(w->notify = ptd_notify_new(w->project.rootdir, &err)))
        poll_instead(w, err.msg);
}

/* Events are many while tests run; most of them are about nothing that tests depend on. */
static bool is_interesting(const char *path, void *arg)
{
    const struct ptd_watch *w = arg;
    static const char *const endings[] = {".py", ".so", ".ini", ".toml", ".cfg", ".gitignore"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (ptd_path_ends_with(path, endings[i]))
            return true;
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    return w->all_files || ptd_map_find(&w->interesting, path, strlen(path)) != PTD_MAP_NONE ||
           ptd_map_get(&w->interesting, dir, 0) == 1;
}

void ptd_watch_told(struct ptd_watch *w)
{
    if (!w->notify || !ptd_notify_take(w->notify, is_interesting, w))
        return;
    int64_t now = ptd_watch_clock();
    if (!w->due)
        w->since = now;
    w->due = now + w->debounce;
    if (w->due > w->since + LONGEST_WAIT)
        w->due = w->since + LONGEST_WAIT;
}

/* A screen that is cleared has to be told after that. */
static void say_changes(struct ptd_watch *w, const struct ptd_changes *changes, const char *then)
{
    ptd_buf_reset(&w->why);
    ptd_buf_adds(&w->why, "pyt-diff: changed:");
    for (size_t i = 0; i < changes->count && i < SHOWN; i++)
        ptd_buf_addf(&w->why, "%s %s", i ? "," : "", changes->items[i].path);
    if (changes->count > SHOWN)
        ptd_buf_addf(&w->why, " and %zu more", changes->count - SHOWN);
    if (w->child || !w->options->watch.clear)
        fprintf(stderr, "%s%s\n", w->why.data, then);
}

/* Whether any of it is the work of a person. What comes, goes, or changes again and again is rather
 * that of the tests; it is looked at when they have ended. */
static bool ends_a_run(struct ptd_watch *w, const struct ptd_changes *changes)
{
    bool any = false;
    for (size_t i = 0; i < changes->count; i++) {
        const struct ptd_changed *c = &changes->items[i];
        if (c->kind != PTD_CHANGE_CONTENT)
            continue;
        size_t at = ptd_map_puts(&w->culprits, c->path, 0);
        if (++w->culprits.entries[at].value <= CULPRIT)
            any = true;
        else if (w->culprits.entries[at].value == CULPRIT + 1)
            fprintf(stderr, "\npyt-diff: %s changes whenever tests run: this run goes on\n",
                    c->path);
    }
    return any;
}

static void act(struct ptd_watch *w, const struct ptd_changes *changes)
{
    if (w->question || w->debugging) {
        w->noted = true;
    } else if (!w->child) {
        say_changes(w, changes, "");
        ptd_watch_request(w, false);
    } else if (w->cancelled) {
        w->again = true;
    } else if (ends_a_run(w, changes)) {
        fputc('\n', stderr);
        say_changes(w, changes, "; stopping the tests");
        ptd_watch_request(w, false);
    } else {
        w->noted = true;
    }
}

int ptd_watch_compare(struct ptd_watch *w, struct ptd_err *err)
{
    struct ptd_snapshot_request request = {
        .root = w->project.rootdir,
        .skip = w->skip,
        .all_files = w->all_files,
        .watched = w->watched,
        .watched_count = w->watched_count,
        .directory = see_directory,
        .directory_arg = w,
    };
    struct ptd_changes changes = {0};
    struct ptd_snapshot next;
    w->due = 0;
    if (ptd_snapshot_take(&request, &next, err) < 0)
        return -1;
    if (w->notify && ptd_notify_is_full(w->notify))
        poll_instead(w, "the kernel watches no more directories; see fs.inotify.max_user_watches");
    if (w->snapshot_taken) {
        ptd_snapshot_compare(&w->now, &next, &changes);
        ptd_snapshot_release(&w->now);
    }
    w->now = next;
    w->snapshot_taken = true;
    w->poll_at = ptd_watch_clock() + w->interval;
    if (changes.count)
        act(w, &changes);
    ptd_changes_release(&changes);
    return 0;
}

const char **ptd_watch_matching(const struct ptd_watch *w)
{
    const char **out = NULL;
    size_t count = 0, cap = 0;
    for (size_t i = 0; i < w->now.tree.count; i++) {
        const char *path = w->now.tree.entries[i].path;
        bool matches = ptd_glob_is_pattern(w->files)
                           ? ptd_glob_match(w->files, path) ||
                                 ptd_glob_match(w->files, ptd_path_basename(path))
                           : strstr(path, w->files) != NULL;
        if (!matches || !ptd_project_is_test_file(&w->project, path))
            continue;
        out = ptd_xgrow(out, &cap, count + 2, sizeof(*out));
        out[count++] = path;
        out[count] = NULL;
    }
    return out;
}
