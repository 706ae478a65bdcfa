#include "cmd/workspace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/leftover.h"
#include "cmd/log.h"

/* One process, one place that is told. */
static struct {
    void (*tell)(const char *text, void *arg);
    void *arg;
} told;

void ptd_warn_tell(void (*tell)(const char *text, void *arg), void *arg)
{
    told.tell = tell;
    told.arg = arg;
}

void ptd_warn(const char *fmt, ...)
{
    PTD_CLEANUP_FREE char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    fprintf(stderr, "pyt-diff: warning: %s\n", text ? text : fmt);
    ptd_log(PTD_LOG_WARNING, "%s", text ? text : fmt);
    if (told.tell)
        told.tell(text ? text : fmt, told.arg);
}

char *ptd_project_relative(const struct ptd_project *project, const char *path)
{
    PTD_CLEANUP_FREE char *joined = ptd_path_join(project->cwd, path);
    PTD_CLEANUP_FREE char *full = ptd_path_normalize(joined);
    PTD_CLEANUP_FREE char *real = realpath(full, NULL);
    char *relative = ptd_path_relative(real ? real : full, project->rootdir);
    if (strcmp(relative, ".") == 0)
        relative[0] = '\0';
    return relative;
}

char *ptd_workspace_relative(const struct ptd_workspace *w, const char *path)
{
    return ptd_project_relative(&w->project, path);
}

static void use_exclusions(struct ptd_workspace *w)
{
    const struct ptd_options *o = w->options;
    w->excluded_paths = ptd_xcalloc(o->ignore_count + 1, sizeof(char *));
    w->excluded_ids = ptd_xcalloc(o->deselect_count + 1, sizeof(char *));
    for (size_t i = 0; i < o->ignore_count; i++)
        w->excluded_paths[i] = ptd_workspace_relative(w, o->ignores[i]);
    for (size_t i = 0; i < o->deselect_count; i++)
        w->excluded_ids[i] = o->deselects[i];
}

int ptd_workspace_interpreter(const struct ptd_options *options, const struct ptd_project *project,
                              struct ptd_interpreter *out, struct ptd_err *err)
{
    const char *python = options->python;
    PTD_CLEANUP_FREE char *configured = NULL;
    if (!python && project->python) {
        configured = strchr(project->python, '/') ? ptd_path_join(project->rootdir, project->python)
                                                  : ptd_xstrdup(project->python);
        python = configured;
    }
    return ptd_interpreter_find(python, project->cwd, options->host, out, err);
}

const char *ptd_workspace_given_name(const struct ptd_options *options,
                                     const struct ptd_project *project)
{
    return options->environment_name ? options->environment_name : project->environment_name;
}

static int use_project(struct ptd_workspace *w, struct ptd_err *err)
{
    if (ptd_project_find(w->options, &w->project, err) < 0 ||
        ptd_options_apply_addopts(w->options, w->project.addopts, err) < 0)
        return -1;
    use_exclusions(w);
    for (size_t i = 0; i < w->project.warning_count; i++)
        ptd_warn("%s", w->project.warnings[i]);
    return ptd_workspace_interpreter(w->options, &w->project, &w->interpreter, err);
}

/* Writing if possible, else reading only, else not at all. */
static void open_store(struct ptd_workspace *w)
{
    struct ptd_err err = {0};
    char *note = NULL;
    w->writable = !w->options->no_record;
    if (w->writable && ptd_store_open(w->project.cache_dir, false, &w->store, &note, &err) < 0) {
        w->writable = false;
        ptd_warn("cannot record: %s", err.msg);
        if (err.hint[0])
            fprintf(stderr, "hint: %s\n", err.hint);
    }
    if (!w->store && ptd_store_open(w->project.cache_dir, true, &w->store, &note, &err) < 0 &&
        err.sys_errno != ENOENT && w->options->no_record)
        ptd_warn("%s", err.msg);
    if (note)
        ptd_warn("%s", note);
    free(note);
}

/* Facts about earlier runs that decide what is a test file. */
static int read_habits(struct ptd_workspace *w, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *doctests = NULL, *programs = NULL;
    free(w->endings_text);
    free(w->endings);
    w->endings = NULL;
    if (ptd_store_meta_get(w->store, "endings", &w->endings_text, err) < 0 ||
        ptd_store_meta_get(w->store, "doctests", &doctests, err) < 0 ||
        ptd_store_meta_get(w->store, "programs", &programs, err) < 0)
        return -1;
    w->programs = programs && strcmp(programs, "1") == 0;
    w->doctests = doctests && strcmp(doctests, "1") == 0;
    size_t count = 0, cap = 0;
    for (char *p = w->endings_text; p && *p;) {
        size_t n = strcspn(p, "\n");
        char *next = p[n] ? p + n + 1 : p + n;
        p[n] = '\0';
        w->endings = ptd_xgrow(w->endings, &cap, count + 2, sizeof(char *));
        w->endings[count++] = p;
        w->endings[count] = NULL;
        p = next;
    }
    return 0;
}

static void make_digest(struct ptd_workspace *w)
{
    struct ptd_hash128 state = ptd_state_digest(&w->state);
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    ptd_buf_add(&all, &state, sizeof(state));
    ptd_buf_adds(&all, w->environment.name);
    for (char **p = w->excluded_paths; p && *p; p++)
        ptd_buf_addf(&all, "\n%s", *p);
    for (const char **p = w->excluded_ids; p && *p; p++)
        ptd_buf_addf(&all, "\n::%s", *p);
    w->digest = ptd_hash128(all.data, all.len);
}

struct ptd_variables ptd_workspace_variables(const struct ptd_workspace *w)
{
    return (struct ptd_variables){.always = (const char *const *)w->project.env,
                                  .never = (const char *const *)w->project.ignore_env};
}

struct ptd_rules ptd_workspace_rules(const struct ptd_workspace *w)
{
    return (struct ptd_rules){w->project.rules, w->project.rule_count};
}

static void say_stale(const char *left, const char *pattern)
{
    ptd_warn(strcmp(left, pattern) == 0 ? "dependencies \"%s\": no file matches"
                                        : "dependencies \"%s\": no file matches \"%s\"",
             left, pattern);
}

char *ptd_project_skipped(const struct ptd_project *project)
{
    if (!ptd_path_within(project->cache_dir, project->rootdir))
        return NULL;
    return ptd_path_relative(project->cache_dir, project->rootdir);
}

char *ptd_workspace_skipped(const struct ptd_workspace *w)
{
    return ptd_project_skipped(&w->project);
}

struct ptd_state_inputs ptd_workspace_inputs(struct ptd_workspace *w, const char *skip)
{
    const char *outcome_args = w->options->outcome_args ? w->options->outcome_args : "";
    return (struct ptd_state_inputs){
        .root = w->project.rootdir,
        .skip = skip,
        .endings = w->endings,
        .all_files = w->programs,
        .config = w->project.config_hash,
        .options = ptd_hash128(outcome_args, strlen(outcome_args)),
        .packages = &w->environment.packages,
        .variables = ptd_workspace_variables(w),
        .rules = ptd_workspace_rules(w),
    };
}

int ptd_workspace_reload(struct ptd_workspace *w, struct ptd_err *err)
{
    if (w->state_loaded)
        ptd_state_release(&w->state);
    w->state_loaded = false;
    if (read_habits(w, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *skip = ptd_workspace_skipped(w);
    struct ptd_state_inputs inputs = ptd_workspace_inputs(w, skip);
    w->state_loaded = true;
    if (ptd_state_load(&w->state, w->store, w->writable, &inputs, err) < 0)
        return -1;
    if (w->state.tree.unreadable)
        ptd_warn("%zu director%s not readable, beginning with %s", w->state.tree.unreadable,
                 w->state.tree.unreadable == 1 ? "y is" : "ies are",
                 w->state.tree.first_unreadable);
    make_digest(w);
    if (w->options->verbosity > 0 && !w->stale_said)
        ptd_rules_stale(&inputs.rules, &w->state.tree, say_stale);
    w->stale_said = true;
    return 0;
}

static int open_data(struct ptd_workspace *w, struct ptd_err *err)
{
    ptd_environment_release(&w->environment);
    const char *given = ptd_workspace_given_name(w->options, &w->project);
    if (ptd_environment_find(w->store, w->writable, &w->interpreter, given, w->project.rootdir,
                             &w->environment, err) < 0)
        return -1;
    w->environment.packages.store = w->store;
    w->environment.packages.writable = w->writable;
    if (!w->store)
        return 0;
    if (w->writable && ptd_leftover_ingest(w, err) < 0)
        return -1;
    return ptd_workspace_reload(w, err);
}

static void close_data(struct ptd_workspace *w)
{
    if (w->state_loaded)
        ptd_state_release(&w->state);
    w->state_loaded = false;
    ptd_store_close(w->store);
    w->store = NULL;
}

int ptd_workspace_rebuild(struct ptd_workspace *w, struct ptd_err *err)
{
    char *note = NULL;
    if (w->state_loaded)
        ptd_state_release(&w->state);
    w->state_loaded = false;
    struct ptd_store *store = w->store;
    w->store = NULL;
    if (!w->writable) {
        ptd_store_close(store);
        return -1;
    }
    if (ptd_store_abandon(store, &note, err) < 0)
        return -1;
    ptd_warn("%s", note);
    free(note);
    open_store(w);
    return open_data(w, err);
}

/* The database cannot be written to (a full disk): what it holds may still be read. */
static int open_without_writing(struct ptd_workspace *w, struct ptd_err *err)
{
    char *note = NULL;
    ptd_warn("cannot record: %s", err->msg);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
    close_data(w);
    w->writable = false;
    if (ptd_store_open(w->project.cache_dir, true, &w->store, &note, err) == 0 &&
        open_data(w, err) == 0)
        return 0;
    free(note);
    close_data(w);
    return open_data(w, err);
}

int ptd_workspace_find(struct ptd_workspace *w, struct ptd_options *options, struct ptd_err *err)
{
    *w = (struct ptd_workspace){.options = options};
    return use_project(w, err);
}

int ptd_workspace_open(struct ptd_workspace *w, struct ptd_options *options, struct ptd_err *err)
{
    return ptd_workspace_find(w, options, err) < 0 ? -1 : ptd_workspace_enter(w, err);
}

int ptd_workspace_enter(struct ptd_workspace *w, struct ptd_err *err)
{
    open_store(w);
    if (open_data(w, err) == 0)
        return 0;
    if (err->sys_errno == EBADMSG && w->store)
        return ptd_workspace_rebuild(w, err);
    return err->code == PTD_E_STORE && w->writable ? open_without_writing(w, err) : -1;
}

void ptd_workspace_close(struct ptd_workspace *w)
{
    close_data(w);
    ptd_environment_release(&w->environment);
    ptd_project_release(&w->project);
    for (char **p = w->excluded_paths; p && *p; p++)
        free(*p);
    free(w->excluded_paths);
    free(w->excluded_ids);
    free(w->endings_text);
    free(w->endings);
    *w = (struct ptd_workspace){0};
}

bool ptd_workspace_is_test_file(const struct ptd_workspace *w, const char *path)
{
    size_t n = strlen(path);
    for (char **p = w->excluded_paths; p && *p; p++)
        if (ptd_path_within(path, *p))
            return false;
    bool python = n > 3 && strcmp(path + n - 3, ".py") == 0;
    if (python)
        return w->doctests || ptd_project_is_test_file(&w->project, path);
    for (const char **e = w->endings; e && *e; e++)
        if (n > strlen(*e) && strcmp(path + n - strlen(*e), *e) == 0)
            return true;
    return false;
}

size_t ptd_workspace_changed_files(const struct ptd_workspace *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->state.count; i++) {
        const struct ptd_state_file *f = &w->state.files[i];
        bool real = f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE;
        count += real && f->version != f->previous;
    }
    return count;
}
