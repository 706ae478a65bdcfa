#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "syntax/blocks.h"
#include "syntax/names.h"

/* Raised when the layout of the bytes changes; PTD_BLOCKS_VERSION is about what they mean. */
#define LAYOUT 3

/* The least that one item takes: five fields of a byte, and the checksum. */
#define ITEM_MIN  (4 + 8)
#define PLACE_MIN 3

static void add_u64(struct ptd_buf *out, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    ptd_buf_add(out, bytes, sizeof(bytes));
}

void ptd_blocks_write(const struct ptd_blocks *blocks, struct ptd_buf *out)
{
    ptd_buf_addc(out, LAYOUT);
    ptd_buf_add_varint(out, PTD_BLOCKS_VERSION);
    ptd_buf_addc(out, blocks->broken);
    ptd_buf_add_varint(out, blocks->count);
    uint32_t line = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        const struct ptd_block *b = &blocks->items[i];
        size_t len = strlen(b->key);
        ptd_buf_addc(out, (char)b->kind);
        ptd_buf_add_varint(out, b->line - line);
        ptd_buf_add_varint(out, b->end_line - b->line);
        add_u64(out, b->checksum);
        ptd_buf_add_varint(out, len);
        ptd_buf_add(out, b->key, len);
        line = b->line;
    }
    ptd_buf_add_varint(out, blocks->place_count);
    line = 0;
    for (size_t i = 0; i < blocks->place_count; i++) {
        const struct ptd_place *p = &blocks->places[i];
        ptd_buf_add_varint(out, p->line - line);
        ptd_buf_addc(out, (char)p->kind);
        ptd_buf_add_varint(out, p->block);
        line = p->line;
    }
    ptd_buf_add_varint(out, blocks->definitions.len);
    ptd_buf_add(out, blocks->definitions.data ? blocks->definitions.data : "",
                blocks->definitions.len);
}

/* A number that must not be greater than `max`. */
static uint32_t read_up_to(struct ptd_reader *r, uint32_t max)
{
    uint64_t value = ptd_reader_varint(r);
    if (value > max) {
        r->bad = 1;
        return 0;
    }
    return (uint32_t)value;
}

/* The number of things of at least `size` bytes each. */
static size_t read_count(struct ptd_reader *r, size_t size)
{
    uint64_t count = ptd_reader_varint(r);
    if (count > (size_t)(r->end - r->pos) / size)
        r->bad = 1;
    return r->bad ? 0 : (size_t)count;
}

static void read_item(struct ptd_reader *r, struct ptd_blocks *out, uint32_t *line)
{
    struct ptd_block *b = &out->items[out->count];
    b->kind = (enum ptd_block_kind)read_up_to(r, PTD_BLOCK_LAMBDA);
    b->line = *line + read_up_to(r, UINT32_MAX - *line);
    b->end_line = b->line + read_up_to(r, UINT32_MAX - b->line);
    b->checksum = ptd_reader_u64(r);
    uint64_t len = ptd_reader_varint(r);
    const char *key = len <= SIZE_MAX ? ptd_reader_bytes(r, (size_t)len) : NULL;
    if (!key || memchr(key, '\0', (size_t)len) ||
        (b->kind == PTD_BLOCK_MODULE) != (out->count == 0)) {
        r->bad = 1;
        return;
    }
    *line = b->line;
    ptd_buf_add(&out->strings, key, (size_t)len);
    ptd_buf_addc(&out->strings, '\0');
    out->count++;
}

static void read_items(struct ptd_reader *r, struct ptd_blocks *out)
{
    size_t count = read_count(r, ITEM_MIN);
    uint32_t line = 0;
    if (count == 0)
        r->bad = 1;
    else
        out->items = ptd_xcalloc(count, sizeof(*out->items));
    for (size_t i = 0; i < count && !r->bad; i++)
        read_item(r, out, &line);
}

static void read_places(struct ptd_reader *r, struct ptd_blocks *out)
{
    size_t count = read_count(r, PLACE_MIN);
    uint32_t line = 0;
    if (count > 0)
        out->places = ptd_xcalloc(count, sizeof(*out->places));
    for (size_t i = 0; i < count && !r->bad; i++) {
        struct ptd_place *p = &out->places[i];
        p->line = line = line + read_up_to(r, UINT32_MAX - line);
        p->kind = (enum ptd_place_kind)read_up_to(r, PTD_PLACE_ANNOTATE);
        p->block = read_up_to(r, (uint32_t)out->count - 1);
    }
    out->place_count = count;
}

/* They are looked into when somebody asks for them. */
static void read_definitions(struct ptd_reader *r, struct ptd_blocks *out)
{
    size_t len = read_count(r, 1);
    const void *data = ptd_reader_bytes(r, len);
    if (data && len)
        ptd_buf_add(&out->definitions, data, len);
}

int ptd_blocks_read(const void *data, size_t len, struct ptd_blocks *out)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    *out = (struct ptd_blocks){0};
    if (read_up_to(&r, LAYOUT) != LAYOUT || ptd_reader_varint(&r) != PTD_BLOCKS_VERSION)
        return -1;
    out->broken = read_up_to(&r, 1) == 1;
    read_items(&r, out);
    if (!r.bad)
        read_places(&r, out);
    if (!r.bad)
        read_definitions(&r, out);
    if (r.bad || r.pos != r.end || (out->broken && out->count != 1)) {
        ptd_blocks_release(out);
        return -1;
    }
    ptd_names_assign(out);
    return 0;
}
