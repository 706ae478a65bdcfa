#include "syntax/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "syntax/decode.h"
#include "syntax/names.h"
#include "syntax/tokens.h"
#include "syntax/walk.h"

/* Work state between the drafts and the set. */
struct build {
    struct ptd_drafts *drafts;
    struct ptd_blocks *out;
    uint32_t *block_of; /* owned; draft -> block, its parent's for folded drafts */
    uint32_t *parent;   /* owned; block -> block around it */
};

/*
 * From the last draft to the first, since a draft is always behind its parent: by the time
 * that a stream is summed, what is folded into it is there.
 */
static uint64_t *sum_drafts(struct ptd_drafts *d)
{
    uint64_t *sums = ptd_xcalloc(d->count, sizeof(*sums));
    for (size_t i = d->count; i-- > 0;) {
        struct ptd_draft *draft = &d->items[i];
        sums[i] = ptd_hash64(draft->stream.data, draft->stream.len);
        if (draft->fold)
            ptd_tokens_patch_digest(&d->items[draft->parent].stream, draft->slot, sums[i]);
        ptd_buf_release(&draft->stream);
    }
    return sums;
}

/* Appends a key, with "#n" when there were n of it before. */
static void add_key(struct ptd_buf *strings, struct ptd_map *seen, const char *key)
{
    bool added;
    size_t at = ptd_map_put(seen, key, strlen(key), 0, &added);
    ptd_buf_adds(strings, key);
    if (!added)
        ptd_buf_addf(strings, "#%llu", (unsigned long long)++seen->entries[at].value);
    ptd_buf_addc(strings, '\0');
}

static void make_blocks(struct build *b, const uint64_t *sums)
{
    PTD_CLEANUP_MAP struct ptd_map seen = PTD_MAP_INIT;
    struct ptd_drafts *d = b->drafts;
    struct ptd_blocks *out = b->out;
    out->items = ptd_xcalloc(d->count, sizeof(*out->items));
    for (size_t i = 0; i < d->count; i++) {
        const struct ptd_draft *draft = &d->items[i];
        if (draft->fold) {
            b->block_of[i] = b->block_of[draft->parent];
            continue;
        }
        b->block_of[i] = (uint32_t)out->count;
        b->parent[out->count] = b->block_of[draft->parent];
        add_key(&out->strings, &seen, d->keys.data + draft->key);
        out->items[out->count++] = (struct ptd_block){.kind = draft->kind,
                                                      .line = draft->line,
                                                      .end_line = draft->end_line,
                                                      .checksum = sums[i]};
    }
    ptd_names_assign(out);
}

/* Index of the first block that begins at `line` or behind it. */
static size_t lower_bound(const struct ptd_blocks *blocks, uint32_t line)
{
    size_t low = 0, high = blocks->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (blocks->items[mid].line < line)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/*
 * The innermost block that holds the line and began before it. What begins on the line
 * itself is left out: the code in question may as well stand in front of it.
 */
static size_t around_line(const struct ptd_blocks *blocks, uint32_t line)
{
    for (size_t i = lower_bound(blocks, line); i-- > 1;) {
        if (blocks->items[i].end_line >= line)
            return i;
    }
    return 0;
}

static int compare_places(const void *pa, const void *pb)
{
    const struct ptd_place *a = pa, *b = pb;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->block < b->block ? -1 : a->block > b->block;
}

static bool same_place(const struct ptd_place *a, const struct ptd_place *b)
{
    return a->line == b->line && a->kind == b->kind;
}

/* The innermost block that holds both. */
static uint32_t common_block(const struct build *b, uint32_t x, uint32_t y)
{
    while (x != y) {
        if (x > y)
            x = b->parent[x];
        else
            y = b->parent[y];
    }
    return x;
}

/*
 * Code objects of one kind that begin on one line in different blocks cannot be told apart: they go
 * to the block around all of them, and that block then changes with each of them.
 */
static uint32_t unite(struct build *b, const struct ptd_place *places, size_t count)
{
    uint32_t common = places[0].block;
    for (size_t i = 1; i < count; i++)
        common = common_block(b, common, places[i].block);
    for (size_t i = 0; i < count; i++) {
        if (places[i].block == common || (i > 0 && places[i].block == places[i - 1].block))
            continue;
        const uint64_t pair[] = {b->out->items[common].checksum,
                                 b->out->items[places[i].block].checksum};
        b->out->items[common].checksum = ptd_hash64(pair, sizeof(pair));
    }
    return common;
}

/* Keeps the places that around_line() would get wrong. */
static void make_places(struct build *b)
{
    struct ptd_drafts *d = b->drafts;
    struct ptd_place *all = ptd_xcalloc(d->place_count + d->count, sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < d->place_count; i++) {
        const struct ptd_draft_place *p = &d->places[i];
        all[count++] = (struct ptd_place){p->line, b->block_of[p->owner], p->kind};
    }
    for (size_t i = 1; i < d->count; i++) {
        if (d->items[i].fold)
            all[count++] = (struct ptd_place){d->items[i].line, b->block_of[i], PTD_PLACE_LAMBDA};
    }
    qsort(all, count, sizeof(*all), compare_places);
    size_t kept = 0;
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && same_place(&all[i], &all[next]);)
            next++;
        struct ptd_place place = all[i];
        place.block = unite(b, &all[i], next - i);
        if (place.block != around_line(b->out, place.line))
            all[kept++] = place;
    }
    b->out->places = all;
    b->out->place_count = kept;
}

static void build_set(struct ptd_drafts *drafts, struct ptd_blocks *out)
{
    PTD_CLEANUP_FREE uint64_t *sums = sum_drafts(drafts);
    PTD_CLEANUP_FREE uint32_t *block_of = ptd_xcalloc(drafts->count, sizeof(*block_of));
    PTD_CLEANUP_FREE uint32_t *parent = ptd_xcalloc(drafts->count, sizeof(*parent));
    struct build b = {drafts, out, block_of, parent};
    make_blocks(&b, sums);
    make_places(&b);
    out->definitions = drafts->definitions;
    drafts->definitions = (struct ptd_buf)PTD_BUF_INIT;
}

static void build_broken(const char *source, size_t len, struct ptd_blocks *out)
{
    uint32_t lines = 1;
    for (size_t i = 0; i + 1 < len; i++)
        lines += source[i] == '\n';
    out->broken = true;
    out->items = ptd_xcalloc(1, sizeof(*out->items));
    out->items[0] = (struct ptd_block){.kind = PTD_BLOCK_MODULE,
                                       .line = 1,
                                       .end_line = lines,
                                       .checksum = ptd_hash64(len ? source : "", len)};
    out->count = 1;
    ptd_buf_addc(&out->strings, '\0');
    ptd_names_assign(out);
}

void ptd_blocks_parse(const void *source, size_t len, struct ptd_blocks *out)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    struct ptd_drafts drafts = {0};
    *out = (struct ptd_blocks){0};
    ptd_buf_reserve(&text, 0);
    if (ptd_decode_source(source, len, &text) && ptd_drafts_parse(&text, &drafts))
        build_set(&drafts, out);
    else
        build_broken(source, len, out);
    ptd_drafts_release(&drafts);
}

void ptd_blocks_release(struct ptd_blocks *blocks)
{
    free(blocks->items);
    free(blocks->places);
    ptd_buf_release(&blocks->strings);
    ptd_buf_release(&blocks->definitions);
    *blocks = (struct ptd_blocks){0};
}

static const struct ptd_place *find_place(const struct ptd_blocks *blocks, uint32_t line,
                                          const char *co_name)
{
    static const char *const names[] = {
        [PTD_PLACE_LAMBDA] = "<lambda>",   [PTD_PLACE_LISTCOMP] = "<listcomp>",
        [PTD_PLACE_SETCOMP] = "<setcomp>", [PTD_PLACE_DICTCOMP] = "<dictcomp>",
        [PTD_PLACE_GENEXP] = "<genexpr>",  [PTD_PLACE_ANNOTATE] = "__annotate__",
    };
    struct ptd_place wanted = {.line = line};
    for (size_t kind = 0; kind < sizeof(names) / sizeof(names[0]); kind++) {
        if (strcmp(names[kind], co_name) != 0)
            continue;
        wanted.kind = (enum ptd_place_kind)kind;
        size_t low = 0, high = blocks->place_count;
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            const struct ptd_place *at = &blocks->places[mid];
            if (same_place(at, &wanted))
                return at;
            if (at->line < line || (at->line == line && at->kind < wanted.kind))
                low = mid + 1;
            else
                high = mid;
        }
    }
    return NULL;
}

static bool is_ascii(const char *s)
{
    while (*s && !(*s & 0x80))
        s++;
    return *s == '\0';
}

/* CPython normalises identifiers (NFKC), the source need not. */
static bool may_be_normalized(const struct ptd_block *block, const char *co_name)
{
    return block->kind != PTD_BLOCK_LAMBDA && co_name[0] != '<' &&
           strcmp(co_name, "__annotate__") != 0 && !is_ascii(block->code_name);
}

size_t ptd_blocks_locate(const struct ptd_blocks *blocks, uint32_t line, const char *co_name)
{
    if (strcmp(co_name, "<module>") == 0 || blocks->count <= 1)
        return 0;
    size_t first = lower_bound(blocks, line);
    for (size_t i = first > 0 ? first : 1; i < blocks->count && blocks->items[i].line == line;
         i++) {
        if (strcmp(blocks->items[i].code_name, co_name) == 0)
            return i;
    }
    const struct ptd_place *place = find_place(blocks, line, co_name);
    if (place)
        return place->block;
    for (size_t i = first > 0 ? first : 1; i < blocks->count && blocks->items[i].line == line;
         i++) {
        if (may_be_normalized(&blocks->items[i], co_name))
            return i;
    }
    return around_line(blocks, line);
}
