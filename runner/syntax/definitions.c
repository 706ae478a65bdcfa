#include "syntax/definitions.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* Growing pools while reading: offsets now, pointers when everything is there. */
struct reading {
    struct ptd_reader r;
    struct ptd_definitions *out;
    struct ptd_buf strings;
    size_t mention_count, mention_cap;
    size_t bind_count, bind_cap;
    size_t import_count, import_cap;
    size_t hint_count, hint_cap;
};

static uint32_t read_up_to(struct reading *s, uint64_t max)
{
    uint64_t value = ptd_reader_varint(&s->r);
    if (value > max)
        s->r.bad = 1;
    return s->r.bad ? 0 : (uint32_t)value;
}

/* The number of things of at least a byte each. */
static size_t read_count(struct reading *s)
{
    return read_up_to(s, (uint64_t)(s->r.end - s->r.pos));
}

static uint32_t read_name(struct reading *s)
{
    return read_up_to(s, s->out->name_count ? s->out->name_count - 1 : 0);
}

/* A name, or PTD_NO_NAME. */
static uint32_t read_optional(struct reading *s)
{
    return read_up_to(s, s->out->name_count) - 1;
}

static void read_names(struct reading *s)
{
    size_t count = read_count(s);
    for (size_t i = 0; i < count && !s->r.bad; i++) {
        size_t len = read_count(s);
        const char *text = ptd_reader_bytes(&s->r, len);
        if (!text || memchr(text, '\0', len)) {
            s->r.bad = 1;
            return;
        }
        ptd_buf_add(&s->strings, text, len);
        ptd_buf_addc(&s->strings, '\0');
    }
    s->out->strings = ptd_buf_steal(&s->strings);
    s->out->names = ptd_xcalloc(count, sizeof(char *));
    s->out->name_count = s->r.bad ? 0 : count;
    const char *at = s->out->strings;
    for (size_t i = 0; i < s->out->name_count; i++, at += strlen(at) + 1)
        s->out->names[i] = at;
}

static void read_mentions(struct reading *s, struct ptd_mentions *out)
{
    const unsigned char *flags = ptd_reader_bytes(&s->r, 1);
    size_t count = read_count(s);
    uint32_t name = 0;
    if (!flags || s->r.bad)
        return;
    out->reflects = *flags;
    out->items = (const struct ptd_mention *)s->mention_count; /* made a pointer by settle() */
    for (size_t i = 0; i < count && !s->r.bad; i++) {
        name += read_up_to(s, UINT32_MAX - name);
        uint32_t how = read_up_to(s, UINT32_MAX);
        if (s->r.bad || name >= s->out->name_count) {
            s->r.bad = 1;
            return;
        }
        s->out->mention_pool = ptd_xgrow(s->out->mention_pool, &s->mention_cap,
                                         s->mention_count + 1, sizeof(struct ptd_mention));
        s->out->mention_pool[s->mention_count++] = (struct ptd_mention){name, how};
    }
    out->count = count;
}

static void read_blocks(struct reading *s)
{
    size_t count = read_count(s);
    s->out->blocks = ptd_xcalloc(count, sizeof(*s->out->blocks));
    for (; s->out->block_count < count && !s->r.bad; s->out->block_count++)
        read_mentions(s, &s->out->blocks[s->out->block_count]);
}

static void read_binds(struct reading *s, struct ptd_definition *d)
{
    size_t count = read_count(s);
    uint32_t name = 0;
    d->binds = (const uint32_t *)s->bind_count;
    for (size_t i = 0; i < count && !s->r.bad; i++) {
        name += read_up_to(s, UINT32_MAX - name);
        if (name >= s->out->name_count)
            s->r.bad = 1;
        s->out->bind_pool =
            ptd_xgrow(s->out->bind_pool, &s->bind_cap, s->bind_count + 1, sizeof(uint32_t));
        s->out->bind_pool[s->bind_count++] = name;
    }
    d->bind_count = count;
}

static void read_imports(struct reading *s, struct ptd_definition *d)
{
    size_t count = read_count(s);
    d->imports = (const struct ptd_import *)s->import_count;
    for (size_t i = 0; i < count && !s->r.bad; i++) {
        s->out->import_pool = ptd_xgrow(s->out->import_pool, &s->import_cap, s->import_count + 1,
                                        sizeof(struct ptd_import));
        struct ptd_import *im = &s->out->import_pool[s->import_count++];
        im->module = read_name(s);
        im->name = read_optional(s);
        im->as = read_optional(s);
    }
    d->import_count = count;
}

static void read_hints(struct reading *s, struct ptd_definition *d)
{
    size_t count = read_count(s);
    d->hints = (const struct ptd_hint *)s->hint_count;
    for (size_t i = 0; i < count && !s->r.bad; i++) {
        s->out->hint_pool =
            ptd_xgrow(s->out->hint_pool, &s->hint_cap, s->hint_count + 1, sizeof(struct ptd_hint));
        struct ptd_hint *h = &s->out->hint_pool[s->hint_count++];
        h->name = read_optional(s);
        h->use = (enum ptd_hint_use)read_up_to(s, PTD_HINT_OTHER);
        h->result = PTD_HINT_WHOLE;
        h->shape = PTD_HINT_TYPES;
        h->count = 0;
        if (h->use == PTD_HINT_BASE) {
            h->result = (enum ptd_hint_use)read_up_to(s, PTD_HINT_OPERAND);
            h->shape = (enum ptd_hint_shape)read_up_to(s, PTD_HINT_CONSTANTS);
            h->count = read_up_to(s, UINT32_MAX);
        }
        if ((h->name == PTD_NO_NAME) != (h->use >= PTD_HINT_UNION))
            s->r.bad = 1;
    }
    d->hint_count = count;
}

static void read_items(struct reading *s)
{
    size_t count = read_count(s);
    uint32_t line = 0;
    s->out->items = ptd_xcalloc(count, sizeof(*s->out->items));
    for (size_t i = 0; i < count && !s->r.bad; i++) {
        struct ptd_definition *d = &s->out->items[s->out->count++];
        d->kind = (enum ptd_definition_kind)read_up_to(s, PTD_DEFINES_NOTHING);
        d->flags = read_up_to(s, UINT32_MAX);
        d->owner = read_up_to(s, i) - 1;
        d->line = line += read_up_to(s, UINT32_MAX - line);
        d->end_line = d->line + read_up_to(s, UINT32_MAX - d->line);
        d->checksum = ptd_reader_u64(&s->r);
        read_binds(s, d);
        read_mentions(s, &d->mentions);
        read_imports(s, d);
        if (d->kind != PTD_DEFINES_FUNCTION)
            continue;
        d->plain = ptd_reader_u64(&s->r);
        read_hints(s, d);
    }
}

static void settle_mentions(const struct ptd_definitions *out, struct ptd_mentions *m)
{
    m->items = out->mention_pool ? out->mention_pool + (size_t)m->items : NULL;
}

static void settle(struct ptd_definitions *out)
{
    for (size_t i = 0; i < out->block_count; i++)
        settle_mentions(out, &out->blocks[i]);
    for (size_t i = 0; i < out->count; i++) {
        struct ptd_definition *d = &out->items[i];
        settle_mentions(out, &d->mentions);
        d->binds = out->bind_pool ? out->bind_pool + (size_t)d->binds : NULL;
        d->imports = out->import_pool ? out->import_pool + (size_t)d->imports : NULL;
        d->hints = out->hint_pool ? out->hint_pool + (size_t)d->hints : NULL;
    }
}

int ptd_definitions_read(const void *data, size_t len, struct ptd_definitions *out)
{
    *out = (struct ptd_definitions){0};
    struct reading s = {.r = ptd_reader_init(data, len), .out = out};
    read_names(&s);
    if (!s.r.bad)
        read_blocks(&s);
    if (!s.r.bad)
        read_items(&s);
    ptd_buf_release(&s.strings);
    if (len == 0 || s.r.bad || s.r.pos != s.r.end) {
        ptd_definitions_release(out);
        return -1;
    }
    settle(out);
    return 0;
}

void ptd_definitions_release(struct ptd_definitions *d)
{
    free(d->names);
    free(d->blocks);
    free(d->items);
    free(d->strings);
    free(d->mention_pool);
    free(d->bind_pool);
    free(d->import_pool);
    free(d->hint_pool);
    *d = (struct ptd_definitions){0};
}

uint32_t ptd_definitions_find_name(const struct ptd_definitions *d, const char *name)
{
    for (size_t i = 0; i < d->name_count; i++)
        if (strcmp(d->names[i], name) == 0)
            return (uint32_t)i;
    return PTD_NO_NAME;
}

uint32_t ptd_mentions_how(const struct ptd_mentions *m, uint32_t name)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->items[mid].name == name)
            return m->items[mid].how;
        if (m->items[mid].name < name)
            low = mid + 1;
        else
            high = mid;
    }
    return 0;
}
