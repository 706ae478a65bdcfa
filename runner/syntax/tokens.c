#include "syntax/tokens.h"

#include <stdbool.h>
#include <string.h>

enum tag {
    TAG_ENTER = 1,
    TAG_LEAVE,
    TAG_TEXT,
    TAG_STRING_START,
    TAG_DIGEST,
};

static void put_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

void ptd_tokens_enter(struct ptd_buf *stream, uint32_t stamp)
{
    const unsigned char item[] = {TAG_ENTER, (unsigned char)stamp, (unsigned char)(stamp >> 8),
                                  (unsigned char)(stamp >> 16), (unsigned char)(stamp >> 24)};
    ptd_buf_add(stream, item, sizeof(item));
}

void ptd_tokens_leave(struct ptd_buf *stream)
{
    ptd_buf_addc(stream, TAG_LEAVE);
}

void ptd_tokens_text(struct ptd_buf *stream, const char *text, size_t len)
{
    if (len < 0x80) { /* nearly always: one call for tag and length */
        const char head[] = {TAG_TEXT, (char)len};
        ptd_buf_add(stream, head, sizeof(head));
    } else {
        ptd_buf_addc(stream, TAG_TEXT);
        ptd_buf_add_varint(stream, len);
    }
    ptd_buf_add(stream, text, len);
}

void ptd_tokens_number(struct ptd_buf *stream, const char *text, size_t len)
{
    size_t digits = 0;
    for (size_t i = 0; i < len; i++)
        digits += text[i] != '_';
    ptd_buf_addc(stream, TAG_TEXT);
    ptd_buf_add_varint(stream, digits);
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c != '_')
            ptd_buf_addc(stream, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
}

void ptd_tokens_string_start(struct ptd_buf *stream, const char *text, size_t len)
{
    unsigned char flags = 0;
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case 'r':
        case 'R':
            flags |= 1;
            break;
        case 'b':
        case 'B':
            flags |= 2;
            break;
        case 'f':
        case 'F':
            flags |= 4;
            break;
        case 't':
        case 'T':
            flags |= 8;
            break;
        default: /* u, which means nothing, and the quotes */
            break;
        }
    }
    const unsigned char item[] = {TAG_STRING_START, flags};
    ptd_buf_add(stream, item, sizeof(item));
}

static size_t blank_prefix(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len) {
        if (text[n] == ' ' || text[n] == '\n' || text[n] == '\t' || text[n] == '\f')
            n++;
        else if (text[n] == '\\' && n + 1 < len && text[n + 1] == '\n')
            n += 2;
        else
            break;
    }
    return n;
}

void ptd_tokens_gap(struct ptd_buf *stream, const char *text, size_t len)
{
    size_t skip = blank_prefix(text, len);
    if (skip < len)
        ptd_tokens_text(stream, text + skip, len - skip);
}

void ptd_tokens_digest(struct ptd_buf *stream, uint64_t value)
{
    unsigned char item[9] = {TAG_DIGEST};
    put_u64(item + 1, value);
    ptd_buf_add(stream, item, sizeof(item));
}

void ptd_tokens_patch_digest(struct ptd_buf *stream, size_t at, uint64_t value)
{
    put_u64((unsigned char *)stream->data + at + 1, value);
}
