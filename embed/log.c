#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/crc32.h"

/* The functions of libc are replaced in this process and would tell us about ourselves. */
static int open_raw(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0666);
}

/* Room on the disk, so that writing to the mapping cannot fail. */
static bool reserve(int fd, uint64_t size)
{
    static const char zeros[4096];
    struct stat st;
    struct rlimit limit;
    /* Beyond its limit the process would be killed. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
        errno = EFBIG;
        return false;
    }
    if (fallocate(fd, 0, 0, (off_t)size) == 0)
        return true;
    if (errno != EOPNOTSUPP || fstat(fd, &st) < 0)
        return false;
    for (off_t at = st.st_size; (uint64_t)at < size; at += (off_t)sizeof zeros)
        if (pwrite(fd, zeros, sizeof zeros, at) != (ssize_t)sizeof zeros)
            return false;
    return true;
}

static void *map(int fd, uint64_t from, size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)from);
    return at == MAP_FAILED ? NULL : at;
}

static bool adopt(struct ptd_log *log, int fd, const char *path)
{
    memset(log->chunks, 0, sizeof log->chunks);
    strcpy(log->path, path);
    log->chunks[0] = map(fd, 0, PTD_LOG_CHUNK);
    log->header = log->chunks[0];
    return log->header != NULL;
}

bool ptd_log_create(struct ptd_log *log, const char *path, const char *magic)
{
    log->header = NULL;
    if (strlen(path) >= sizeof log->path)
        return false;
    int fd = open_raw(path, O_RDWR | O_CREAT | O_EXCL);
    if (fd < 0)
        return false;
    bool done = reserve(fd, PTD_LOG_CHUNK) && adopt(log, fd, path);
    int error = errno;
    close(fd);
    errno = error;
    if (!done)
        return false;
    log->header->used = PTD_LOG_HEADER;
    log->header->size = PTD_LOG_CHUNK;
    memcpy(log->header->magic, magic, sizeof log->header->magic);
    return true;
}

bool ptd_log_open(struct ptd_log *log, const char *path, const char *magic)
{
    log->header = NULL;
    if (strlen(path) >= sizeof log->path)
        return false;
    int fd = open_raw(path, O_RDWR);
    if (fd < 0)
        return false;
    struct stat st;
    bool done = fstat(fd, &st) == 0 && st.st_size >= (off_t)PTD_LOG_CHUNK && adopt(log, fd, path);
    close(fd);
    if (done && memcmp(log->header->magic, magic, sizeof log->header->magic) == 0)
        return true;
    log->header = NULL;
    return false;
}

/* The chunk, mapped, with room on the disk. */
static unsigned char *chunk_at(struct ptd_log *log, uint64_t index)
{
    void *at = __atomic_load_n(&log->chunks[index], __ATOMIC_ACQUIRE);
    if (at)
        return at;
    uint64_t end = (index + 1) * PTD_LOG_CHUNK;
    int fd = open_raw(log->path, O_RDWR);
    if (fd < 0)
        return NULL;
    bool room = __atomic_load_n(&log->header->size, __ATOMIC_ACQUIRE) >= end;
    if (!room && reserve(fd, end)) {
        room = true;
        uint64_t old = __atomic_load_n(&log->header->size, __ATOMIC_RELAXED);
        while (old < end && !__atomic_compare_exchange_n(&log->header->size, &old, end, false,
                                                         __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            continue;
    }
    if (room)
        at = map(fd, index * PTD_LOG_CHUNK, PTD_LOG_CHUNK);
    close(fd);
    void *none = NULL;
    if (at && !__atomic_compare_exchange_n(&log->chunks[index], &none, at, false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_ACQUIRE)) {
        munmap(at, PTD_LOG_CHUNK);
        at = none;
    }
    return at;
}

/* Where `len` bytes may go; UINT64_MAX when the log is full. */
static uint64_t claim(struct ptd_log *log, size_t len)
{
    uint64_t used = __atomic_load_n(&log->header->used, __ATOMIC_RELAXED), at;
    do {
        at = used;
        if (at % PTD_LOG_CHUNK + len > PTD_LOG_CHUNK)
            at += PTD_LOG_CHUNK - at % PTD_LOG_CHUNK;
        if ((at + len) / PTD_LOG_CHUNK >= PTD_LOG_CHUNKS)
            return UINT64_MAX;
    } while (!__atomic_compare_exchange_n(&log->header->used, &used, at + len, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return at;
}

bool ptd_log_append(struct ptd_log *log, const void *record, size_t len)
{
    uint32_t first;
    int error = errno;
    if (!log->header || len > PTD_LOG_CHUNK - PTD_LOG_HEADER || len < sizeof first)
        return false;
    uint64_t at = claim(log, len);
    unsigned char *chunk = at == UINT64_MAX ? NULL : chunk_at(log, at / PTD_LOG_CHUNK);
    errno = error;
    if (!chunk)
        return false;
    unsigned char *out = chunk + at % PTD_LOG_CHUNK;
    memcpy(&first, record, sizeof first);
    memcpy(out + sizeof first, (const unsigned char *)record + sizeof first, len - sizeof first);
    /* The length is what makes it a record. */
    __atomic_store_n((uint32_t *)(void *)out, first, __ATOMIC_RELEASE);
    return true;
}

static void put(struct ptd_record_buf *buf, const void *data, size_t len)
{
    if (len > sizeof buf->data - buf->len - 8) {
        buf->full = true;
        return;
    }
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void ptd_record_begin(struct ptd_record_buf *buf, uint32_t type)
{
    buf->len = 4;
    buf->full = false;
    ptd_record_u32(buf, type);
}

static void encode(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * i));
}

void ptd_record_u32(struct ptd_record_buf *buf, uint32_t value)
{
    unsigned char bytes[4];
    encode(bytes, value, 4);
    put(buf, bytes, 4);
}

void ptd_record_u64(struct ptd_record_buf *buf, uint64_t value)
{
    unsigned char bytes[8];
    encode(bytes, value, 8);
    put(buf, bytes, 8);
}

void ptd_record_text(struct ptd_record_buf *buf, const char *text)
{
    size_t len = strlen(text);
    ptd_record_u32(buf, (uint32_t)len);
    put(buf, text, len);
}

bool ptd_record_end(struct ptd_record_buf *buf, struct ptd_log *log)
{
    static const char zeros[4];
    if (buf->full)
        return false;
    encode(buf->data, buf->len - 8, 4);
    uint32_t crc = ptd_crc32(buf->data, buf->len);
    ptd_record_u32(buf, crc);
    put(buf, zeros, -buf->len & 3);
    return !buf->full && ptd_log_append(log, buf->data, buf->len);
}
