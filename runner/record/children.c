#include "record/children.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "journal/board.h"
#include "record/children_merge.h"
#include "record/deps.h"

#define MOST_TOKENS (16u << 20)

/* One process that ran tests, and everything that descends from it. */
struct family {
    struct ptd_journal *owner;
    struct ptd_board_log board;
    struct ptd_merge merge;
    const struct ptd_board_start **by_token; /* borrowed from the board */
    uint32_t *whole; /* per token: a scope that uses all that the process did, + 1; 0: none yet */
    size_t token_count;
    uint32_t *latest;      /* per window, sorted by `since`: the latest `until` up to it */
    struct ptd_map groups; /* token, epoch → scope of what programs touched, + 1 */
    struct ptd_map paths;  /* path with its sight → id in the owner's journal */
};

/* ---- who is charged ---- */

static int compare_window(const void *a, const void *b)
{
    const struct ptd_journal_window *x = a, *y = b;
    return x->since < y->since ? -1 : x->since > y->since;
}

static void sort_windows(struct family *f)
{
    struct ptd_journal *j = f->owner;
    if (j->window_count)
        qsort(j->windows, j->window_count, sizeof(*j->windows), compare_window);
    f->latest = ptd_xcalloc(j->window_count + 1, sizeof(*f->latest));
    for (size_t i = 0; i < j->window_count; i++) {
        f->latest[i] = j->windows[i].until;
        if (i && f->latest[i - 1] > f->latest[i])
            f->latest[i] = f->latest[i - 1];
    }
}

static bool outlasts_tests(const struct ptd_journal_scope *scope)
{
    return scope->kind == PTD_SCOPE_FIXTURE || scope->kind == PTD_SCOPE_MODULE;
}

/* The scopes that were open in an epoch. */
static void add_open(const struct family *f, uint32_t epoch, bool lasting, struct ptd_u32s *out)
{
    const struct ptd_journal *j = f->owner;
    size_t low = 0, high = j->window_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (j->windows[middle].since <= epoch)
            low = middle + 1;
        else
            high = middle;
    }
    while (low-- > 0 && f->latest[low] >= epoch) {
        const struct ptd_journal_window *w = &j->windows[low];
        if (w->until >= epoch && (!lasting || outlasts_tests(&j->scopes[w->scope])))
            ptd_u32s_add(out, w->scope);
    }
}

static const struct ptd_board_start *start_of(const struct family *f, uint32_t token)
{
    return token < f->token_count ? f->by_token[token] : NULL;
}

/* Everybody who may see what the process did in that epoch. */
static void charged(const struct family *f, uint32_t token, uint32_t epoch, struct ptd_u32s *out)
{
    out->count = 0;
    add_open(f, epoch, false, out);
    const struct ptd_board_start *start = start_of(f, token);
    /* A token is larger than that of the process that gave it out. */
    for (uint32_t last = token + 1; start && start->token < last;
         start = start_of(f, start->parent)) {
        add_open(f, start->epoch, true, out);
        last = start->token;
    }
    ptd_u32s_sort(out);
}

/* ---- what is charged ---- */

static void append(struct ptd_u32s *to, const struct ptd_u32s *from)
{
    to->items = ptd_xgrow(to->items, &to->cap, to->count + from->count, sizeof(uint32_t));
    if (from->count)
        memcpy(to->items + to->count, from->items, from->count * sizeof(uint32_t));
    to->count += from->count;
}

/* Imports are followed by what is in their own scope. */
static void fold(struct ptd_journal *j, uint32_t into, uint32_t scope, unsigned char *seen)
{
    if (seen[scope])
        return;
    seen[scope] = 1;
    struct ptd_journal_scope *to = &j->scopes[into];
    const struct ptd_journal_scope *from = &j->scopes[scope];
    append(&to->codes, &from->codes);
    append(&to->imports, &from->imports);
    append(&to->names, &from->names);
    append(&to->pairs, &from->pairs);
    append(&to->accesses, &from->accesses);
    to->flags |= from->flags;
    for (size_t i = 0; i < from->uses.count; i++)
        fold(j, into, from->uses.items[i], seen);
}

static void link_scopes(struct ptd_journal *j, uint32_t charged_scope, uint32_t scope)
{
    if (j->scopes[charged_scope].kind != PTD_SCOPE_MODULE) {
        ptd_u32s_add(&j->scopes[charged_scope].uses, scope);
        return;
    }
    PTD_CLEANUP_FREE unsigned char *seen = ptd_xcalloc(j->scope_count, 1);
    fold(j, charged_scope, scope, seen);
}

static uint32_t new_scope(struct ptd_journal *j)
{
    j->scopes = ptd_xgrow(j->scopes, &j->scope_cap, j->scope_count + 1, sizeof(*j->scopes));
    j->scopes[j->scope_count] = (struct ptd_journal_scope){
        .kind = PTD_SCOPE_CHILD, .file = PTD_J_NO_FILE, .label = "child"};
    return (uint32_t)j->scope_count++;
}

static uint32_t whole_of(struct family *f, uint32_t token)
{
    if (!f->whole[token])
        f->whole[token] = new_scope(f->owner) + 1;
    return f->whole[token] - 1;
}

/* A part of what a process did. */
static void add_part(struct family *f, uint32_t token, uint32_t scope)
{
    const struct ptd_board_start *start = start_of(f, token);
    if (!start)
        return;
    uint32_t own = whole_of(f, token);
    ptd_u32s_add(&f->owner->scopes[own].uses, scope);
    bool inherits = start->flags & PTD_START_FORK && start->parent < token && start->parent > 0;
    if (inherits && start_of(f, start->parent)) {
        uint32_t whole = whole_of(f, start->parent);
        ptd_u32s_add(&f->owner->scopes[scope].uses, whole);
    }
}

static uint32_t path_id(struct family *f, const struct ptd_board_touch *t)
{
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    struct ptd_journal *j = f->owner;
    uint64_t sight[4] = {t->type, t->size, t->mtime_ns, t->ino};
    ptd_buf_add(&key, sight, sizeof(sight));
    ptd_buf_add(&key, t->path, strlen(t->path));
    bool added;
    size_t at = ptd_map_put(&f->paths, key.data, key.len, j->path_count, &added);
    if (!added)
        return (uint32_t)f->paths.entries[at].value;
    j->paths = ptd_xgrow(j->paths, &j->path_cap, j->path_count + 1, sizeof(*j->paths));
    j->strings = ptd_xgrow(j->strings, &j->string_cap, j->string_count + 1, sizeof(char *));
    char *path = j->strings[j->string_count++] = ptd_xstrdup(t->path);
    j->paths[j->path_count] = (struct ptd_journal_path){
        .path = path, .type = t->type, .size = t->size, .mtime_ns = t->mtime_ns, .ino = t->ino};
    return (uint32_t)j->path_count++;
}

static uint32_t group_of(struct family *f, uint32_t token, uint32_t epoch)
{
    uint32_t key[2] = {token, epoch};
    size_t at = ptd_map_find(&f->groups, key, sizeof(key));
    if (at != PTD_MAP_NONE)
        return (uint32_t)f->groups.entries[at].value;
    uint32_t scope = new_scope(f->owner);
    ptd_map_put(&f->groups, key, sizeof(key), scope, NULL);
    add_part(f, token, scope);
    return scope;
}

static void take_touches(struct family *f)
{
    for (size_t i = 0; i < f->board.touch_count; i++) {
        const struct ptd_board_touch *t = &f->board.touches[i];
        uint32_t scope = group_of(f, t->token, t->epoch);
        struct ptd_u32s pair = {(uint32_t[]){t->access, path_id(f, t)}, 2, 2};
        append(&f->owner->scopes[scope].accesses, &pair);
    }
}

static void charge(struct family *f, uint32_t token, uint32_t epoch, uint32_t scope)
{
    struct ptd_u32s list = {0};
    charged(f, token, epoch, &list);
    for (size_t i = 0; i < list.count; i++)
        link_scopes(f->owner, list.items[i], scope);
    free(list.items);
}

/* After all parts are complete, since imports take copies of them. */
static void charge_all(struct family *f)
{
    for (size_t i = 0; i < f->groups.count; i++) {
        uint32_t key[2];
        memcpy(key, f->groups.entries[i].key, sizeof(key));
        charge(f, key[0], key[1], (uint32_t)f->groups.entries[i].value);
    }
    for (size_t i = 0; i < f->merge.follow_count; i++) {
        const struct ptd_journal_follow *follow = &f->merge.follows[i];
        charge(f, follow->token, follow->epoch, follow->scope);
    }
}

/* What could not be followed makes those opaque who started it. */
static void take_blind(struct family *f)
{
    struct ptd_u32s list = {0};
    for (size_t i = 0; i < f->board.start_count; i++) {
        const struct ptd_board_start *s = &f->board.starts[i];
        if (s->failed || (s->here && !(s->flags & PTD_START_BLIND)))
            continue;
        charged(f, s->token, s->epoch, &list);
        for (size_t k = 0; k < list.count; k++)
            f->owner->scopes[list.items[k]].flags |= PTD_SCOPE_OPAQUE;
    }
    free(list.items);
}

static void distrust(struct ptd_journal *owner)
{
    for (size_t i = 0; i < owner->scope_count; i++)
        if (owner->scopes[i].kind == PTD_SCOPE_SESSION)
            owner->scopes[i].flags |= PTD_SCOPE_INCOMPLETE;
}

/* ---- families ---- */

static bool index_tokens(struct family *f)
{
    for (size_t i = 0; i < f->board.start_count; i++)
        if (f->board.starts[i].token >= f->token_count)
            f->token_count = (size_t)f->board.starts[i].token + 1;
    if (f->token_count > MOST_TOKENS)
        return false;
    f->by_token = ptd_xcalloc(f->token_count + 1, sizeof(*f->by_token));
    f->whole = ptd_xcalloc(f->token_count + 1, sizeof(*f->whole));
    for (size_t i = 0; i < f->board.start_count; i++)
        f->by_token[f->board.starts[i].token] = &f->board.starts[i];
    return true;
}

static void unite(struct family *f, struct ptd_journal *journals, size_t count)
{
    if (!index_tokens(f)) {
        distrust(f->owner);
        return;
    }
    ptd_merge_children(&f->merge, f->owner, journals, count);
    sort_windows(f);
    for (size_t i = 0; i < f->merge.follow_count; i++)
        add_part(f, f->merge.follows[i].token, f->merge.follows[i].scope);
    take_touches(f);
    charge_all(f);
    take_blind(f);
    if (f->board.lost || f->merge.damaged)
        distrust(f->owner);
}

/* The board beside a journal, "x.ptdb" beside "x.ptdj"; NULL when there is none. */
static char *board_path(const char *session_dir, const char *journal)
{
    size_t n = strlen(journal), tail = strlen(PTD_JOURNAL_SUFFIX);
    PTD_CLEANUP_FREE char *name =
        ptd_xasprintf("%.*s" PTD_BOARD_SUFFIX, (int)(n > tail ? n - tail : 0), journal);
    char *path = ptd_path_join(session_dir, name);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static void unite_with(const char *session_dir, struct ptd_journal *owner,
                       struct ptd_journal *journals, size_t count)
{
    PTD_CLEANUP_FREE char *path = board_path(session_dir, owner->name);
    struct family f = {.owner = owner};
    if (!path)
        return;
    if (ptd_board_read(path, &f.board, NULL) < 0)
        distrust(owner);
    else if (f.board.start_count || f.board.touch_count || f.board.lost)
        unite(&f, journals, count);
    ptd_board_release(&f.board);
    ptd_merge_release(&f.merge);
    ptd_map_release(&f.groups);
    ptd_map_release(&f.paths);
    free(f.by_token);
    free(f.whole);
    free(f.latest);
}

void ptd_children_unite(const char *session_dir, struct ptd_journal *journals, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!journals[i].child)
            unite_with(session_dir, &journals[i], journals, *count);
    for (size_t i = 0; i < *count; i++) {
        if (journals[i].child)
            ptd_journal_release(&journals[i]);
        else
            journals[kept++] = journals[i];
    }
    *count = kept;
}
