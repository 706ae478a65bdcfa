#include "cmd/since.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/settings.h"

/* Contents beyond this count as unknown. */
#define MAX_CONTENT ((size_t)256 << 20)

/* Digits of a commit that are shown. */
#define SHORT_ID 7

bool ptd_since_asked(const struct ptd_options *options)
{
    return options->since || options->staged || options->working_tree;
}

char *ptd_since_request(const struct ptd_options *options)
{
    if (!options->since)
        return ptd_xstrdup(options->staged ? "--staged" : "--working-tree");
    return ptd_xasprintf("--since%s%s", *options->since ? " " : "", options->since);
}

void ptd_since_say_problem(const struct ptd_since *since, const struct ptd_options *options)
{
    PTD_CLEANUP_FREE char *request = ptd_since_request(options);
    if (since->problem)
        ptd_warn("%s: %s; the recorded data decides instead", request, since->problem);
}

struct ptd_summary_since ptd_since_summary(const struct ptd_since *since, const char *request,
                                           const struct ptd_verdict *verdict)
{
    return (struct ptd_summary_since){
        .label = since->problem ? NULL : since->label,
        .request = request,
        .ref = since->base.name,
        .commit = since->base.name ? since->base.commit : NULL,
        .problem = since->problem,
        .elsewhere = verdict->elsewhere,
        .left_out = verdict->left_out,
    };
}

const struct ptd_overlay *ptd_since_files(const struct ptd_since *since)
{
    return since->views ? &since->overlays[PTD_SINCE_BEFORE] : NULL;
}

/* ---- from a difference to an overlay ---- */

/* One difference on its way into an overlay. */
struct filling {
    const struct ptd_workspace *w;
    const struct ptd_git_difference *difference;
    struct ptd_overlay *overlay;
    const struct ptd_overlay *but; /* paths that are left alone; or NULL */
    char **paths;                  /* of the difference's items, relative to the root; owned */
};

static bool is_known(const struct ptd_workspace *w, const char *path)
{
    static const enum ptd_file_kind kinds[] = {PTD_FILE_SOURCE, PTD_FILE_OPAQUE, PTD_FILE_EXISTS};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (ptd_state_find(&w->state, kinds[i], path) != SIZE_MAX)
            return true;
    return false;
}

/* Names of files that pytest reads its configuration from. */
static bool is_configuration(const struct ptd_workspace *w, const char *path)
{
    static const char *const names[] = {"pytest.toml", ".pytest.toml",   "pytest.ini",
                                        ".pytest.ini", "pyproject.toml", "tox.ini",
                                        "setup.cfg"};
    PTD_CLEANUP_FREE char *full = ptd_path_join(w->project.rootdir, path);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(path, names[i]) == 0)
            return true;
    return w->project.inifile && strcmp(full, w->project.inifile) == 0;
}

static void put(struct filling *f, const char *path, struct ptd_overlay_file file)
{
    if (ptd_overlay_find(f->but, path))
        free(file.source);
    else
        ptd_overlay_put(f->overlay, path, file);
}

static enum ptd_overlay_kind kind_of(enum ptd_git_was was)
{
    static const enum ptd_overlay_kind kinds[] = {
        [PTD_GIT_WAS_ABSENT] = PTD_OVERLAY_ABSENT,
        [PTD_GIT_WAS_CONTENT] = PTD_OVERLAY_CONTENT,
        [PTD_GIT_WAS_UNKNOWN] = PTD_OVERLAY_UNKNOWN,
    };
    return kinds[was];
}

/* All that is there or known below a directory. */
static void put_below(struct filling *f, const char *directory, struct ptd_overlay_file file)
{
    const struct ptd_state *state = &f->w->state;
    for (size_t i = 0; i < state->tree.count; i++)
        if (ptd_path_within(state->tree.entries[i].path, directory))
            put(f, state->tree.entries[i].path, file);
    for (size_t i = 0; i < state->count; i++) {
        const struct ptd_state_file *s = &state->files[i];
        bool real = s->kind == PTD_FILE_SOURCE || s->kind == PTD_FILE_OPAQUE;
        if (real && ptd_path_within(s->path, directory))
            put(f, s->path, file);
    }
}

static void take_content(size_t item, const struct ptd_git_object *object, void *arg)
{
    struct filling *f = arg;
    const char *path = f->paths[item];
    struct ptd_overlay_file file = {.kind = PTD_OVERLAY_UNKNOWN};
    if (object->found && object->len <= MAX_CONTENT) {
        file.kind = PTD_OVERLAY_CONTENT;
        file.hash = ptd_hash128(object->data, object->len);
        file.size = object->len;
        if (ptd_path_ends_with(path, ".py") || is_configuration(f->w, path))
            file.source = ptd_xstrndup(object->data, object->len);
        if (file.source && strlen(file.source) != object->len) { /* with NUL bytes */
            free(file.source);
            file.source = ptd_xmalloc(object->len + 1);
            memcpy(file.source, object->data, object->len);
            file.source[object->len] = '\0';
        }
    }
    put(f, path, file);
}

/* A path of git's as the state spells it; NULL when it is none of ours. */
static char *own_path(const struct ptd_workspace *w, const char *path)
{
    char *relative = ptd_path_relative(path, w->project.rootdir);
    if (strcmp(relative, ".") == 0)
        relative[0] = '\0';
    bool outside = strcmp(relative, "..") == 0 || strncmp(relative, "../", 3) == 0;
    if (!outside || is_known(w, relative))
        return relative;
    free(relative);
    return NULL;
}

static int fill(struct filling *f, struct ptd_err *err)
{
    const struct ptd_git_difference *d = f->difference;
    PTD_CLEANUP_FREE unsigned char *wanted = ptd_xcalloc(d->count + 1, 1);
    f->paths = ptd_xcalloc(d->count + 1, sizeof(char *));
    for (size_t i = 0; i < d->count; i++) {
        const struct ptd_git_old *old = &d->items[i];
        char *path = f->paths[i] = own_path(f->w, old->path);
        if (!path)
            continue;
        wanted[i] =
            old->was == PTD_GIT_WAS_CONTENT &&
            (f->w->project.rule_count || is_known(f->w, path) || is_configuration(f->w, path));
        struct ptd_overlay_file file = {.kind = kind_of(old->was)};
        if (old->below)
            put_below(f, path, file);
        if (!wanted[i] && *path)
            put(f, path, file);
    }
    int failed = ptd_git_difference_read(d, wanted, take_content, f, err);
    for (size_t i = 0; i < d->count; i++)
        free(f->paths[i]);
    free(f->paths);
    if (!failed)
        ptd_overlay_finish(f->overlay);
    return failed;
}

static int overlay_of(const struct ptd_workspace *w, const struct ptd_git *git,
                      enum ptd_git_kind kind, const char *commit, const struct ptd_overlay *but,
                      struct ptd_overlay *out, struct ptd_err *err)
{
    struct ptd_git_difference difference;
    if (ptd_git_difference_find(git, kind, commit, &difference, err) < 0)
        return -1;
    struct filling f = {.w = w, .difference = &difference, .overlay = out, .but = but};
    int failed = fill(&f, err);
    ptd_git_difference_release(&difference);
    return failed;
}

/* ---- pytest's configuration ---- */

static bool same_setting(const struct ptd_settings *a, const struct ptd_settings *b,
                         const char *key)
{
    const struct ptd_setting *x = ptd_settings_find(a, key), *y = ptd_settings_find(b, key);
    return x && y ? strcmp(x->text, y->text) == 0 : !x && !y;
}

static bool same_settings(const struct ptd_settings *a, const struct ptd_settings *b)
{
    return a->raw.len == b->raw.len &&
           (a->raw.len == 0 || memcmp(a->raw.data, b->raw.data, a->raw.len) == 0) &&
           same_setting(a, b, "addopts") && same_setting(a, b, "markers");
}

/* What the file said before, read from a file of the same name elsewhere. */
static enum ptd_config_file load_old(const char *name, const struct ptd_overlay_file *file,
                                     struct ptd_settings *out)
{
    enum ptd_config_file kind = PTD_CONFIG_NONE;
    const char *tmp = getenv("TMPDIR");
    PTD_CLEANUP_FREE char *dir = ptd_path_join(tmp && *tmp ? tmp : "/tmp", "pyt-diff-XXXXXX");
    *out = (struct ptd_settings){0};
    if (file->kind == PTD_OVERLAY_ABSENT)
        return kind;
    if (!file->source || !mkdtemp(dir))
        return PTD_CONFIG_BROKEN;
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, name);
    FILE *stream = fopen(path, "we");
    bool written = stream && fwrite(file->source, 1, file->size, stream) == file->size;
    if (stream && fclose(stream) != 0)
        written = false;
    if (!written || ptd_settings_load(path, 0, &kind, out, NULL) < 0)
        kind = PTD_CONFIG_BROKEN;
    remove(path);
    remove(dir);
    return kind;
}

/* Whether pytest's configuration was another, as far as this file decides on it. */
static bool says_otherwise(const struct ptd_workspace *w, const char *path,
                           const struct ptd_overlay_file *file)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(w->project.rootdir, path);
    struct ptd_settings old, now = {0};
    enum ptd_config_file before = load_old(ptd_path_basename(path), file, &old);
    enum ptd_config_file after = PTD_CONFIG_NONE;
    bool chosen = w->project.inifile && strcmp(full, w->project.inifile) == 0;
    bool different;
    if (chosen && ptd_settings_load(full, 0, &after, &now, NULL) < 0)
        after = PTD_CONFIG_BROKEN;
    if (chosen)
        different = before != after || before == PTD_CONFIG_BROKEN || !same_settings(&old, &now);
    else
        different = before != PTD_CONFIG_NONE && old.where && *old.where;
    ptd_settings_release(&old);
    ptd_settings_release(&now);
    return different;
}

static struct ptd_hash128 configuration(const struct ptd_workspace *w,
                                        const struct ptd_overlay *overlay)
{
    static const char other[] = "another configuration of pytest";
    for (size_t i = 0; i < overlay->paths.count; i++) {
        const char *path = overlay->paths.entries[i].key;
        if (is_configuration(w, path) && says_otherwise(w, path, &overlay->files[i]))
            return ptd_hash128(other, sizeof(other));
    }
    return w->project.config_hash;
}

/* ---- the views ---- */

static void copy_overlay(const struct ptd_overlay *from, struct ptd_overlay *to)
{
    for (size_t i = 0; i < from->paths.count; i++) {
        struct ptd_overlay_file file = from->files[i];
        if (file.source) {
            char *copy = ptd_xmalloc(file.size + 1);
            memcpy(copy, file.source, file.size + 1);
            file.source = copy;
        }
        ptd_overlay_put(to, from->paths.entries[i].key, file);
    }
}

static int make_view(struct ptd_workspace *w, struct ptd_since *s, size_t view, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *skip = ptd_workspace_skipped(w);
    struct ptd_state_inputs inputs = ptd_workspace_inputs(w, skip);
    inputs.overlay = &s->overlays[view];
    inputs.tree = &w->state.tree;
    inputs.config = configuration(w, &s->overlays[view]);
    s->views = view + 1;
    if (ptd_state_load(&s->states[view], w->store, false, &inputs, err) < 0)
        return -1;
    return ptd_validity_find(&s->states[view], &s->validities[view], err);
}

static int make_views(struct ptd_workspace *w, struct ptd_since *s, struct ptd_err *err)
{
    if (make_view(w, s, PTD_SINCE_BEFORE, err) < 0)
        return -1;
    if (!s->overlays[PTD_SINCE_ALONE].paths.count)
        return 0;
    struct ptd_overlay *both = &s->overlays[PTD_SINCE_BEFORE_ALONE];
    copy_overlay(&s->overlays[PTD_SINCE_BEFORE], both);
    copy_overlay(&s->overlays[PTD_SINCE_ALONE], both);
    ptd_overlay_finish(both);
    return make_view(w, s, PTD_SINCE_ALONE, err) < 0 ||
                   make_view(w, s, PTD_SINCE_BEFORE_ALONE, err) < 0
               ? -1
               : 0;
}

/* What git says. */
static int ask(struct ptd_workspace *w, struct ptd_since *s, struct ptd_err *err)
{
    const struct ptd_options *o = w->options;
    struct ptd_git git;
    if (ptd_git_open(w->project.rootdir, false, &git, err) < 0)
        return -1;
    int failed = 0;
    if (o->since) {
        failed = ptd_git_merge_base(&git, *o->since ? o->since : NULL, &s->base, err);
        if (!failed)
            s->label = ptd_xasprintf("since %s@%.*s", s->base.name, SHORT_ID, s->base.commit);
    } else {
        s->kind = o->staged ? PTD_GIT_STAGED : PTD_GIT_WORKING;
        s->label = ptd_xstrdup(o->staged ? "by staged changes" : "by unstaged changes");
    }
    if (!failed)
        failed =
            overlay_of(w, &git, s->kind, s->base.commit, NULL, &s->overlays[PTD_SINCE_BEFORE], err);
    if (!failed && s->kind != PTD_GIT_SINCE)
        failed = overlay_of(w, &git, o->staged ? PTD_GIT_WORKING : PTD_GIT_STAGED, NULL,
                            &s->overlays[PTD_SINCE_BEFORE], &s->overlays[PTD_SINCE_ALONE], err);
    ptd_git_release(&git);
    return failed;
}

int ptd_since_find(struct ptd_workspace *w, struct ptd_since *out, struct ptd_err *err)
{
    struct ptd_err problem = {0};
    *out = (struct ptd_since){.kind = PTD_GIT_SINCE};
    if (ask(w, out, &problem) == 0)
        return make_views(w, out, err);
    out->problem = ptd_xstrdup(problem.msg);
    return 0;
}

void ptd_since_release(struct ptd_since *since)
{
    for (size_t i = 0; i < since->views; i++) {
        ptd_validity_release(&since->validities[i]);
        ptd_state_release(&since->states[i]);
    }
    for (size_t i = 0; i < PTD_SINCE_VIEWS; i++)
        ptd_overlay_release(&since->overlays[i]);
    ptd_git_base_release(&since->base);
    free(since->label);
    free(since->problem);
    *since = (struct ptd_since){0};
}
