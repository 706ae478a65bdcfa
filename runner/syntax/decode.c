#include "syntax/decode.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>

/* A slice of the source. */
struct span {
    const unsigned char *pos;
    const unsigned char *end;
};

/* Longer names are no encoding that anybody knows. */
#define ENCODING_MAX 64

static size_t ascii_prefix(const unsigned char *p, size_t len)
{
    size_t n = 0;
    uint64_t word;
    while (n + sizeof(word) <= len) {
        memcpy(&word, p + n, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
        n += sizeof(word);
    }
    while (n < len && p[n] < 0x80)
        n++;
    return n;
}

/* Length of the well-formed multi-byte sequence at `p`, 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0];
    size_t n = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4 || left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (lead == 0xe0 && p[1] < 0xa0) || (lead == 0xf0 && p[1] < 0x90);
    bool beyond = (lead == 0xed && p[1] > 0x9f) || (lead == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

static bool is_utf8(const unsigned char *p, size_t len)
{
    size_t at = 0;
    while ((at += ascii_prefix(p + at, len - at)) < len) {
        size_t n = utf8_sequence(p + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

static struct span next_line(struct span *rest)
{
    struct span line = {rest->pos, rest->pos};
    while (line.end < rest->end && *line.end != '\n' && *line.end != '\r')
        line.end++;
    rest->pos = line.end;
    if (rest->pos < rest->end && *rest->pos == '\r')
        rest->pos++;
    if (rest->pos < rest->end && *rest->pos == '\n' &&
        (rest->pos == line.end || rest->pos[-1] == '\r'))
        rest->pos++;
    return line;
}

static bool is_name_byte(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || c == '-' || c == '_' || c == '.');
}

/* The name behind "coding:" or "coding=" in a comment line; false when the line has none. */
static bool cookie_in_line(struct span line, char name[ENCODING_MAX])
{
    static const char word[] = "coding";
    const size_t word_len = sizeof(word) - 1;
    while (line.pos < line.end && strchr(" \t\f", *line.pos) && *line.pos)
        line.pos++;
    if (line.pos == line.end || *line.pos != '#')
        return false;
    for (; (size_t)(line.end - line.pos) > word_len; line.pos++) {
        if (memcmp(line.pos, word, word_len) != 0)
            continue;
        const unsigned char *p = line.pos + word_len;
        if (*p != ':' && *p != '=')
            continue;
        p++;
        while (p < line.end && (*p == ' ' || *p == '\t'))
            p++;
        size_t n = 0;
        while (p < line.end && is_name_byte(*p) && n < ENCODING_MAX - 1)
            name[n++] = *p == '_' ? '-' : (char)tolower(*p), p++;
        name[n] = '\0';
        if (n > 0)
            return true;
    }
    return false;
}

static bool is_blank_or_comment(struct span line)
{
    while (line.pos < line.end && (*line.pos == ' ' || *line.pos == '\t' || *line.pos == '\f'))
        line.pos++;
    return line.pos == line.end || *line.pos == '#';
}

/* The declared encoding in lower case with "-" for "_"; "utf-8" when there is no declaration. */
static void find_encoding(struct span source, char name[ENCODING_MAX])
{
    struct span first = next_line(&source);
    if (cookie_in_line(first, name))
        return;
    if (is_blank_or_comment(first) && cookie_in_line(next_line(&source), name))
        return;
    strcpy(name, "utf-8");
}

static void from_latin1(struct span source, struct ptd_buf *out)
{
    for (; source.pos < source.end; source.pos++) {
        unsigned char c = *source.pos;
        if (c >= 0x80) {
            ptd_buf_addc(out, (char)(0xc0 | c >> 6));
            c = 0x80 | (c & 0x3f);
        }
        ptd_buf_addc(out, (char)c);
    }
}

static bool from_other(struct span source, const char *encoding, struct ptd_buf *out)
{
    iconv_t conv = iconv_open("UTF-8", encoding);
    if (conv == (iconv_t)-1)
        return false;
    char *in = (char *)(uintptr_t)source.pos; /* iconv does not write there */
    size_t left = (size_t)(source.end - source.pos);
    bool ok = true;
    for (bool flushed = false; ok && !flushed;) {
        char chunk[4096];
        char *to = chunk;
        size_t room = sizeof(chunk);
        flushed = left == 0;
        size_t rc = iconv(conv, flushed ? NULL : &in, flushed ? NULL : &left, &to, &room);
        ok = rc != (size_t)-1 || (errno == E2BIG && room < sizeof(chunk));
        ptd_buf_add(out, chunk, sizeof(chunk) - room);
    }
    iconv_close(conv);
    return ok && !memchr(out->data ? out->data : "", '\0', out->len);
}

static bool is_any(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

/* CPython accepts any ending behind these two ("utf-8-unix", as Emacs writes it). */
static bool begins_like(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 && (name[n] == '\0' || name[n] == '-');
}

static bool to_utf8(struct span source, struct ptd_buf *out)
{
    static const char *const utf8[] = {"utf8", "u8", "utf", "cp65001", NULL};
    static const char *const ascii[] = {"ascii", "us-ascii", "646", NULL};
    static const char *const latin1[] = {"latin1", "l1",    "latin", "iso8859-1",
                                         "8859",   "cp819", NULL};
    size_t len = (size_t)(source.end - source.pos);
    char encoding[ENCODING_MAX] = "";
    find_encoding(source, encoding);
    if (begins_like(encoding, "utf-8") || is_any(encoding, utf8)) {
        ptd_buf_add(out, source.pos, len);
        return is_utf8(source.pos, len);
    }
    if (is_any(encoding, ascii)) {
        ptd_buf_add(out, source.pos, len);
        return ascii_prefix(source.pos, len) == len;
    }
    if (begins_like(encoding, "latin-1") || begins_like(encoding, "iso-8859-1") ||
        begins_like(encoding, "iso-latin-1") || is_any(encoding, latin1)) {
        from_latin1(source, out);
        return true;
    }
    return from_other(source, encoding, out) && is_utf8((const unsigned char *)out->data, out->len);
}

static void unify_line_ends(struct ptd_buf *buf)
{
    char *to = buf->data ? memchr(buf->data, '\r', buf->len) : NULL;
    if (!to)
        return;
    const char *end = buf->data + buf->len;
    for (const char *from = to; from < end; from++) {
        if (*from != '\r')
            *to++ = *from;
        else if (from + 1 == end || from[1] != '\n')
            *to++ = '\n';
    }
    buf->len = (size_t)(to - buf->data);
    *to = '\0';
}

bool ptd_decode_source(const void *source, size_t len, struct ptd_buf *out)
{
    static const unsigned char bom[] = {0xef, 0xbb, 0xbf};
    struct span span = {source, NULL};
    if (len == 0)
        return true;
    span.end = span.pos + len;
    if (memchr(span.pos, '\0', len))
        return false;
    if (len >= sizeof(bom) && memcmp(span.pos, bom, sizeof(bom)) == 0) {
        span.pos += sizeof(bom);
        len -= sizeof(bom);
        ptd_buf_add(out, span.pos, len);
        if (!is_utf8(span.pos, len))
            return false;
    } else if (!to_utf8(span, out)) {
        return false;
    }
    unify_line_ends(out);
    return true;
}
