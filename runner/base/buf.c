#include "base/buf.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/order.h"

void ptd_buf_release(struct ptd_buf *buf)
{
    free(buf->data);
    *buf = (struct ptd_buf)PTD_BUF_INIT;
}

void ptd_buf_reset(struct ptd_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

void ptd_buf_reserve(struct ptd_buf *buf, size_t more)
{
    buf->data = ptd_xgrow(buf->data, &buf->cap, buf->len + more + 1, 1);
}

void ptd_buf_add(struct ptd_buf *buf, const void *data, size_t len)
{
    ptd_buf_reserve(buf, len);
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void ptd_buf_adds(struct ptd_buf *buf, const char *s)
{
    ptd_buf_add(buf, s, strlen(s));
}

void ptd_buf_addc(struct ptd_buf *buf, char c)
{
    ptd_buf_add(buf, &c, 1);
}

void ptd_buf_addf(struct ptd_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0)
        PTD_BUG("bad format");
    ptd_buf_add(buf, text, (size_t)len);
    free(text);
}

void ptd_buf_add_varint(struct ptd_buf *buf, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (unsigned char)value;
    ptd_buf_add(buf, bytes, n);
}

void ptd_buf_add_ascending(struct ptd_buf *buf, uint64_t *items, size_t count)
{
    uint64_t before = 0;
    if (count)
        qsort(items, count, sizeof(*items), ptd_order_u64);
    for (size_t i = 0; i < count; i++) {
        if (i && items[i] == before)
            continue;
        ptd_buf_add_varint(buf, items[i] - before);
        before = items[i];
    }
}

char *ptd_buf_steal(struct ptd_buf *buf)
{
    ptd_buf_reserve(buf, 0);
    char *out = buf->data;
    out[buf->len] = '\0';
    *buf = (struct ptd_buf)PTD_BUF_INIT;
    return out;
}

int ptd_buf_read_file(struct ptd_buf *buf, const char *path, size_t max, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= max)
        ptd_buf_reserve(buf, (size_t)st.st_size + 1);
    size_t total = 0;
    for (;;) {
        ptd_buf_reserve(buf, 65536);
        ssize_t got = read(fd, buf->data + buf->len, 65536);
        if (got < 0)
            return ptd_err_sys(err, PTD_E_IO, "cannot read %s", path);
        if (got == 0)
            break;
        buf->len += (size_t)got;
        total += (size_t)got;
        if (total > max)
            return ptd_err_set(err, PTD_E_IO, "%s is larger than %zu bytes", path, max);
    }
    buf->data[buf->len] = '\0';
    return 0;
}

int ptd_buf_write_file(const struct ptd_buf *buf, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *temporary = ptd_xasprintf("%s.%ld.tmp", path, (long)getpid());
    FILE *stream = fopen(temporary, "we");
    if (!stream)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", temporary);
    bool written = fwrite(buf->data ? buf->data : "", 1, buf->len, stream) == buf->len;
    if (fclose(stream) == 0 && written && rename(temporary, path) == 0)
        return 0;
    ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    unlink(temporary);
    return -1;
}

struct ptd_reader ptd_reader_init(const void *data, size_t len)
{
    const unsigned char *p = data;
    return (struct ptd_reader){p, p ? p + len : p, 0};
}

uint64_t ptd_reader_varint(struct ptd_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->pos >= r->end)
            break;
        unsigned char byte = *r->pos++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->bad = 1;
    return 0;
}

const void *ptd_reader_bytes(struct ptd_reader *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->pos) < len) {
        r->bad = 1;
        return NULL;
    }
    const void *out = r->pos;
    r->pos += len;
    return out;
}

uint32_t ptd_reader_u32(struct ptd_reader *r)
{
    const unsigned char *p = ptd_reader_bytes(r, 4);
    if (!p)
        return 0;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t ptd_reader_u64(struct ptd_reader *r)
{
    uint64_t low = ptd_reader_u32(r);
    return low | (uint64_t)ptd_reader_u32(r) << 32;
}
