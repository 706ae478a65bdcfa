#include "change/git_difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

/* Submodules in submodules. */
#define MAX_DEPTH 16

/* ---- the merge base ---- */

#define ASK(...) ((const char *const[]){__VA_ARGS__, NULL})

/* "refs/remotes/origin/main" → "origin/main"; borrowed. */
static const char *short_name(const char *ref)
{
    static const char *const heads[] = {"refs/remotes/", "refs/heads/"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (strncmp(ref, heads[i], strlen(heads[i])) == 0)
            return ref + strlen(heads[i]);
    return ref;
}

/* Whether `lines` has the line; what stands behind it and a blank is given as well, borrowed up to
 * the end of the line. */
static const char *find_line(const char *lines, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = lines; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ' ' || p[n] == '\n'))
            return p + n + (p[n] == ' ');
    return NULL;
}

static char *default_branch(const struct ptd_git *git, struct ptd_err *err)
{
    static const char head[] = "refs/remotes/origin/HEAD";
    static const char *const branches[] = {"refs/remotes/origin/main", "refs/remotes/origin/master",
                                           "refs/heads/main", "refs/heads/master"};
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (ptd_git_ask(git,
                    ASK("for-each-ref", "--format=%(refname) %(symref)", head, branches[0],
                        branches[1], branches[2], branches[3]),
                    &text, err) < 0)
        return NULL;
    const char *lines = text.data ? text.data : "";
    const char *target = find_line(lines, head);
    if (target && *target != '\n') {
        PTD_CLEANUP_FREE char *ref = ptd_xstrndup(target, strcspn(target, "\n"));
        return ptd_xstrdup(short_name(ref));
    }
    for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++)
        if (find_line(lines, branches[i]))
            return ptd_xstrdup(short_name(branches[i]));
    ptd_err_set(err, PTD_E_IO, "there is no default branch: no origin/HEAD, main or master");
    return NULL;
}

static bool has_commit(const struct ptd_git *git)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    return ptd_git_ask(git, ASK("rev-parse", "--verify", "--quiet", "HEAD^{commit}"), &out, NULL) ==
           0;
}

static char *commit_of(const struct ptd_git *git, const char *ref, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *peeled = ptd_xasprintf("%s^{commit}", ref);
    char *commit = *ref == '-'
                       ? NULL
                       : ptd_git_line(git, ASK("rev-parse", "--verify", "--quiet", peeled), err);
    if (commit && strlen(commit) < PTD_GIT_ID && strlen(commit) >= 40)
        return commit;
    free(commit);
    ptd_err_set(err, PTD_E_IO, "git knows no commit \"%s\"%s", ref,
                git->shallow ? ", and this is a shallow clone" : "");
    return NULL;
}

int ptd_git_merge_base(const struct ptd_git *git, const char *ref, struct ptd_git_base *out,
                       struct ptd_err *err)
{
    *out = (struct ptd_git_base){0};
    if (!has_commit(git))
        return ptd_err_set(err, PTD_E_IO, "the branch has no commit yet");
    PTD_CLEANUP_FREE char *name = ref ? ptd_xstrdup(ref) : default_branch(git, err);
    PTD_CLEANUP_FREE char *commit = name ? commit_of(git, name, err) : NULL;
    if (!commit)
        return -1;
    PTD_CLEANUP_FREE char *base = ptd_git_line(git, ASK("merge-base", "HEAD", commit), err);
    if (!base || strlen(base) >= PTD_GIT_ID)
        return ptd_err_set(err, PTD_E_IO, "HEAD and %s have no common commit%s", name,
                           git->shallow ? " in this shallow clone" : "");
    snprintf(out->commit, sizeof(out->commit), "%s", base);
    out->name = ptd_xstrdup(name);
    return 0;
}

void ptd_git_base_release(struct ptd_git_base *base)
{
    free(base->name);
    *base = (struct ptd_git_base){0};
}

/* ---- the difference ---- */

/* One repository with the two states of it. */
struct query {
    struct ptd_git_difference *out;
    size_t repository;
    enum ptd_git_kind kind;
    const char *from, *to; /* commits; `to` for a submodule whose commit is staged, else NULL */
    unsigned depth;
};

static int look(const struct query *q, struct ptd_err *err);

static struct ptd_git_old *add(const struct query *q, const char *path, enum ptd_git_was was)
{
    struct ptd_git_difference *d = q->out;
    d->items = ptd_xgrow(d->items, &d->cap, d->count + 1, sizeof(*d->items));
    struct ptd_git_old *old = &d->items[d->count++];
    *old = (struct ptd_git_old){.path = ptd_path_join(d->repositories[q->repository].top, path),
                                .was = was,
                                .repository = q->repository};
    size_t n = strlen(old->path);
    if (n > 1 && old->path[n - 1] == '/') {
        /* A repository in the work tree that git does not follow. */
        old->path[n - 1] = '\0';
        old->below = true;
    }
    return old;
}

static bool has_object(const struct ptd_git *git, const char *commit)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *name = ptd_xasprintf("%s^{commit}", commit);
    return ptd_git_ask(git, ASK("cat-file", "-e", name), &out, NULL) == 0;
}

/* Looks into a submodule; false when that cannot be done. */
static bool look_into(const struct query *q, const struct ptd_git_entry *e)
{
    struct ptd_git_difference *d = q->out;
    struct ptd_git inside;
    PTD_CLEANUP_FREE char *dir = ptd_path_join(d->repositories[q->repository].top, e->path);
    if (q->depth >= MAX_DEPTH || ptd_git_open(dir, true, &inside, NULL) < 0)
        return false;
    bool staged = q->kind == PTD_GIT_STAGED || q->to;
    /* Not checked out, it is a directory of the repository around it. */
    if (strcmp(inside.top, dir) != 0 || !has_object(&inside, e->old_id) ||
        (staged && !has_object(&inside, e->new_id))) {
        ptd_git_release(&inside);
        return false;
    }
    d->repositories = ptd_xgrow(d->repositories, &d->repository_cap, d->repository_count + 1,
                                sizeof(*d->repositories));
    d->repositories[d->repository_count++] = inside;
    struct query below = {.out = d,
                          .repository = d->repository_count - 1,
                          .kind = PTD_GIT_SINCE,
                          .from = e->old_id,
                          .to = staged ? e->new_id : NULL,
                          .depth = q->depth + 1};
    return look(&below, NULL) == 0;
}

static void add_submodule(const struct query *q, const struct ptd_git_entry *e)
{
    if (e->old_mode == PTD_GIT_SUBMODULE && e->new_mode == PTD_GIT_SUBMODULE && look_into(q, e))
        return;
    struct ptd_git_old *old = add(
        q, e->path, e->old_mode == PTD_GIT_SUBMODULE ? PTD_GIT_WAS_UNKNOWN : PTD_GIT_WAS_ABSENT);
    old->below = true;
}

static void add_entry(const struct query *q, const struct ptd_git_entry *e)
{
    if (e->old_mode == PTD_GIT_SUBMODULE || e->new_mode == PTD_GIT_SUBMODULE) {
        add_submodule(q, e);
        if (e->old_mode != PTD_GIT_FILE)
            return;
    }
    if (e->unmerged || e->old_mode == PTD_GIT_LINK) {
        add(q, e->path, PTD_GIT_WAS_UNKNOWN)->below = e->old_mode == PTD_GIT_LINK;
    } else if (e->old_mode == PTD_GIT_NONE) {
        struct ptd_git_old *old = add(q, e->path, PTD_GIT_WAS_ABSENT);
        old->below = old->below || e->new_mode == PTD_GIT_LINK;
    } else {
        struct ptd_git_old *old = add(q, e->path, PTD_GIT_WAS_CONTENT);
        memcpy(old->id, e->old_id, sizeof(old->id));
    }
}

static int ask_diff(const struct query *q, struct ptd_buf *out, struct ptd_err *err)
{
    const char *arguments[16] = {"diff",
                                 "--raw",
                                 "-z",
                                 "--no-abbrev",
                                 "--no-renames",
                                 "--no-ext-diff",
                                 "--no-relative",
                                 "--ignore-submodules=none"};
    size_t n = 8;
    if (q->kind == PTD_GIT_STAGED)
        arguments[n++] = "--cached";
    if (q->from)
        arguments[n++] = q->from;
    if (q->to)
        arguments[n++] = q->to;
    arguments[n++] = "--";
    return ptd_git_ask(&q->out->repositories[q->repository], arguments, out, err);
}

static int look(const struct query *q, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf diff = PTD_BUF_INIT, names = PTD_BUF_INIT;
    struct ptd_git_entries entries = {0};
    if (ask_diff(q, &diff, err) < 0)
        return -1;
    if (q->kind != PTD_GIT_STAGED && !q->to &&
        ptd_git_ask(&q->out->repositories[q->repository],
                    ASK("ls-files", "-z", "--others", "--exclude-standard"), &names, err) < 0)
        return -1;
    int failed = ptd_git_parse_raw(diff.data, diff.len, &entries, err);
    if (!failed)
        ptd_git_parse_names(names.data, names.len, &entries);
    for (size_t i = 0; i < entries.count && !failed; i++)
        add_entry(q, &entries.items[i]);
    ptd_git_entries_release(&entries);
    return failed;
}

int ptd_git_difference_find(const struct ptd_git *git, enum ptd_git_kind kind, const char *commit,
                            struct ptd_git_difference *out, struct ptd_err *err)
{
    *out = (struct ptd_git_difference){0};
    out->repositories =
        ptd_xgrow(out->repositories, &out->repository_cap, 1, sizeof(*out->repositories));
    out->repositories[out->repository_count++] = *git;
    out->repositories[0].top = ptd_xstrdup(git->top);
    struct query q = {.out = out, .kind = kind, .from = kind == PTD_GIT_SINCE ? commit : NULL};
    if (look(&q, err) == 0)
        return 0;
    ptd_git_difference_release(out);
    return -1;
}

/* ---- contents ---- */

static int read_repository(const struct ptd_git_difference *d, size_t repository,
                           const unsigned char *wanted,
                           void (*visit)(size_t, const struct ptd_git_object *, void *), void *arg,
                           struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf ids = PTD_BUF_INIT, text = PTD_BUF_INIT;
    int status;
    for (size_t i = 0; i < d->count; i++)
        if (wanted[i] && d->items[i].repository == repository)
            ptd_buf_addf(&ids, "%s\n", d->items[i].id);
    if (!ids.len)
        return 0;
    if (ptd_git_run(&d->repositories[repository], ASK("cat-file", "--batch"), &ids, &text, &status,
                    err) < 0)
        return -1;
    const char *pos = text.data ? text.data : "", *end = pos + text.len;
    for (size_t i = 0; i < d->count; i++) {
        struct ptd_git_object object;
        if (!wanted[i] || d->items[i].repository != repository)
            continue;
        /* What git stopped at, it does not have. */
        if (ptd_git_parse_object(&pos, end, &object) < 0)
            pos = end;
        visit(i, &object, arg);
    }
    return 0;
}

int ptd_git_difference_read(const struct ptd_git_difference *difference,
                            const unsigned char *wanted,
                            void (*visit)(size_t item, const struct ptd_git_object *object,
                                          void *arg),
                            void *arg, struct ptd_err *err)
{
    for (size_t i = 0; i < difference->repository_count; i++)
        if (read_repository(difference, i, wanted, visit, arg, err) < 0)
            return -1;
    return 0;
}

void ptd_git_difference_release(struct ptd_git_difference *difference)
{
    for (size_t i = 0; i < difference->count; i++)
        free(difference->items[i].path);
    for (size_t i = 0; i < difference->repository_count; i++)
        ptd_git_release(&difference->repositories[i]);
    free(difference->items);
    free(difference->repositories);
    *difference = (struct ptd_git_difference){0};
}
