#include "record/deps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/order.h"
#include "base/path.h"
#include "record/deps_names.h"
#include "record/deps_paths.h"
#include "state/codes.h"

void ptd_u32s_add(struct ptd_u32s *list, uint32_t value)
{
    if (list->count && list->items[list->count - 1] == value)
        return; /* nobody wants repeats, and most come in a row */
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(uint32_t));
    list->items[list->count++] = value;
}

void ptd_u32s_sort(struct ptd_u32s *list)
{
    if (list->count < 2)
        return;
    qsort(list->items, list->count, sizeof(uint32_t), ptd_order_u32);
    size_t kept = 1;
    for (size_t i = 1; i < list->count; i++)
        if (list->items[i] != list->items[kept - 1])
            list->items[kept++] = list->items[i];
    list->count = kept;
}

void ptd_deps_add(struct ptd_deps *deps, size_t file, uint32_t code)
{
    ptd_dep item = (ptd_dep)file << 32 | code;
    if (deps->count && deps->items[deps->count - 1] == item)
        return;
    deps->items = ptd_xgrow(deps->items, &deps->cap, deps->count + 1, sizeof(ptd_dep));
    deps->items[deps->count++] = item;
}

void ptd_deps_release(struct ptd_deps *deps)
{
    free(deps->items);
    *deps = (struct ptd_deps){0};
}

void ptd_ids_add(struct ptd_ids *ids, ptd_id id)
{
    ids->items = ptd_xgrow(ids->items, &ids->cap, ids->count + 1, sizeof(*ids->items));
    ids->items[ids->count++] = id;
}

void ptd_ids_release(struct ptd_ids *ids)
{
    free(ids->items);
    *ids = (struct ptd_ids){0};
}

static void sort_deps(struct ptd_deps *deps)
{
    if (deps->count < 2)
        return;
    qsort(deps->items, deps->count, sizeof(ptd_dep), ptd_order_u64);
    size_t kept = 1;
    for (size_t i = 1; i < deps->count; i++)
        if (deps->items[i] != deps->items[kept - 1])
            deps->items[kept++] = deps->items[i];
    deps->count = kept;
}

/*
 * Whether a file is the session's own product rather than a part of the project: it was not known
 * before the session, and it is gone already or was written after the session began.
 */
static bool is_ephemeral(const struct ptd_dep_context *c, const char *relative,
                         const struct ptd_journal_file *file)
{
    if (ptd_tree_find(&c->state->tree, relative))
        return false;
    struct ptd_stat_sig now;
    if (!ptd_stat_sig_of(file->path, &now))
        return true;
    return file->mtime_ns > c->session_start_ns;
}

/* Which content the process saw: only certain when the file looked the same to it as to us. */
static ptd_id version_seen(const struct ptd_state_file *f, const struct ptd_journal_file *file)
{
    bool same = file->ino && f->sig.size == file->size && f->sig.mtime_ns == file->mtime_ns &&
                f->sig.ino == file->ino;
    return same && f->version > 0 ? f->version : PTD_VERSION_UNKNOWN;
}

static int resolve_file(struct ptd_dep_context *c, size_t i, struct ptd_err *err)
{
    const struct ptd_journal_file *file = &c->journal->files[i];
    struct ptd_dep_file *out = &c->files[i];
    *out = (struct ptd_dep_file){
        .at = SIZE_MAX, .version = PTD_VERSION_UNKNOWN, .scope = PTD_J_NO_SCOPE};
    PTD_CLEANUP_FREE char *relative = ptd_path_relative(file->path, c->root);
    enum ptd_file_kind kind =
        ptd_path_ends_with(relative, ".py") ? PTD_FILE_SOURCE : PTD_FILE_OPAQUE;
    if (ptd_state_find(c->state, kind, relative) == SIZE_MAX && is_ephemeral(c, relative, file))
        return 0;
    if (ptd_state_add(c->state, kind, relative, &out->at, err) < 0)
        return -1;
    const struct ptd_state_file *f = &c->state->files[out->at];
    out->version = version_seen(f, file);
    out->source = kind == PTD_FILE_SOURCE;
    return 0;
}

void ptd_dep_set_version(struct ptd_dep_context *c, size_t at, ptd_id version)
{
    size_t old = c->version_count;
    if (at >= old) {
        c->versions = ptd_xgrow(c->versions, &c->version_cap, at + 1, sizeof(*c->versions));
        memset(c->versions + old, 0, (at + 1 - old) * sizeof(*c->versions));
        c->version_count = at + 1;
    }
    if (c->versions[at] == 0 || version == PTD_VERSION_UNKNOWN)
        c->versions[at] = version;
}

static void allocate(struct ptd_dep_context *c)
{
    const struct ptd_journal *journal = c->journal;
    c->files = ptd_xcalloc(journal->file_count, sizeof(*c->files));
    c->code_numbers = ptd_xcalloc(journal->code_count, sizeof(*c->code_numbers));
    c->import_noted = ptd_xcalloc(journal->scope_count, 1);
    c->scope_sets = ptd_xcalloc(journal->scope_count, sizeof(*c->scope_sets));
    c->older_scope = ptd_xcalloc(journal->scope_count, sizeof(*c->older_scope));
    c->imports = ptd_xcalloc(2 * journal->file_count, sizeof(*c->imports));
}

/* From each file to the scopes of its imports. */
static void link_modules(struct ptd_dep_context *c)
{
    for (size_t i = 0; i < c->journal->scope_count; i++) {
        const struct ptd_journal_scope *s = &c->journal->scopes[i];
        if (s->kind != PTD_SCOPE_MODULE || s->file == PTD_J_NO_FILE)
            continue;
        c->older_scope[i] = c->files[s->file].scope;
        c->files[s->file].scope = (uint32_t)i;
    }
}

int ptd_dep_context_init(struct ptd_dep_context *c, struct ptd_state *state,
                         const struct ptd_journal *journal, uint64_t session_start_ns,
                         const struct ptd_map *written, struct ptd_err *err)
{
    *c = (struct ptd_dep_context){.state = state,
                                  .journal = journal,
                                  .root = state->root,
                                  .session_start_ns = session_start_ns,
                                  .written = written};
    allocate(c);
    for (size_t i = 0; i < journal->file_count; i++)
        if (resolve_file(c, i, err) < 0)
            return -1;
    for (size_t i = 0; i < journal->file_count; i++)
        if (c->files[i].at != SIZE_MAX)
            ptd_dep_set_version(c, c->files[i].at, c->files[i].version);
    if (ptd_dep_paths_resolve(c, err) < 0)
        return -1;
    link_modules(c);
    return 0;
}

void ptd_dep_context_init_past(struct ptd_dep_context *c, struct ptd_state *state,
                               const struct ptd_journal *journal, const ptd_id *versions)
{
    *c = (struct ptd_dep_context){.state = state, .journal = journal, .root = state->root};
    allocate(c);
    for (size_t i = 0; i < journal->file_count; i++)
        c->files[i] = (struct ptd_dep_file){
            .at = SIZE_MAX,
            .version = versions[i],
            .source = ptd_path_ends_with(journal->files[i].path, ".py"),
            .scope = PTD_J_NO_SCOPE,
        };
    link_modules(c);
}

void ptd_dep_context_release(struct ptd_dep_context *c)
{
    for (size_t i = 0; c->imports && i < 2 * c->journal->file_count; i++)
        ptd_ids_release(&c->imports[i].prints);
    free(c->imports);
    free(c->files);
    free(c->paths);
    free(c->scope_sets);
    free(c->code_numbers);
    free(c->import_noted);
    free(c->older_scope);
    free(c->versions);
    free(c->rule_marks);
    ptd_dep_names_release(c);
    ptd_map_release(&c->closures);
    ptd_map_release(&c->prints);
    ptd_map_release(&c->variables);
    ptd_map_release(&c->doubtful);
}

static int number_of(struct ptd_dep_context *c, const struct ptd_journal_code *code, uint32_t *out,
                     struct ptd_err *err)
{
    const struct ptd_dep_file *f = &c->files[code->file];
    if (f->version > 0 && c->state->files[f->at].kind == PTD_FILE_SOURCE)
        return ptd_codes_number(c->state, f->version, code->line, code->name, out, err);
    *out = PTD_DEP_WHOLE;
    return 0;
}

/* Number of a code object in its file, or PTD_DEP_WHOLE; the file is a dependency. */
static int code_number(struct ptd_dep_context *c, uint32_t code, uint32_t *out, struct ptd_err *err)
{
    if (c->code_numbers[code] == 0) {
        if (number_of(c, &c->journal->codes[code], out, err) < 0)
            return -1;
        c->code_numbers[code] = *out + 1; /* none for the whole: that is not looked up */
        return 0;
    }
    *out = c->code_numbers[code] - 1;
    return 0;
}

/* `imported`: the file whose import it is, its module level is judged by definitions. */
static int add_code(struct ptd_dep_context *c, uint32_t code, uint32_t imported,
                    struct ptd_deps *out, struct ptd_err *err)
{
    const struct ptd_journal_code *k = &c->journal->codes[code];
    size_t at = c->files[k->file].at;
    uint32_t number;
    if (at == SIZE_MAX)
        return 0;
    if (code_number(c, code, &number, err) < 0)
        return -1;
    ptd_deps_add(out, at, number);
    if (k->file != imported && strcmp(k->name, "<module>") == 0)
        ptd_deps_add(out, at, PTD_DEP_BLUNT);
    return 0;
}

/* A function that the import of a module entered: true when it is in the store for the module. */
static bool is_import_call(struct ptd_dep_context *c, const struct ptd_journal_scope *s,
                           uint32_t code)
{
    const struct ptd_dep_file *callee = &c->files[c->journal->codes[code].file];
    if (s->kind != PTD_SCOPE_MODULE || s->file == PTD_J_NO_FILE || callee->at == SIZE_MAX ||
        callee->version <= 0)
        return false;
    const struct ptd_dep_file *module = &c->files[s->file];
    if (module->at == SIZE_MAX || module->version <= 0 ||
        c->state->files[module->at].kind != PTD_FILE_SOURCE)
        return false;
    return strcmp(c->journal->codes[code].name, "<module>") != 0 &&
           c->state->files[callee->at].kind == PTD_FILE_SOURCE;
}

/* Pairs of one scope by the file of the function, for sorting. */
struct import_call {
    uint32_t file, number, line;
};

static int compare_call(const void *pa, const void *pb)
{
    const struct import_call *a = pa, *b = pb;
    return a->file < b->file ? -1 : a->file > b->file;
}

static int store_calls(struct ptd_dep_context *c, const struct ptd_journal_scope *s,
                       const struct import_call *calls, size_t count, struct ptd_err *err)
{
    const struct ptd_dep_file *module = &c->files[s->file], *callee = &c->files[calls[0].file];
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        ptd_buf_add_varint(&blob, calls[i].number);
        ptd_buf_add_varint(&blob, calls[i].line);
    }
    const struct ptd_import_calls row = {
        .file = c->state->files[module->at].id,
        .version = module->version,
        .callee_file = c->state->files[callee->at].id,
        .callee_version = callee->version,
        .calls = blob.data,
        .calls_len = blob.len,
    };
    return ptd_store_add_import_calls(c->state->store, &row, err);
}

/* What an import entered belongs to the version of the module: whoever imports it is judged by the
 * statement that made the call. */
static int note_import(struct ptd_dep_context *c, uint32_t scope, struct ptd_err *err)
{
    const struct ptd_journal_scope *s = &c->journal->scopes[scope];
    if (c->import_noted[scope])
        return 0;
    c->import_noted[scope] = 1;
    PTD_CLEANUP_FREE struct import_call *calls = ptd_xcalloc(s->pairs.count / 2, sizeof(*calls));
    size_t count = 0;
    for (size_t i = 0; i + 1 < s->pairs.count; i += 2) {
        uint32_t code = s->pairs.items[i];
        uint32_t number;
        if (!is_import_call(c, s, code))
            continue;
        if (code_number(c, code, &number, err) < 0)
            return -1;
        calls[count++] =
            (struct import_call){c->journal->codes[code].file, number, s->pairs.items[i + 1]};
    }
    if (count)
        qsort(calls, count, sizeof(*calls), compare_call);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && calls[to].file == calls[from].file;)
            to++;
        if (store_calls(c, s, calls + from, to - from, err) < 0)
            return -1;
    }
    return 0;
}

void ptd_dep_reach(const struct ptd_journal *j, uint32_t scope, struct ptd_u32s *out)
{
    PTD_CLEANUP_FREE unsigned char *seen = ptd_xcalloc(j->scope_count, 1);
    struct ptd_u32s todo = {0};
    ptd_u32s_add(&todo, scope);
    while (todo.count) {
        uint32_t at = todo.items[--todo.count];
        if (seen[at])
            continue;
        seen[at] = 1;
        ptd_u32s_add(out, at);
        for (size_t i = 0; i < j->scopes[at].uses.count; i++)
            ptd_u32s_add(&todo, j->scopes[at].uses.items[i]);
    }
    free(todo.items);
}

void ptd_dep_reach_session(const struct ptd_journal *j, struct ptd_u32s *out)
{
    for (uint32_t i = 0; i < j->scope_count; i++)
        if (j->scopes[i].kind == PTD_SCOPE_SESSION)
            ptd_dep_reach(j, i, out);
    ptd_u32s_sort(out);
}

int ptd_dep_scope_items(struct ptd_dep_context *c, uint32_t scope, struct ptd_deps *out,
                        struct ptd_err *err)
{
    const struct ptd_journal_scope *s = &c->journal->scopes[scope];
    bool importing = s->kind == PTD_SCOPE_MODULE;
    uint32_t own = importing ? s->file : PTD_J_NO_FILE;
    for (size_t i = 0; i < s->codes.count; i++)
        if (add_code(c, s->codes.items[i], own, out, err) < 0)
            return -1;
    for (size_t i = 0; i < s->pairs.count; i += 2)
        if (!is_import_call(c, s, s->pairs.items[i]) &&
            add_code(c, s->pairs.items[i], own, out, err) < 0)
            return -1;
    if (importing && note_import(c, scope, err) < 0)
        return -1;
    if (ptd_dep_names_add(c, scope, out, err) < 0)
        return -1;
    ptd_dep_paths_add(c, scope, out);
    return 0;
}

void ptd_dep_scope_files(const struct ptd_dep_context *c, uint32_t scope, struct ptd_u32s *out)
{
    const struct ptd_journal_scope *s = &c->journal->scopes[scope];
    for (size_t i = 0; i < s->imports.count; i++)
        ptd_u32s_add(out, s->imports.items[i]);
    for (size_t i = 0; i < s->codes.count; i++)
        ptd_u32s_add(out, c->journal->codes[s->codes.items[i]].file);
    for (size_t i = 0; i < s->pairs.count; i += 2)
        ptd_u32s_add(out, c->journal->codes[s->pairs.items[i]].file);
}

/* Follows imports from `files`; what is newly marked is added to `found` (may be NULL). */
static void follow(const struct ptd_dep_context *c, const struct ptd_u32s *files,
                   unsigned char *seen, struct ptd_u32s *found)
{
    struct ptd_u32s todo = {0};
    for (size_t i = 0; i < files->count; i++)
        ptd_u32s_add(&todo, files->items[i]);
    while (todo.count) {
        uint32_t file = todo.items[--todo.count];
        if (seen[file])
            continue;
        seen[file] = 1;
        if (found)
            ptd_u32s_add(found, file);
        uint32_t scope = c->files[file].scope;
        for (; scope != PTD_J_NO_SCOPE; scope = c->older_scope[scope])
            ptd_dep_scope_files(c, scope, &todo);
    }
    free(todo.items);
}

void ptd_dep_closure_mark(const struct ptd_dep_context *c, const struct ptd_u32s *files,
                          unsigned char *seen)
{
    follow(c, files, seen, NULL);
}

static int add_import(struct ptd_dep_context *c, uint32_t file, struct ptd_deps *out,
                      uint32_t *flags, struct ptd_err *err)
{
    uint32_t scope = c->files[file].scope;
    /* Of what was imported unseen, no block can be told to be without influence. */
    if (c->files[file].at != SIZE_MAX)
        ptd_deps_add(out, c->files[file].at, scope == PTD_J_NO_SCOPE ? PTD_DEP_WHOLE : 0);
    for (; scope != PTD_J_NO_SCOPE; scope = c->older_scope[scope]) {
        *flags |= c->journal->scopes[scope].flags;
        if (ptd_dep_scope_items(c, scope, out, err) < 0)
            return -1;
    }
    return 0;
}

int ptd_dep_closure_items(struct ptd_dep_context *c, const struct ptd_u32s *files,
                          struct ptd_deps *out, uint32_t *flags, struct ptd_err *err)
{
    PTD_CLEANUP_FREE unsigned char *seen = ptd_xcalloc(c->journal->file_count, 1);
    struct ptd_u32s found = {0};
    int result = 0;
    follow(c, files, seen, &found);
    for (size_t i = 0; i < found.count && result == 0; i++)
        result = add_import(c, found.items[i], out, flags, err);
    free(found.items);
    return result;
}

static ptd_id version_for(const struct ptd_dep_context *c, size_t at)
{
    ptd_id version =
        at < c->version_count && c->versions[at] ? c->versions[at] : c->state->files[at].version;
    /* 0: it was there for the test and is gone now. */
    return version > 0 ? version : PTD_VERSION_UNKNOWN;
}

/* One fingerprint: the code objects of one file. Tests share most of them. */
static int store_fingerprint(struct ptd_dep_context *c, const ptd_dep *items, size_t count,
                             ptd_id *out, struct ptd_err *err)
{
    size_t at = (size_t)(items[0] >> 32);
    size_t len = count * sizeof(*items);
    size_t known = ptd_map_find(&c->prints, items, len);
    if (known != PTD_MAP_NONE) {
        *out = (ptd_id)c->prints.entries[known].value;
        return 0;
    }
    PTD_CLEANUP_BUF struct ptd_buf codes = PTD_BUF_INIT;
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t code = (uint32_t)items[i];
        ptd_buf_add_varint(&codes, code - last);
        last = code;
    }
    if (ptd_store_fingerprint(c->state->store, c->state->files[at].id, version_for(c, at),
                              codes.data, codes.len, out, err) < 0)
        return -1;
    ptd_map_put(&c->prints, items, len, (uint64_t)*out, NULL);
    return 0;
}

/* A file that changed while the session ran. */
static bool is_doubtful(const struct ptd_dep_context *c, const struct ptd_deps *items)
{
    for (size_t i = 0; i < items->count; i++) {
        size_t at = (size_t)(items->items[i] >> 32);
        const struct ptd_state_file *f = &c->state->files[at];
        ptd_id seen = at < c->version_count ? c->versions[at] : 0;
        if (seen < 0 || (seen == 0 && f->version <= 0))
            return true;
        if (f->loaded != PTD_VERSION_UNKNOWN && f->loaded != f->version)
            return true;
    }
    return false;
}

/* Sorts the items, and adds the fingerprints that they make. */
static int store_prints(struct ptd_dep_context *c, struct ptd_deps *items, struct ptd_ids *out,
                        struct ptd_err *err)
{
    if (ptd_dep_rules_add(c, items, err) < 0)
        return -1;
    sort_deps(items);
    for (size_t from = 0, to; from < items->count; from = to) {
        ptd_id print;
        for (to = from + 1; to < items->count; to++)
            if (items->items[to] >> 32 != items->items[from] >> 32)
                break;
        if (store_fingerprint(c, items->items + from, to - from, &print, err) < 0)
            return -1;
        ptd_ids_add(out, print);
    }
    return 0;
}

/* The set of these fingerprints. */
static int store_ids(struct ptd_dep_context *c, struct ptd_ids *prints, bool doubtful, ptd_id *out,
                     struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    ptd_buf_add_ascending(&blob, (uint64_t *)prints->items, prints->count);
    if (ptd_store_depset(c->state->store, blob.data ? blob.data : "", blob.len, out, err) < 0)
        return -1;
    if (doubtful)
        ptd_map_put(&c->doubtful, out, sizeof(*out), 1, NULL);
    return 0;
}

int ptd_dep_store_set(struct ptd_dep_context *c, struct ptd_deps *items, ptd_id *out,
                      struct ptd_err *err)
{
    struct ptd_ids prints = {0};
    int failed = store_prints(c, items, &prints, err) < 0 ||
                 store_ids(c, &prints, is_doubtful(c, items), out, err) < 0;
    ptd_ids_release(&prints);
    return failed ? -1 : 0;
}

int ptd_dep_scope_set(struct ptd_dep_context *c, uint32_t scope, ptd_id *out, struct ptd_err *err)
{
    if (!c->scope_sets[scope]) {
        struct ptd_deps items = {0};
        int failed = ptd_dep_scope_items(c, scope, &items, err) < 0 ||
                     ptd_dep_store_set(c, &items, &c->scope_sets[scope], err) < 0;
        ptd_deps_release(&items);
        if (failed)
            return -1;
    }
    *out = c->scope_sets[scope];
    return 0;
}

/* The key of a closure in the cache: its files, and `lazy` as one that no journal has. */
static size_t closure_key(struct ptd_u32s *files, bool lazy)
{
    ptd_u32s_sort(files);
    if (lazy)
        ptd_u32s_add(files, PTD_J_NO_FILE);
    return files->count * sizeof(uint32_t);
}

static void add_lazy(struct ptd_deps *items)
{
    for (size_t i = 0, count = items->count; i < count; i++)
        if ((uint32_t)items->items[i] == 0)
            ptd_deps_add(items, (size_t)(items->items[i] >> 32), PTD_DEP_LAZY);
}

/* What importing one file entails, without what it imports in turn; made once. */
static int entail(struct ptd_dep_context *c, uint32_t file, bool lazy, struct ptd_dep_import **out,
                  struct ptd_err *err)
{
    struct ptd_dep_import *import = &c->imports[2 * (size_t)file + lazy];
    *out = import;
    if (import->known)
        return 0;
    struct ptd_deps items = {0};
    int failed = add_import(c, file, &items, &import->flags, err) < 0;
    if (lazy)
        add_lazy(&items);
    failed = failed || store_prints(c, &items, &import->prints, err) < 0;
    import->doubtful = is_doubtful(c, &items);
    import->known = !failed;
    ptd_deps_release(&items);
    return failed ? -1 : 0;
}

/* A closure is what its files entail, each by itself: fingerprints of one file may be several. */
static int store_closure(struct ptd_dep_context *c, const struct ptd_u32s *files, bool lazy,
                         ptd_id *out, uint32_t *flags, struct ptd_err *err)
{
    PTD_CLEANUP_FREE unsigned char *seen = ptd_xcalloc(c->journal->file_count, 1);
    struct ptd_u32s found = {0};
    struct ptd_ids prints = {0};
    bool doubtful = false;
    int failed = 0;
    follow(c, files, seen, &found);
    for (size_t i = 0; i < found.count && !failed; i++) {
        struct ptd_dep_import *import;
        failed = entail(c, found.items[i], lazy, &import, err);
        for (size_t k = 0; k < import->prints.count; k++)
            ptd_ids_add(&prints, import->prints.items[k]);
        *flags |= import->flags;
        doubtful |= import->doubtful;
    }
    failed = failed || store_ids(c, &prints, doubtful, out, err) < 0;
    ptd_ids_release(&prints);
    free(found.items);
    return failed ? -1 : 0;
}

int ptd_dep_closure_set(struct ptd_dep_context *c, struct ptd_u32s *files, bool lazy, ptd_id *out,
                        uint32_t *flags, struct ptd_err *err)
{
    size_t len = closure_key(files, lazy);
    files->count -= lazy;
    size_t at = ptd_map_find(&c->closures, files->items, len);
    if (at != PTD_MAP_NONE) {
        *out = (ptd_id)(c->closures.entries[at].value >> 2);
        *flags |= (uint32_t)c->closures.entries[at].value & 3;
        return 0;
    }
    uint32_t found = 0;
    if (store_closure(c, files, lazy, out, &found, err) < 0)
        return -1;
    *flags |= found;
    ptd_map_put(&c->closures, files->items, len, (uint64_t)*out << 2 | (found & 3), NULL);
    return 0;
}

void ptd_dep_closure_files(const struct ptd_dep_context *c, const struct ptd_u32s *files,
                           struct ptd_u32s *out)
{
    PTD_CLEANUP_FREE unsigned char *seen = ptd_xcalloc(c->journal->file_count + 1, 1);
    follow(c, files, seen, out);
    ptd_u32s_sort(out);
}

int ptd_dep_import_set(struct ptd_dep_context *c, uint32_t file, bool lazy, ptd_id *out,
                       uint32_t *flags, struct ptd_err *err)
{
    struct ptd_dep_import *import;
    if (entail(c, file, lazy, &import, err) < 0)
        return -1;
    *flags |= import->flags;
    return store_ids(c, &import->prints, import->doubtful, out, err);
}

int ptd_dep_everything_set(struct ptd_dep_context *c, ptd_id *out, struct ptd_err *err)
{
    struct ptd_deps items = {0};
    const struct ptd_tree *tree = &c->state->tree;
    size_t at;
    int failed = ptd_state_add(c->state, PTD_FILE_LAYOUT, PTD_LAYOUT_ALL, &at, err);
    if (!failed)
        ptd_deps_add(&items, at, 0);
    for (size_t i = 0; !failed && i < tree->count; i++) {
        bool source = ptd_path_ends_with(tree->entries[i].path, ".py");
        failed = ptd_state_add(c->state, source ? PTD_FILE_SOURCE : PTD_FILE_OPAQUE,
                               tree->entries[i].path, &at, err);
        if (!failed)
            ptd_deps_add(&items, at, PTD_DEP_WHOLE);
    }
    if (!failed)
        failed = ptd_dep_store_set(c, &items, out, err);
    ptd_deps_release(&items);
    return failed;
}
