#include "passes/book.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "passes/parts.h"
#include "record/deps.h"
#include "state/codes.h"

/* A fingerprint as parts. */
struct print {
    size_t file;    /* position in the state */
    ptd_id version; /* that the record saw */
    bool module;    /* it has the module level */
    bool lost;      /* what it stands for cannot be told */
    struct ptd_u32s fine;
    uint32_t coarse;
};

/* A dependency set: positions in `prints`. */
struct set {
    uint32_t *prints;
    size_t count, cap;
    bool lost;
};

/* What the import of one version of a module entered of one version of a file. */
struct call {
    ptd_id callee, callee_version;
    struct ptd_u32s fine;
    uint32_t coarse;
    bool lost;
    size_t next; /* of the same module; SIZE_MAX: none */
};

struct ptd_pass_book {
    struct ptd_state *state; /* borrowed */
    struct ptd_pass_parts parts;
    struct ptd_map print_index, set_index; /* row ids → positions */
    struct print *prints;
    struct set *sets;
    size_t print_cap, set_cap;
    struct ptd_map modules; /* (file, version) → its first call */
    struct call *calls;
    size_t call_count, call_cap;
    uint32_t *stamps; /* per part: the list that it was last put into */
    size_t stamp_size;
    uint32_t stamp;
};

/* ---- from rows to parts ---- */

/* The part of a code object of some version of a source. */
static uint32_t block_part(struct ptd_pass_book *b, size_t file, ptd_id version, uint32_t code,
                           bool *lost)
{
    const struct ptd_blocks *blocks = ptd_state_blocks(b->state, version);
    uint32_t block = blocks ? ptd_codes_block(b->state, version, code) : UINT32_MAX;
    if (!blocks || block >= blocks->count) {
        *lost = true;
        return 0;
    }
    return ptd_pass_part_block(&b->parts, file, blocks->items[block].key);
}

static void take_codes(struct ptd_pass_book *b, struct print *p, const struct ptd_fingerprint *fp)
{
    struct ptd_reader r = ptd_reader_init(fp->codes, fp->codes_len);
    uint32_t code = 0;
    bool whole = false;
    while (r.pos < r.end) {
        code += (uint32_t)ptd_reader_varint(&r);
        if (r.bad) {
            p->lost = true;
            break;
        }
        if (code == PTD_DEP_LAZY || code == PTD_DEP_BLUNT)
            continue; /* how the module level is used: it has to be the same in any case */
        if (code == PTD_DEP_WHOLE) {
            whole = true;
            continue;
        }
        p->module |= code == 0;
        ptd_u32s_add(&p->fine, block_part(b, p->file, fp->version, code, &p->lost));
    }
    p->coarse = whole ? ptd_pass_part_whole(&b->parts, p->file, true)
                      : ptd_pass_part_source(&b->parts, p->file);
    if (whole)
        ptd_u32s_add(&p->fine, p->coarse);
}

/*
 * A test that started what could not be followed has every file of the tree, and which there are.
 * What it ran lies outside of the tree, so it may be another program on another machine.
 */
static bool is_opaque(const struct ptd_state_file *f)
{
    return f->kind == PTD_FILE_LAYOUT && strcmp(f->path, PTD_LAYOUT_ALL) == 0;
}

static int make_print(struct ptd_pass_book *b, ptd_id id, struct print *out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    struct ptd_fingerprint fp;
    bool found;
    *out = (struct print){0};
    if (ptd_store_fingerprint_get(b->state->store, id, &fp, &blob, &found, err) < 0)
        return -1;
    const struct ptd_state_file *f = found ? ptd_state_by_id(b->state, fp.file) : NULL;
    if (!f || fp.version <= 0 || is_opaque(f)) {
        out->lost = true;
        return 0;
    }
    out->file = (size_t)(f - b->state->files);
    out->version = fp.version;
    if (f->kind == PTD_FILE_SOURCE) {
        take_codes(b, out, &fp);
        return 0;
    }
    out->coarse = ptd_pass_part_whole(&b->parts, out->file, true);
    ptd_u32s_add(&out->fine, ptd_pass_part_whole(&b->parts, out->file, false));
    return 0;
}

static int find_print(struct ptd_pass_book *b, ptd_id id, uint32_t *out, struct ptd_err *err)
{
    bool made;
    size_t at = ptd_map_put(&b->print_index, &id, sizeof(id), 0, &made);
    *out = (uint32_t)at;
    if (!made)
        return 0;
    b->prints = ptd_xgrow(b->prints, &b->print_cap, at + 1, sizeof(*b->prints));
    return make_print(b, id, &b->prints[at], err);
}

static int make_set(struct ptd_pass_book *b, ptd_id id, struct set *out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    bool found;
    ptd_id fingerprint = 0;
    *out = (struct set){0};
    if (ptd_store_depset_get(b->state->store, id, &blob, &found, err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(blob.data, found ? blob.len : 0);
    out->lost = !found;
    while (r.pos < r.end) {
        fingerprint += (ptd_id)ptd_reader_varint(&r);
        if (r.bad) {
            out->lost = true;
            break;
        }
        out->prints = ptd_xgrow(out->prints, &out->cap, out->count + 1, sizeof(uint32_t));
        if (find_print(b, fingerprint, &out->prints[out->count++], err) < 0)
            return -1;
    }
    return 0;
}

static int find_set(struct ptd_pass_book *b, ptd_id id, size_t *out, struct ptd_err *err)
{
    bool made;
    size_t at = ptd_map_put(&b->set_index, &id, sizeof(id), 0, &made);
    *out = at;
    if (!made)
        return 0;
    b->sets = ptd_xgrow(b->sets, &b->set_cap, at + 1, sizeof(*b->sets));
    return make_set(b, id, &b->sets[at], err);
}

/* ---- what imports entered ---- */

static int take_call(const struct ptd_import_calls *row, void *arg)
{
    struct ptd_pass_book *b = arg;
    const ptd_id key[] = {row->file, row->version};
    const struct ptd_state_file *f = ptd_state_by_id(b->state, row->callee_file);
    b->calls = ptd_xgrow(b->calls, &b->call_cap, b->call_count + 1, sizeof(*b->calls));
    struct call *c = &b->calls[b->call_count];
    *c = (struct call){
        .callee = row->callee_file, .callee_version = row->callee_version, .lost = !f};
    bool made;
    size_t at = ptd_map_put(&b->modules, key, sizeof(key), b->call_count, &made);
    c->next = made ? SIZE_MAX : b->modules.entries[at].value;
    b->modules.entries[at].value = b->call_count++;
    struct ptd_reader r = ptd_reader_init(row->calls, row->calls_len);
    while (f && r.pos < r.end && !r.bad) {
        uint32_t code = (uint32_t)ptd_reader_varint(&r);
        ptd_reader_varint(&r);        /* the line */
        ptd_u32s_add(&c->fine, code); /* parts when it is first used */
    }
    c->lost |= r.bad;
    c->coarse = UINT32_MAX;
    return 0;
}

/* Most versions of most modules are of no record that is asked about: their sources are not parsed.
 */
static void resolve_call(struct ptd_pass_book *b, struct call *c)
{
    if (c->lost || c->coarse != UINT32_MAX)
        return;
    size_t file = (size_t)(ptd_state_by_id(b->state, c->callee) - b->state->files);
    for (size_t i = 0; i < c->fine.count; i++)
        c->fine.items[i] = block_part(b, file, c->callee_version, c->fine.items[i], &c->lost);
    c->coarse = ptd_pass_part_source(&b->parts, file);
}

/* ---- lists ---- */

static void put(struct ptd_pass_book *b, struct ptd_u32s *list, uint32_t part, bool *known)
{
    if (part >= b->stamp_size) {
        size_t size = (size_t)part * 2 + 64;
        b->stamps = ptd_xrealloc(b->stamps, size * sizeof(uint32_t));
        memset(b->stamps + b->stamp_size, 0, (size - b->stamp_size) * sizeof(uint32_t));
        b->stamp_size = size;
    }
    if (b->stamps[part] == b->stamp)
        return;
    b->stamps[part] = b->stamp;
    ptd_u32s_add(list, part);
    *known = *known && !b->parts.items[part].unknown;
}

struct record {
    size_t *sets; /* positions */
    size_t count, cap;
    struct ptd_map versions; /* file (row) → version that it saw */
};

static int read_record(struct ptd_pass_book *b, const void *depsets, size_t len, struct record *out,
                       struct ptd_pass_lists *lists, struct ptd_err *err)
{
    struct ptd_reader r = ptd_reader_init(depsets, len);
    lists->known = lists->current = len > 0;
    while (r.pos < r.end) {
        ptd_id id = (ptd_id)ptd_reader_varint(&r);
        if (r.bad) {
            lists->known = false;
            return 0;
        }
        out->sets = ptd_xgrow(out->sets, &out->cap, out->count + 1, sizeof(*out->sets));
        if (find_set(b, id, &out->sets[out->count], err) < 0)
            return -1;
        const struct set *s = &b->sets[out->sets[out->count++]];
        lists->known = lists->known && !s->lost;
        for (size_t i = 0; i < s->count; i++) {
            const struct print *p = &b->prints[s->prints[i]];
            lists->known = lists->known && !p->lost;
            if (p->lost)
                continue;
            const struct ptd_state_file *f = &b->state->files[p->file];
            lists->current = lists->current && f->version == p->version;
            ptd_map_put(&out->versions, &f->id, sizeof(f->id), (uint64_t)p->version, NULL);
        }
    }
    return 0;
}

/* Calls `take` for each import call that belongs to the record. */
static void each_call(struct ptd_pass_book *b, const struct record *record, const struct print *p,
                      void (*take)(struct ptd_pass_book *, struct call *, struct ptd_pass_lists *),
                      struct ptd_pass_lists *lists)
{
    const ptd_id key[] = {b->state->files[p->file].id, p->version};
    size_t at = p->module ? ptd_map_find(&b->modules, key, sizeof(key)) : PTD_MAP_NONE;
    size_t i = at == PTD_MAP_NONE ? SIZE_MAX : b->modules.entries[at].value;
    for (; i != SIZE_MAX; i = b->calls[i].next) {
        struct call *c = &b->calls[i];
        size_t seen = ptd_map_find(&record->versions, &c->callee, sizeof(c->callee));
        if (seen == PTD_MAP_NONE ||
            record->versions.entries[seen].value != (uint64_t)c->callee_version)
            continue; /* of another state of that file */
        resolve_call(b, c);
        lists->known = lists->known && !c->lost;
        take(b, c, lists);
    }
}

static void take_fine(struct ptd_pass_book *b, struct call *c, struct ptd_pass_lists *lists)
{
    for (size_t i = 0; i < c->fine.count && !c->lost; i++)
        put(b, &lists->fine, c->fine.items[i], &lists->known);
}

static void take_coarse(struct ptd_pass_book *b, struct call *c, struct ptd_pass_lists *lists)
{
    if (!c->lost)
        put(b, &lists->coarse, c->coarse, &lists->known);
}

static void make_lists(struct ptd_pass_book *b, const struct record *record,
                       struct ptd_pass_lists *lists)
{
    for (int coarse = 0; coarse < 2; coarse++) {
        struct ptd_u32s *list = coarse ? &lists->coarse : &lists->fine;
        b->stamp++;
        put(b, list, b->parts.library, &lists->known);
        put(b, list, b->parts.folders, &lists->known);
        if (coarse)
            put(b, list, b->parts.names, &lists->known);
        for (size_t s = 0; s < record->count; s++) {
            const struct set *set = &b->sets[record->sets[s]];
            for (size_t i = 0; i < set->count; i++) {
                const struct print *p = &b->prints[set->prints[i]];
                if (coarse)
                    put(b, &lists->coarse, p->coarse, &lists->known);
                for (size_t k = 0; k < p->fine.count && !coarse; k++)
                    put(b, &lists->fine, p->fine.items[k], &lists->known);
                each_call(b, record, p, coarse ? take_coarse : take_fine, lists);
            }
        }
    }
}

int ptd_pass_book_lists(struct ptd_pass_book *b, const void *depsets, size_t len,
                        struct ptd_pass_lists *out, struct ptd_err *err)
{
    struct record record = {0};
    *out = (struct ptd_pass_lists){0};
    int failed = read_record(b, depsets, len, &record, out, err);
    if (!failed && out->known)
        make_lists(b, &record, out);
    free(record.sets);
    ptd_map_release(&record.versions);
    return failed;
}

void ptd_pass_lists_release(struct ptd_pass_lists *lists)
{
    free(lists->fine.items);
    free(lists->coarse.items);
    *lists = (struct ptd_pass_lists){0};
}

/* The hashes of the parts are added up, so that their order, which is a machine's own, does not
 * matter; each is in a list once. */
struct ptd_hash128 ptd_pass_book_digest(const struct ptd_pass_book *b, const struct ptd_u32s *list)
{
    uint64_t sums[3] = {0, 0, list->count};
    for (size_t i = 0; i < list->count; i++) {
        struct ptd_reader r =
            ptd_reader_init(b->parts.items[list->items[i]].hash.bytes, sizeof(struct ptd_hash128));
        sums[0] += ptd_reader_u64(&r);
        sums[1] += ptd_reader_u64(&r);
    }
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    ptd_buf_addf(&text, "%016llx%016llx %llu", (unsigned long long)sums[0],
                 (unsigned long long)sums[1], (unsigned long long)sums[2]);
    return ptd_hash128(text.data, text.len);
}

bool ptd_pass_book_covers(struct ptd_pass_book *b, const struct ptd_u32s *whole,
                          const struct ptd_u32s *part)
{
    size_t count = 0;
    b->stamp++;
    for (size_t i = 0; i < part->count; i++)
        b->stamps[part->items[i]] = b->stamp;
    for (size_t i = 0; i < whole->count; i++)
        count += b->stamps[whole->items[i]] == b->stamp;
    return count == part->count;
}

int ptd_pass_book_open(struct ptd_state *state, struct ptd_pass_book **out, struct ptd_err *err)
{
    struct ptd_pass_book *b = ptd_xcalloc(1, sizeof(*b));
    b->state = state;
    ptd_pass_parts_open(&b->parts, state);
    if (ptd_store_each_import_calls(state->store, take_call, b, err) < 0) {
        ptd_pass_book_close(b);
        return -1;
    }
    *out = b;
    return 0;
}

void ptd_pass_book_close(struct ptd_pass_book *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->print_index.count; i++)
        free(b->prints[i].fine.items);
    for (size_t i = 0; i < b->set_index.count; i++)
        free(b->sets[i].prints);
    for (size_t i = 0; i < b->call_count; i++)
        free(b->calls[i].fine.items);
    free(b->prints);
    free(b->sets);
    free(b->calls);
    free(b->stamps);
    ptd_map_release(&b->print_index);
    ptd_map_release(&b->set_index);
    ptd_map_release(&b->modules);
    ptd_pass_parts_release(&b->parts);
    free(b);
}
