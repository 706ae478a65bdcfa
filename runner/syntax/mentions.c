#include "syntax/mentions.h"

#include <stdlib.h>

#include "base/mem.h"

uint32_t ptd_survey_name(struct ptd_survey_result *r, const char *text, size_t len)
{
    return (uint32_t)ptd_map_put(&r->names, text, len, 0, NULL);
}

void ptd_survey_hear(struct ptd_survey_result *r, uint32_t sink, uint32_t name, uint32_t how)
{
    r->heard = ptd_xgrow(r->heard, &r->heard_cap, r->heard_count + 1, sizeof(*r->heard));
    r->heard[r->heard_count++] = (struct ptd_heard){sink, name, how};
}

static int compare_heard(const void *pa, const void *pb)
{
    const struct ptd_heard *a = pa, *b = pb;
    if (a->sink != b->sink)
        return a->sink < b->sink ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

static int compare_bound(const void *pa, const void *pb)
{
    const struct ptd_bound *a = pa, *b = pb;
    if (a->definition != b->definition)
        return a->definition < b->definition ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

/* A hint is none when the name is mentioned in any other way as well. */
static uint32_t join(uint32_t a, uint32_t b)
{
    return ((a | b) & ~(uint32_t)PTD_MENTION_HINT) | (a & b & PTD_MENTION_HINT);
}

static void merge(struct ptd_survey_result *r)
{
    size_t kept = 0;
    if (r->heard_count)
        qsort(r->heard, r->heard_count, sizeof(*r->heard), compare_heard);
    for (size_t i = 0; i < r->heard_count; i++) {
        if (kept && compare_heard(&r->heard[kept - 1], &r->heard[i]) == 0)
            r->heard[kept - 1].how = join(r->heard[kept - 1].how, r->heard[i].how);
        else
            r->heard[kept++] = r->heard[i];
    }
    r->heard_count = kept;
}

static const struct ptd_heard *find_heard(const struct ptd_survey_result *r, uint32_t sink,
                                          uint32_t name)
{
    struct ptd_heard key = {sink, name, 0};
    if (!r->heard_count)
        return NULL;
    return bsearch(&key, r->heard, r->heard_count, sizeof(key), compare_heard);
}

/* A plain name is local when the function or one around it binds it and it is not declared global.
 */
static bool is_local(const struct ptd_survey_result *r, const struct ptd_drafts *drafts,
                     const struct ptd_heard *h)
{
    if (h->how & PTD_MENTION_GLOBAL)
        return false;
    for (uint32_t at = h->sink; at != 0; at = drafts->items[at].parent) {
        const struct ptd_heard *found = find_heard(r, at, h->name);
        if (drafts->items[at].kind == PTD_BLOCK_CLASS || !found)
            continue;
        if (found->how & PTD_MENTION_GLOBAL)
            return false;
        if (found->how & PTD_MENTION_BOUND)
            return true;
    }
    return false;
}

static void drop_locals(struct ptd_survey_result *r, const struct ptd_drafts *drafts)
{
    PTD_CLEANUP_FREE unsigned char *local = ptd_xcalloc(r->heard_count, 1);
    for (size_t i = 0; i < r->heard_count; i++)
        local[i] = !(r->heard[i].sink & PTD_SINK_DEFINITION) && is_local(r, drafts, &r->heard[i]);
    for (size_t i = 0; i < r->heard_count; i++) {
        if (local[i])
            r->heard[i].how &= ~(uint32_t)PTD_MENTION_NAME;
        if (!(r->heard[i].how & PTD_MENTION_NAME))
            r->heard[i].how &= ~(uint32_t)PTD_MENTION_VALUE;
        if (!(r->heard[i].how & (PTD_MENTION_NAME | PTD_MENTION_ATTRIBUTE | PTD_MENTION_SELF)))
            r->heard[i].how &= ~(uint32_t)(PTD_MENTION_CHANGED | PTD_MENTION_RETURNED);
        r->heard[i].how &= ~PTD_MENTION_BOUND;
        if (r->heard[i].how == PTD_MENTION_HINT)
            r->heard[i].how = 0;
    }
}

/* The entries of one sink, which begin at *at. */
static void write_mentions(const struct ptd_survey_result *r, uint32_t sink, uint32_t reflects,
                           size_t *at, struct ptd_buf *out)
{
    size_t from = *at, count = 0;
    uint32_t last = 0;
    for (; *at < r->heard_count && r->heard[*at].sink == sink; ++*at)
        count += r->heard[*at].how != 0;
    ptd_buf_addc(out, (char)reflects);
    ptd_buf_add_varint(out, count);
    for (size_t i = from; i < *at; i++) {
        if (!r->heard[i].how)
            continue;
        ptd_buf_add_varint(out, r->heard[i].name - last);
        ptd_buf_add_varint(out, r->heard[i].how);
        last = r->heard[i].name;
    }
}

static void write_blocks(const struct ptd_survey_result *r, const struct ptd_drafts *drafts,
                         size_t *at, struct ptd_buf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < drafts->count; i++)
        count += !drafts->items[i].fold;
    ptd_buf_add_varint(out, count);
    for (uint32_t i = 0; i < drafts->count; i++)
        if (!drafts->items[i].fold)
            write_mentions(r, i, r->draft_reflects[i], at, out);
}

static void write_binds(const struct ptd_survey_result *r, uint32_t definition, size_t *at,
                        struct ptd_buf *out)
{
    size_t from = *at;
    uint32_t last = 0;
    while (*at < r->bind_count && r->binds[*at].definition == definition)
        ++*at;
    ptd_buf_add_varint(out, *at - from);
    for (size_t i = from; i < *at; i++) {
        ptd_buf_add_varint(out, r->binds[i].name - last);
        last = r->binds[i].name;
    }
}

static void write_imports(const struct ptd_survey_result *r, uint32_t definition, size_t *at,
                          struct ptd_buf *out)
{
    size_t from = *at;
    while (*at < r->import_count && r->imports[*at].definition == definition)
        ++*at;
    ptd_buf_add_varint(out, *at - from);
    for (size_t i = from; i < *at; i++) {
        const struct ptd_import *im = &r->imports[i].import;
        ptd_buf_add_varint(out, im->module);
        ptd_buf_add_varint(out, (uint32_t)(im->name + 1));
        ptd_buf_add_varint(out, (uint32_t)(im->as + 1));
    }
}

static void write_sum(uint64_t checksum, struct ptd_buf *out)
{
    unsigned char sum[8];
    for (int i = 0; i < 8; i++)
        sum[i] = (unsigned char)(checksum >> (8 * i));
    ptd_buf_add(out, sum, sizeof(sum));
}

static void write_hints(const struct ptd_survey_result *r, uint32_t definition, size_t *at,
                        struct ptd_buf *out)
{
    size_t from = *at;
    while (*at < r->hint_count && r->hints[*at].definition == definition)
        ++*at;
    ptd_buf_add_varint(out, *at - from);
    for (size_t i = from; i < *at; i++) {
        const struct ptd_hint *h = &r->hints[i].hint;
        ptd_buf_add_varint(out, (uint32_t)(h->name + 1));
        ptd_buf_add_varint(out, h->use);
        if (h->use != PTD_HINT_BASE)
            continue;
        ptd_buf_add_varint(out, h->result);
        ptd_buf_add_varint(out, h->shape);
        ptd_buf_add_varint(out, h->count);
    }
}

static void write_definition(const struct ptd_draft_definition *d, uint32_t last_line,
                             struct ptd_buf *out)
{
    ptd_buf_addc(out, (char)d->kind);
    ptd_buf_add_varint(out, d->flags);
    ptd_buf_add_varint(out, (uint32_t)(d->owner + 1));
    ptd_buf_add_varint(out, d->line - last_line);
    ptd_buf_add_varint(out, d->end_line - d->line);
    write_sum(d->checksum, out);
}

static void sort_binds(struct ptd_survey_result *r)
{
    size_t kept = 0;
    if (r->bind_count)
        qsort(r->binds, r->bind_count, sizeof(*r->binds), compare_bound);
    for (size_t i = 0; i < r->bind_count; i++)
        if (!kept || compare_bound(&r->binds[kept - 1], &r->binds[i]) != 0)
            r->binds[kept++] = r->binds[i];
    r->bind_count = kept;
}

void ptd_survey_write(struct ptd_survey_result *r, const struct ptd_drafts *drafts,
                      struct ptd_buf *out)
{
    size_t heard = 0, binds = 0, imports = 0, hints = 0;
    uint32_t line = 0;
    merge(r);
    drop_locals(r, drafts);
    sort_binds(r);
    ptd_buf_add_varint(out, r->names.count);
    for (size_t i = 0; i < r->names.count; i++) {
        ptd_buf_add_varint(out, r->names.entries[i].len);
        ptd_buf_add(out, r->names.entries[i].key, r->names.entries[i].len);
    }
    write_blocks(r, drafts, &heard, out);
    ptd_buf_add_varint(out, r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct ptd_draft_definition *d = &r->items[i];
        write_definition(d, line, out);
        line = d->line;
        write_binds(r, i, &binds, out);
        write_mentions(r, PTD_SINK_DEFINITION + i, d->reflects, &heard, out);
        write_imports(r, i, &imports, out);
        if (d->kind != PTD_DEFINES_FUNCTION)
            continue;
        write_sum(d->plain, out);
        write_hints(r, i, &hints, out);
    }
}

void ptd_survey_result_release(struct ptd_survey_result *r)
{
    ptd_map_release(&r->names);
    free(r->heard);
    free(r->draft_reflects);
    free(r->items);
    free(r->binds);
    free(r->imports);
    free(r->hints);
    *r = (struct ptd_survey_result){0};
}
