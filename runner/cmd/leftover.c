#include "cmd/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/prior.h"

#define MAX_FACTS ((size_t)1 << 20)

static char *sessions_dir(const struct ptd_workspace *w)
{
    return ptd_path_join(w->project.cache_dir, "sessions");
}

static int take_lock(const char *dir, int flags)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && flock(fd, LOCK_EX | flags) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Of what a later start cannot look up any more: packages, variables for every test, rules. */
static struct ptd_hash128 hash_facts(const struct ptd_workspace *w)
{
    struct ptd_variables variables = ptd_workspace_variables(w);
    struct ptd_rules rules = ptd_workspace_rules(w);
    struct ptd_hash128 always = ptd_variables_hash(&variables, PTD_VARIABLES_ALWAYS);
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    ptd_buf_add(&all, &w->environment.packages.look, sizeof(struct ptd_hash128));
    ptd_buf_add(&all, &always, sizeof(always));
    /* What their right sides matched is not kept: with rules, nothing is taken for known. */
    ptd_buf_addf(&all, "%zu %ld", rules.count, rules.count ? (long)getpid() : 0L);
    return ptd_hash128(all.data, all.len);
}

static struct ptd_hash128 hash_variables(const struct ptd_workspace *w)
{
    struct ptd_variables variables = ptd_workspace_variables(w);
    return ptd_variables_hash(&variables, PTD_VARIABLES_ALL);
}

static int write_facts(const struct ptd_workspace *w, const char *dir,
                       const struct ptd_session_facts *facts, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "session.txt");
    char config[33], options[33], known[33], variables[33];
    const char *args = w->options->outcome_args ? w->options->outcome_args : "";
    struct ptd_hash128 options_hash = ptd_hash128(args, strlen(args));
    ptd_hash128_text(&w->project.config_hash, config);
    ptd_hash128_text(&options_hash, options);
    struct ptd_hash128 facts_hash = hash_facts(w), variables_hash = hash_variables(w);
    ptd_hash128_text(&facts_hash, known);
    ptd_hash128_text(&variables_hash, variables);
    FILE *f = fopen(path, "we");
    if (!f)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    fprintf(f, "%s\n%s\n%s\n%s\n%s\n%d\n%d\n%s\n", w->environment.name, config, options, known,
            variables, facts->baseline, facts->complete, facts->commit ? facts->commit : "");
    if (fclose(f) != 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    return 0;
}

void ptd_session_facts_release(struct ptd_session_facts *facts)
{
    for (size_t i = 0; i < facts->ignored_count; i++)
        free(facts->ignored[i]);
    free(facts->ignored);
    free(facts->commit);
    *facts = (struct ptd_session_facts){0};
}

int ptd_session_dir_make(const struct ptd_workspace *w, const struct ptd_session_facts *facts,
                         struct ptd_session_dir *out, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *all = sessions_dir(w);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct ptd_session_dir){NULL, -1};
    if (mkdir(all, 0777) < 0 && errno != EEXIST)
        return ptd_err_sys(err, PTD_E_IO, "cannot make the directory %s", all);
    char *path =
        ptd_xasprintf("%s/%lld.%09ld-%ld", all, (long long)now.tv_sec, now.tv_nsec, (long)getpid());
    /* Made under another name first: a directory that others see is locked already. */
    PTD_CLEANUP_FREE char *hidden = ptd_xasprintf("%s/.%lld.%09ld-%ld", all, (long long)now.tv_sec,
                                                  now.tv_nsec, (long)getpid());
    if (mkdir(hidden, 0777) < 0) {
        ptd_err_sys(err, PTD_E_IO, "cannot make the directory %s", hidden);
        free(path);
        return -1;
    }
    out->lock = take_lock(hidden, LOCK_NB);
    int failed = out->lock < 0 ? ptd_err_sys(err, PTD_E_IO, "cannot lock %s", hidden)
                               : write_facts(w, hidden, facts, err);
    if (!failed && rename(hidden, path) < 0)
        failed = ptd_err_sys(err, PTD_E_IO, "cannot make the directory %s", path);
    out->path = failed ? ptd_xstrdup(hidden) : path;
    if (!failed)
        return 0;
    free(path);
    ptd_session_dir_remove(out);
    return -1;
}

static void remove_directory(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(path);
}

/* A hidden directory is one that nobody ingests: so it is not half a session that others see while
 * it goes. */
static char *hide_directory(const char *path)
{
    PTD_CLEANUP_FREE char *parent = ptd_path_dirname(path);
    char *hidden = ptd_xasprintf("%s/.%s", parent, ptd_path_basename(path));
    if (rename(path, hidden) == 0)
        return hidden;
    free(hidden);
    return ptd_xstrdup(path);
}

void ptd_session_dir_remove(struct ptd_session_dir *dir)
{
    if (dir->path) {
        PTD_CLEANUP_FREE char *hidden = hide_directory(dir->path);
        remove_directory(hidden);
    }
    ptd_session_dir_leave(dir);
}

void ptd_session_dir_leave(struct ptd_session_dir *dir)
{
    if (dir->lock >= 0)
        close(dir->lock);
    free(dir->path);
    *dir = (struct ptd_session_dir){NULL, -1};
}

struct in_scope {
    const struct ptd_workspace *w;
    const char *const *scope;
};

static bool is_test_file(const char *path, void *arg)
{
    const struct in_scope *in = arg;
    bool inside = !in->scope || !in->scope[0];
    for (const char *const *s = in->scope; !inside && *s; s++)
        inside = ptd_path_within(path, *s);
    return inside && ptd_workspace_is_test_file(in->w, path);
}

static void say_problems(const struct ptd_ingest_result *r)
{
    if (r->tracer_problem)
        ptd_warn("nothing was recorded: %s", r->tracer_problem);
    if (r->root_problem)
        ptd_warn("nothing was recorded: pytest's rootdir is %s, another than expected; "
                 "name it with --rootdir",
                 r->root_problem);
    if (r->torn)
        ptd_warn("%zu journal%s cut off: what was not recorded runs again", r->torn,
                 r->torn == 1 ? " was" : "s were");
}

int ptd_session_ingest(struct ptd_workspace *w, const char *dir,
                       const struct ptd_session_facts *facts, struct ptd_ingest_result *result,
                       struct ptd_err *err)
{
    struct in_scope in_scope = {w, facts->scope};
    struct ptd_ingest_request request = {
        .session_dir = dir,
        .state = &w->state,
        .environment = w->environment.name,
        .commit = facts->commit,
        .baseline = facts->baseline,
        .may_look_again = facts->may_look_again,
        /* The keys of a pass cache have the dependencies in them, and others read what is uploaded.
         */
        .may_defer = !w->project.pass_cache && !w->project.remote,
        .trust_opaque = w->project.trust_opaque,
        .complete = facts->complete,
        .is_test_file = is_test_file,
        .is_test_file_arg = &in_scope,
        .ignored = (const char *const *)facts->ignored,
        .ignored_count = facts->ignored_count,
        .prior = facts->prior ? ptd_prior_outcome : NULL,
        .prior_arg = facts->prior,
    };
    int failed = ptd_ingest(&request, result, err);
    if (!failed && result->look_again && request.may_look_again) {
        /* Once more, with everything in view. */
        request.may_look_again = false;
        request.prior = NULL; /* the tree as it was before the session is not known any more */
        ptd_ingest_result_release(result);
        failed = ptd_workspace_reload(w, err) < 0 || ptd_ingest(&request, result, err) < 0;
    }
    if (failed) {
        ptd_ingest_result_release(result);
        return -1;
    }
    say_problems(result);
    return 0;
}

/* The state that the left-over session saw of everything but the files. */
static int read_facts(const char *dir, struct ptd_workspace *like, struct ptd_state_inputs *inputs,
                      struct ptd_session_facts *facts)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "session.txt");
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    char *lines[8];
    if (ptd_buf_read_file(&text, path, MAX_FACTS, NULL) < 0 || !text.data)
        return -1;
    char *p = text.data;
    for (int i = 0; i < 8; i++) {
        char *end = strchr(p, '\n');
        if (!end)
            return -1;
        *end = '\0';
        lines[i] = p;
        p = end + 1;
    }
    char known[33], variables[33];
    struct ptd_hash128 facts_hash = hash_facts(like), variables_hash = hash_variables(like);
    ptd_hash128_text(&facts_hash, known);
    ptd_hash128_text(&variables_hash, variables);
    if (strlen(lines[1]) != 32 || strlen(lines[2]) != 32 ||
        ptd_hash128_parse(lines[1], &inputs->config) < 0 ||
        ptd_hash128_parse(lines[2], &inputs->options) < 0)
        return -1;
    inputs->facts_unknown = strcmp(lines[3], known) != 0;
    inputs->variables_unknown = strcmp(lines[4], variables) != 0;
    inputs->variables = ptd_workspace_variables(like);
    inputs->rules = ptd_workspace_rules(like);
    free(like->environment.name);
    like->environment.name = ptd_xstrdup(lines[0]);
    facts->baseline = false; /* a baseline that was not finished is none */
    facts->complete = false;
    facts->commit = lines[7][0] ? ptd_xstrdup(lines[7]) : NULL;
    return 0;
}

/* `w` with the facts of the other session, its own restored afterwards. */
static int ingest_one(struct ptd_workspace *w, const char *dir, struct ptd_err *err)
{
    struct ptd_workspace other = *w;
    struct ptd_session_facts facts = {0};
    struct ptd_ingest_result result = {0};
    struct ptd_state_inputs inputs = {.root = w->project.rootdir,
                                      .packages = &w->environment.packages};
    other.environment.name = ptd_xstrdup(w->environment.name);
    int failed = -1;
    if (read_facts(dir, &other, &inputs, &facts) < 0) {
        ptd_warn("what an interrupted run left in %s cannot be read: its tests run again", dir);
        failed = 0;
        goto out;
    }
    failed = ptd_state_load(&other.state, w->store, true, &inputs, err);
    if (!failed)
        failed = ptd_session_ingest(&other, dir, &facts, &result, err);
    ptd_state_release(&other.state);
    if (!failed && result.tests)
        fprintf(stderr, "pyt-diff: recovered the results of %zu test%s from an interrupted run\n",
                result.tests, result.tests == 1 ? "" : "s");
out:
    ptd_ingest_result_release(&result);
    free(other.environment.name);
    ptd_session_facts_release(&facts);
    return failed;
}

int ptd_leftover_ingest(struct ptd_workspace *w, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *all = sessions_dir(w);
    DIR *dir = opendir(all);
    int result = 0;
    if (!dir)
        return 0;
    for (struct dirent *e; result == 0 && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        PTD_CLEANUP_FREE char *path = ptd_path_join(all, e->d_name);
        struct ptd_session_dir session = {ptd_xstrdup(path), take_lock(path, LOCK_NB)};
        if (session.lock >= 0 && e->d_name[0] != '.')
            result = ingest_one(w, path, err);
        if (session.lock >= 0 && result == 0)
            ptd_session_dir_remove(&session);
        else
            ptd_session_dir_leave(&session);
    }
    closedir(dir);
    return result;
}
