#include "state/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "base/path.h"
#include "state/codes.h"
#include "state/layout.h"
#include "state/probe.h"

/* Sources beyond this are judged as a whole, unparsed. */
#define MAX_SOURCE ((size_t)256 << 20)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t index_key(enum ptd_file_kind kind, const char *path, struct ptd_buf *key)
{
    ptd_buf_reset(key);
    ptd_buf_addc(key, (char)('0' + (int)kind));
    ptd_buf_adds(key, path);
    return key->len;
}

size_t ptd_state_find(const struct ptd_state *state, enum ptd_file_kind kind, const char *path)
{
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    index_key(kind, path, &key);
    size_t at = ptd_map_find(&state->index, key.data, key.len);
    return at == PTD_MAP_NONE ? SIZE_MAX : (size_t)state->index.entries[at].value;
}

const struct ptd_state_file *ptd_state_by_id(const struct ptd_state *state, ptd_id id)
{
    if (id <= 0 || (size_t)id >= state->by_id_size || !state->by_id[id])
        return NULL;
    return &state->files[state->by_id[id] - 1];
}

static struct ptd_state_file *append(struct ptd_state *state, ptd_id id, enum ptd_file_kind kind,
                                     const char *path)
{
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    index_key(kind, path, &key);
    size_t at = ptd_map_put(&state->index, key.data, key.len, state->count, NULL);
    state->files = ptd_xgrow(state->files, &state->cap, state->count + 1, sizeof(*state->files));
    struct ptd_state_file *f = &state->files[state->count++];
    *f = (struct ptd_state_file){.id = id,
                                 .kind = kind,
                                 .path = state->index.entries[at].key + 1,
                                 .loaded = PTD_VERSION_UNKNOWN};
    if (id > 0) {
        if ((size_t)id >= state->by_id_size) {
            size_t size = (size_t)id * 2 + 64;
            state->by_id = ptd_xrealloc(state->by_id, size * sizeof(uint32_t));
            memset(state->by_id + state->by_id_size, 0,
                   (size - state->by_id_size) * sizeof(uint32_t));
            state->by_id_size = size;
        }
        state->by_id[id] = (uint32_t)state->count;
    }
    return f;
}

/* The stored version of a content, made when the store may be written to. */
static int version_of(struct ptd_state *state, const struct ptd_hash128 *hash, ptd_id *out,
                      bool *parsed, struct ptd_err *err)
{
    return ptd_store_version(state->store, hash, state->writable, out, parsed, err);
}

/* Keeps freshly parsed blocks, so that they need not be read back. */
static struct ptd_blocks *cache_blocks(struct ptd_state *state, ptd_id version)
{
    state->blocks =
        ptd_xgrow(state->blocks, &state->block_cap, state->block_count + 1, sizeof(*state->blocks));
    struct ptd_blocks *slot = ptd_xcalloc(1, sizeof(*slot));
    state->blocks[state->block_count] = slot;
    ptd_map_put(&state->block_index, &version, sizeof(version), state->block_count++, NULL);
    return slot;
}

/* Parses a content, and stores the blocks when that needs no waiting. */
static int parse_version(struct ptd_state *state, ptd_id version, const struct ptd_buf *content,
                         struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT;
    struct ptd_blocks *blocks = cache_blocks(state, version);
    ptd_blocks_parse(content->data ? content->data : "", content->len, blocks);
    ptd_blocks_write(blocks, &data);
    if (state->writable && ptd_store_is_writing(state->store))
        return ptd_store_set_blocks(state->store, version, data.data, data.len, err);
    if (state->writable && version > 0) {
        state->unsaved = ptd_xgrow(state->unsaved, &state->unsaved_cap, state->unsaved_count + 1,
                                   sizeof(*state->unsaved));
        state->unsaved[state->unsaved_count++] = version;
    }
    return 0;
}

/* Reads a file, and finds its version by what it holds now. */
static int hash_file(struct ptd_state *state, struct ptd_state_file *f, const char *full,
                     struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf content = PTD_BUF_INIT;
    struct ptd_stat_sig after;
    ptd_id before = f->version;
    f->hashed_at = now_ns();
    if (f->kind == PTD_FILE_SOURCE) {
        f->unreadable = ptd_buf_read_file(&content, full, MAX_SOURCE, NULL) < 0;
        if (!f->unreadable)
            f->hash = ptd_hash128(content.data ? content.data : "", content.len);
    } else {
        f->unreadable = ptd_hash128_file(full, &f->hash, NULL) < 0;
    }
    if (f->unreadable) {
        f->version = PTD_VERSION_FOREIGN;
        return 0;
    }
    /* Written to while we read: never equal to anything, and looked at again next time. */
    if (!ptd_stat_sig_of(full, &after) || !ptd_stat_sig_equal(&after, &f->sig)) {
        f->version = PTD_VERSION_FOREIGN;
        f->hashed_at = 0;
        return 0;
    }
    bool parsed;
    if (version_of(state, &f->hash, &f->version, &parsed, err) < 0)
        return -1;
    if (f->kind != PTD_FILE_SOURCE)
        return 0;
    if (f->version == PTD_VERSION_FOREIGN) {
        f->version = PTD_VERSION_FOREIGN - (ptd_id)(f - state->files) - 1;
        return parse_version(state, f->version, &content, err);
    }
    if (!parsed &&
        ptd_store_set_source(state->store, f->version, content.data, content.len, err) < 0)
        return -1;
    /* A change is judged by the blocks of both sides; they are parsed now, where they can be kept.
     */
    if (before > 0 && before != f->version) {
        ptd_state_blocks(state, before);
        ptd_state_blocks(state, f->version);
    }
    return 0;
}

static char *full_path(const struct ptd_state *state, const char *path)
{
    return ptd_path_join(state->root, path);
}

static int save(struct ptd_state *state, const struct ptd_state_file *f, struct ptd_err *err)
{
    if (!state->writable || f->version < 0)
        return 0;
    const uint64_t sig[4] = {f->sig.size, f->sig.mtime_ns, f->sig.ctime_ns, f->sig.ino};
    return ptd_store_file_seen(state->store, f->id, sig, f->hashed_at, f->version, err);
}

/* A file as the overlay has it. */
static int refresh_overlaid(struct ptd_state *state, struct ptd_state_file *f,
                            const struct ptd_overlay_file *o, struct ptd_err *err)
{
    ptd_id foreign = PTD_VERSION_FOREIGN - (ptd_id)(f - state->files) - 1;
    bool parsed = false;
    f->sig = (struct ptd_stat_sig){0};
    f->hash = o->hash;
    f->version = o->kind == PTD_OVERLAY_ABSENT ? 0 : foreign;
    if (o->kind != PTD_OVERLAY_CONTENT)
        return 0;
    ptd_id version;
    if (version_of(state, &o->hash, &version, &parsed, err) < 0)
        return -1;
    if (version != PTD_VERSION_FOREIGN && (parsed || f->kind != PTD_FILE_SOURCE)) {
        f->version = version;
        return 0;
    }
    if (f->kind != PTD_FILE_SOURCE || !o->source)
        return 0;
    const struct ptd_buf content = {o->source, (size_t)o->size, (size_t)o->size};
    return parse_version(state, foreign, &content, err);
}

/* Brings one real file up to date; `entry` is what the walk of the tree found, or NULL. */
static int refresh_as(struct ptd_state *state, struct ptd_state_file *f,
                      const struct ptd_tree_entry *entry, struct ptd_err *err)
{
    struct ptd_stat_sig sig;
    PTD_CLEANUP_FREE char *full = NULL;
    const struct ptd_overlay_file *overlaid = ptd_overlay_find(state->overlay, f->path);
    if (overlaid)
        return refresh_overlaid(state, f, overlaid, err);
    if (entry) {
        sig = entry->sig;
    } else {
        full = full_path(state, f->path);
        if (!ptd_stat_sig_of(full, &sig)) {
            bool known = f->version != 0;
            f->version = 0;
            f->sig = (struct ptd_stat_sig){0};
            return known ? save(state, f, err) : 0;
        }
    }
    if (f->version > 0 && ptd_stat_sig_equal(&sig, &f->sig) &&
        !ptd_stat_sig_racy(&sig, f->hashed_at))
        return 0;
    f->sig = sig;
    if (!full)
        full = full_path(state, f->path);
    return hash_file(state, f, full, err) < 0 ? -1 : save(state, f, err);
}

static int refresh(struct ptd_state *state, struct ptd_state_file *f, struct ptd_err *err)
{
    return refresh_as(state, f, ptd_tree_find(&state->tree, f->path), err);
}

static int set_hash(struct ptd_state *state, struct ptd_state_file *f,
                    const struct ptd_hash128 *hash, struct ptd_err *err)
{
    bool parsed;
    f->hash = *hash;
    return version_of(state, hash, &f->version, &parsed, err) < 0 ? -1 : save(state, f, err);
}

static bool has_overlaid_names(const struct ptd_state *state, const char *directory)
{
    size_t first = 0, last = 0;
    if (state->overlay)
        ptd_overlay_below(state->overlay, directory, &first, &last);
    return first != last;
}

/* A directory's time stamp changes with the names in it. */
static int refresh_listing(struct ptd_state *state, struct ptd_state_file *f, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *full = full_path(state, f->path);
    struct ptd_stat_sig sig;
    struct ptd_hash128 hash;
    if (has_overlaid_names(state, f->path)) {
        f->version = 0;
        return ptd_probe_overlaid(state->overlay, state->root, f->path, state->skip, &hash)
                   ? set_hash(state, f, &hash, err)
                   : 0;
    }
    bool there = ptd_probe_directory(full, &sig);
    if (there && f->version > 0 && ptd_stat_sig_equal(&sig, &f->sig) &&
        !ptd_stat_sig_racy(&sig, f->hashed_at))
        return 0;
    uint64_t now = now_ns();
    if (!there || !ptd_probe_listing(full, state->skip, &hash)) {
        bool known = f->version != 0;
        f->version = 0;
        f->sig = (struct ptd_stat_sig){0};
        return known ? save(state, f, err) : 0;
    }
    f->sig = sig;
    f->hashed_at = now;
    return set_hash(state, f, &hash, err);
}

static int refresh_exists(struct ptd_state *state, struct ptd_state_file *f, struct ptd_err *err)
{
    struct ptd_hash128 hash;
    if (!ptd_probe_existence_in(state->overlay, state->root, f->path, &hash)) {
        f->version = PTD_VERSION_FOREIGN;
        return 0;
    }
    if (f->version > 0 && ptd_hash128_equal(&hash, &f->hash))
        return 0;
    return set_hash(state, f, &hash, err);
}

/* Files whose content is a fact about the whole run. */
static int set_fact(struct ptd_state *state, enum ptd_file_kind kind,
                    const struct ptd_hash128 *hash, struct ptd_err *err)
{
    size_t at = ptd_state_find(state, kind, "");
    struct ptd_state_file *f;
    bool parsed;
    if (at == SIZE_MAX) {
        ptd_id id = 0;
        if (state->writable && ptd_store_file(state->store, kind, "", &id, err) < 0)
            return -1;
        f = append(state, id, kind, "");
    } else {
        f = &state->files[at];
    }
    f->hash = *hash;
    ptd_id before = f->version;
    if (version_of(state, hash, &f->version, &parsed, err) < 0)
        return -1;
    return f->version != before && f->id ? save(state, f, err) : 0;
}

/* What is installed, environment variables, rules: facts that are looked up by their path. */
static int refresh_fact(struct ptd_state *state, struct ptd_state_file *f, struct ptd_err *err)
{
    struct ptd_hash128 hash = state->packages_hash;
    enum ptd_file_kind kind = f->kind;
    size_t at = (size_t)(f - state->files);
    if (kind == PTD_FILE_PACKAGES && state->packages)
        hash = ptd_packages_hash(state->packages, f->path);
    else if (kind == PTD_FILE_ENVIRONMENT)
        hash = ptd_variables_hash(&state->variables, f->path);
    else if (kind == PTD_FILE_RULE && ptd_rules_hash(state, f->path, &hash, err) < 0)
        return -1;
    f = &state->files[at]; /* a rule may have brought new files */
    if (f->version > 0 && ptd_hash128_equal(&hash, &f->hash))
        return 0;
    if (kind == PTD_FILE_ENVIRONMENT && f->version > 0 &&
        ptd_variables_ignored(&state->variables, f->path))
        return 0;
    return set_hash(state, f, &hash, err);
}

static bool is_fact(enum ptd_file_kind kind)
{
    return kind == PTD_FILE_PACKAGES || kind == PTD_FILE_ENVIRONMENT || kind == PTD_FILE_RULE;
}

/* Import and layout entries follow from the set of paths. */
static int refresh_derived(struct ptd_state *state, struct ptd_state_file *f, struct ptd_err *err)
{
    struct ptd_hash128 hash = ptd_state_derived_hash(state, f->kind, f->path);
    bool parsed;
    if (f->version > 0 && ptd_hash128_equal(&hash, &f->hash))
        return 0;
    f->hash = hash;
    return version_of(state, &hash, &f->version, &parsed, err) < 0 ? -1 : save(state, f, err);
}

static bool is_derived(enum ptd_file_kind kind)
{
    return kind == PTD_FILE_IMPORT || kind == PTD_FILE_LAYOUT;
}

/* What is installed is read again only when it looks different. */
static int refresh_facts(struct ptd_state *state, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *known = NULL;
    char look[33] = "";
    size_t count = state->count; /* rules may bring new files, which are up to date */
    if (ptd_store_meta_get(state->store, "packages", &known, err) < 0)
        return -1;
    if (state->packages)
        ptd_hash128_text(&state->packages->look, look);
    bool same = state->packages && known && strcmp(known, look) == 0;
    for (size_t i = 0; i < count; i++) {
        enum ptd_file_kind kind = state->files[i].kind;
        if (is_fact(kind) && !(same && kind == PTD_FILE_PACKAGES) &&
            refresh_fact(state, &state->files[i], err) < 0)
            return -1;
    }
    if (same || !state->writable || !state->packages)
        return 0;
    return ptd_store_meta_set(state->store, "packages", look, err);
}

static int refresh_all(struct ptd_state *state, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *known = NULL;
    char paths[33];
    ptd_hash128_text(&state->paths_hash, paths);
    if (ptd_store_meta_get(state->store, "paths", &known, err) < 0)
        return -1;
    bool same_paths = known && strcmp(known, paths) == 0;
    for (size_t i = 0; i < state->count; i++) {
        struct ptd_state_file *f = &state->files[i];
        if (f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE) {
            if (refresh(state, f, err) < 0)
                return -1;
        } else if (f->kind == PTD_FILE_LISTING) {
            if (refresh_listing(state, f, err) < 0)
                return -1;
        } else if (f->kind == PTD_FILE_EXISTS) {
            if (refresh_exists(state, f, err) < 0)
                return -1;
        } else if (is_derived(f->kind) && !same_paths && refresh_derived(state, f, err) < 0) {
            return -1;
        }
    }
    if (same_paths || !state->writable)
        return 0;
    return ptd_store_meta_set(state->store, "paths", paths, err);
}

static int load_rows(struct ptd_state *state, struct ptd_err *err)
{
    struct ptd_store_files rows;
    if (ptd_store_files(state->store, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.count; i++) {
        const struct ptd_store_file *row = &rows.items[i];
        struct ptd_state_file *f = append(state, row->id, row->kind, row->path);
        f->sig = (struct ptd_stat_sig){row->sig[0], row->sig[1], row->sig[2], row->sig[3]};
        f->hashed_at = row->hashed_at;
        f->version = f->previous = row->version;
        f->hash = row->hash;
    }
    ptd_store_files_release(&rows);
    return 0;
}

static struct ptd_hash128 hash_paths(const struct ptd_state *state)
{
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    const struct ptd_tree *tree = &state->tree;
    for (size_t i = 0; i < tree->count; i++)
        ptd_buf_add(&all, tree->entries[i].path, strlen(tree->entries[i].path) + 1);
    for (size_t i = 0; i < state->search_path.count; i++)
        ptd_buf_add(&all, state->search_path.entries[i].key, state->search_path.entries[i].len + 1);
    return ptd_hash128(all.data ? all.data : "", all.len);
}

static int load_search_path(struct ptd_state *state, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *text = NULL;
    if (ptd_store_meta_get(state->store, "search_path", &text, err) < 0)
        return -1;
    for (char *p = text; p && *p;) {
        size_t n = strcspn(p, "\n");
        ptd_map_put(&state->search_path, p, n, 0, NULL);
        p += n + (p[n] == '\n');
    }
    return 0;
}

/* Something differs from what the store knows, so that a transaction is worth its price. */
static int bring_up_to_date(struct ptd_state *state, const struct ptd_state_inputs *inputs,
                            struct ptd_err *err)
{
    if (refresh_all(state, err) < 0 || set_fact(state, PTD_FILE_CONFIG, &inputs->config, err) < 0 ||
        set_fact(state, PTD_FILE_OPTIONS, &inputs->options, err) < 0 ||
        refresh_facts(state, err) < 0)
        return -1;
    for (size_t i = 0; i < state->count; i++)
        state->files[i].loaded = state->files[i].version;
    return 0;
}

int ptd_state_load(struct ptd_state *state, struct ptd_store *store, bool writable,
                   const struct ptd_state_inputs *inputs, struct ptd_err *err)
{
    *state = (struct ptd_state){.store = store,
                                .writable = writable,
                                .packages = inputs->packages,
                                .packages_hash = inputs->packages_hash,
                                .variables = inputs->variables,
                                .rules = inputs->rules,
                                .facts_unknown = inputs->facts_unknown,
                                .variables_unknown = inputs->variables_unknown};
    state->root = ptd_xstrdup(inputs->root);
    state->skip = inputs->skip ? ptd_path_join(inputs->root, inputs->skip) : NULL;
    static const char *const every_ending[] = {"", NULL};
    PTD_CLEANUP_FREE const char **named = ptd_rules_named(&inputs->rules);
    state->all_files = inputs->all_files || inputs->rules.count;
    struct ptd_tree_options options = {.endings = state->all_files ? every_ending : inputs->endings,
                                       .also = named,
                                       .skip = inputs->skip};
    state->overlay = inputs->overlay;
    if (inputs->overlay)
        ptd_overlay_tree(inputs->overlay, inputs->tree, &options, &state->tree);
    else if (ptd_tree_scan(inputs->root, &options, &state->tree, err) < 0)
        return -1;
    if (load_search_path(state, err) < 0 || load_rows(state, err) < 0)
        return -1;
    state->paths_hash = hash_paths(state);
    if (!writable)
        return bring_up_to_date(state, inputs, err);
    if (ptd_store_begin(store, err) < 0)
        return -1;
    if (bring_up_to_date(state, inputs, err) < 0 || ptd_store_commit(store, err) < 0) {
        ptd_store_rollback(store);
        return -1;
    }
    return 0;
}

void ptd_state_release(struct ptd_state *state)
{
    for (size_t i = 0; i < state->block_count; i++) {
        ptd_blocks_release(state->blocks[i]);
        free(state->blocks[i]);
    }
    free(state->blocks);
    ptd_codes_forget(state);
    free(state->files);
    free(state->by_id);
    free(state->root);
    free(state->skip);
    free(state->provider_hashes);
    free(state->unsaved);
    ptd_map_release(&state->block_index);
    ptd_map_release(&state->providers);
    ptd_map_release(&state->search_path);
    ptd_map_release(&state->index);
    ptd_tree_release(&state->tree);
    *state = (struct ptd_state){0};
}

/*
 * What is derived from the paths is only looked at when they have changed since it was saved. Other
 * processes may have seen newer paths than we did, so that has to be found out the next time.
 */
static int forget_paths(struct ptd_state *state, struct ptd_err *err)
{
    if (state->paths_forgotten)
        return 0;
    state->paths_forgotten = true;
    return ptd_store_meta_set(state->store, "paths", "", err);
}

/* The same of what is derived from the installed packages. */
static int forget_packages(struct ptd_state *state, struct ptd_err *err)
{
    if (state->packages_forgotten)
        return 0;
    state->packages_forgotten = true;
    return ptd_store_meta_set(state->store, "packages", "", err);
}

int ptd_state_look_again(struct ptd_state *state, size_t at, struct ptd_err *err)
{
    struct ptd_state_file *f = &state->files[at];
    if (f->kind == PTD_FILE_LISTING)
        return refresh_listing(state, f, err);
    if (f->kind == PTD_FILE_EXISTS)
        return refresh_exists(state, f, err);
    if (is_fact(f->kind))
        return refresh_fact(state, f, err);
    /* A source is what it was when the walk of the tree came by: everything else relies on that. */
    return f->kind == PTD_FILE_SOURCE ? refresh(state, f, err) : refresh_as(state, f, NULL, err);
}

int ptd_state_add(struct ptd_state *state, enum ptd_file_kind kind, const char *path, size_t *out,
                  struct ptd_err *err)
{
    size_t at = ptd_state_find(state, kind, path);
    if (at == SIZE_MAX) {
        ptd_id id;
        if (is_derived(kind) && forget_paths(state, err) < 0)
            return -1;
        if (kind == PTD_FILE_PACKAGES && forget_packages(state, err) < 0)
            return -1;
        if (ptd_store_file(state->store, kind, path, &id, err) < 0)
            return -1;
        struct ptd_state_file *f = append(state, id, kind, path);
        at = (size_t)(f - state->files);
        int failed = is_derived(kind) ? refresh_derived(state, f, err)
                                      : ptd_state_look_again(state, at, err);
        if (failed < 0)
            return -1;
    }
    *out = at;
    return 0;
}

int ptd_state_existence(struct ptd_state *state, const char *path, enum ptd_existence as,
                        uint64_t size, ptd_id *out, struct ptd_err *err)
{
    struct ptd_hash128 hash = ptd_probe_hash(path, as, size);
    bool parsed;
    return version_of(state, &hash, out, &parsed, err);
}

bool ptd_state_is_absence(struct ptd_state *state, ptd_id version)
{
    struct ptd_hash128 hash = ptd_probe_hash("", PTD_EXISTS_NOT, 0);
    bool parsed;
    ptd_id absent;
    return ptd_store_version(state->store, &hash, false, &absent, &parsed, NULL) == 0 &&
           absent == version;
}

void ptd_state_search_path_add(struct ptd_state *state, const char *directory)
{
    ptd_map_puts(&state->search_path, directory, 0);
}

int ptd_state_search_path_done(struct ptd_state *state, struct ptd_err *err)
{
    struct ptd_hash128 hash = hash_paths(state);
    if (ptd_hash128_equal(&hash, &state->paths_hash))
        return 0;
    state->paths_hash = hash;
    ptd_state_forget_providers(state);
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    for (size_t i = 0; i < state->search_path.count; i++)
        ptd_buf_addf(&text, "%s\n", state->search_path.entries[i].key);
    if (ptd_store_meta_set(state->store, "search_path", text.data ? text.data : "", err) < 0)
        return -1;
    for (size_t i = 0; i < state->count; i++)
        if (is_derived(state->files[i].kind) && refresh_derived(state, &state->files[i], err) < 0)
            return -1;
    char paths[33];
    ptd_hash128_text(&state->paths_hash, paths);
    return ptd_store_meta_set(state->store, "paths", paths, err);
}

/* The blocks of a content whose source is kept; NULL when it is not. */
static const struct ptd_blocks *parse_stored(struct ptd_state *state, ptd_id version)
{
    PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
    bool found;
    if (ptd_store_get_source(state->store, version, &source, &found, NULL) < 0 || !found)
        return NULL;
    if (parse_version(state, version, &source, NULL) < 0)
        return NULL;
    size_t at = ptd_map_find(&state->block_index, &version, sizeof(version));
    return state->blocks[state->block_index.entries[at].value];
}

const struct ptd_blocks *ptd_state_blocks(struct ptd_state *state, ptd_id version)
{
    size_t at = ptd_map_find(&state->block_index, &version, sizeof(version));
    if (at != PTD_MAP_NONE)
        return state->blocks[state->block_index.entries[at].value];
    PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT;
    struct ptd_blocks blocks;
    bool found;
    if (version <= 0 || ptd_store_get_blocks(state->store, version, &data, &found, NULL) < 0)
        return NULL;
    if (!found)
        return parse_stored(state, version);
    if (ptd_blocks_read(data.data, data.len, &blocks) < 0)
        return NULL;
    struct ptd_blocks *slot = cache_blocks(state, version);
    *slot = blocks;
    return slot;
}

static int save_blocks(struct ptd_state *state, ptd_id version, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT;
    const struct ptd_blocks *blocks = ptd_state_blocks(state, version);
    if (!blocks)
        return 0;
    ptd_blocks_write(blocks, &data);
    return ptd_store_set_blocks(state->store, version, data.data, data.len, err);
}

int ptd_state_save_parsed(struct ptd_state *state, struct ptd_err *err)
{
    if (!state->unsaved_count)
        return 0;
    int failed = ptd_store_begin(state->store, err);
    if (failed)
        return -1;
    for (size_t i = 0; i < state->unsaved_count && !failed; i++)
        failed = save_blocks(state, state->unsaved[i], err);
    failed = failed || ptd_store_commit(state->store, err) < 0;
    if (failed)
        ptd_store_rollback(state->store);
    state->unsaved_count = 0;
    return failed ? -1 : 0;
}

struct ptd_hash128 ptd_state_digest(const struct ptd_state *state)
{
    PTD_CLEANUP_BUF struct ptd_buf all = PTD_BUF_INIT;
    ptd_buf_add(&all, &state->paths_hash, sizeof(state->paths_hash));
    for (size_t i = 0; i < state->count; i++) {
        const struct ptd_state_file *f = &state->files[i];
        ptd_buf_add(&all, &f->id, sizeof(f->id));
        ptd_buf_add(&all, &f->version, sizeof(f->version));
        if (f->version < 0)
            ptd_buf_add(&all, &f->hash, sizeof(f->hash));
    }
    return ptd_hash128(all.data, all.len);
}
