#include "journal_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32.h"
#include "board.h"
#include "contract/journal.h"

/* Descriptors below stay free for the code under test, which may rely on their numbers. */
#define LOWEST_FD 200

static struct {
    char dir[PATH_MAX];
    char path[PATH_MAX];
    int fd;
    dev_t dev;
    ino_t ino;
    off_t size; /* behind the last whole batch */
    char *data; /* owned: the pending records */
    size_t len, cap;
    size_t record; /* where the record that is being built begins */
    bool closed;
    bool follows; /* each record goes to `log` as soon as it is complete */
    char failed[256];
} journal = {.fd = -1};

static struct ptd_log child_log;

static void fail(const char *what, int error)
{
    if (!journal.failed[0])
        snprintf(journal.failed, sizeof journal.failed, "%s: %s", what, strerror(error));
    journal.closed = true;
    journal.len = 0;
    if (journal.follows)
        ptd_board_lost();
}

void ptd_journal_open(const char *dir)
{
    snprintf(journal.dir, sizeof journal.dir, "%s", dir);
}

static void add(const void *bytes, size_t len)
{
    if (journal.closed)
        return;
    if (journal.cap - journal.len < len) {
        size_t cap = (journal.cap + len) * 2 + 4096;
        char *grown = realloc(journal.data, cap);
        if (!grown) {
            fail("cannot keep the journal", ENOMEM);
            return;
        }
        journal.data = grown;
        journal.cap = cap;
    }
    memcpy(journal.data + journal.len, bytes, len);
    journal.len += len;
}

static void encode(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * i));
}

void ptd_journal_u32(uint32_t value)
{
    unsigned char bytes[4];
    encode(bytes, value, 4);
    add(bytes, 4);
}

void ptd_journal_u64(uint64_t value)
{
    unsigned char bytes[8];
    encode(bytes, value, 8);
    add(bytes, 8);
}

void ptd_journal_bytes(const char *text, size_t len)
{
    ptd_journal_u32((uint32_t)len);
    add(text, len);
}

void ptd_journal_u32s(const uint32_t *values, size_t count)
{
    ptd_journal_u32((uint32_t)count);
    for (size_t i = 0; i < count; i++)
        ptd_journal_u32(values[i]);
}

void ptd_journal_begin(uint32_t type)
{
    journal.record = journal.len;
    ptd_journal_u32(0);
    ptd_journal_u32(type);
}

/* A journal of a process that may be killed at any time. */
static bool create_log(void)
{
    for (int n = 0; n < 10000; n++) {
        int len = snprintf(journal.path, sizeof journal.path, "%s/%ld-%d%s", journal.dir,
                           (long)getpid(), n, PTD_JOURNAL_SUFFIX);
        if (len >= (int)sizeof journal.path)
            return false;
        if (ptd_log_create(&child_log, journal.path, PTD_CHILD_MAGIC))
            return true;
        if (errno != EEXIST)
            return false;
    }
    return false;
}

static void hand_over(void)
{
    static const char zeros[4];
    add(zeros, -journal.len & 3);
    if (!journal.closed && ((!child_log.header && !create_log()) ||
                            !ptd_log_append(&child_log, journal.data, journal.len)))
        fail("cannot write the journal", errno);
    journal.len = 0;
}

void ptd_journal_end(void)
{
    if (journal.closed)
        return;
    size_t payload = journal.len - journal.record - 8;
    if (payload > PTD_JOURNAL_MAX_PAYLOAD) {
        fail("cannot write the journal", EFBIG);
        return;
    }
    encode((unsigned char *)journal.data + journal.record, payload, 4);
    ptd_journal_u32(ptd_crc32(journal.data + journal.record, payload + 8));
    if (journal.follows)
        hand_over();
}

/* Above the numbers that code under test plays with, where the limits allow it. */
static int lift(int fd)
{
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
    if (lifted < 0)
        return fd;
    close(fd);
    return lifted;
}

static int remember(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    journal.fd = fd;
    journal.dev = st.st_dev;
    journal.ino = st.st_ino;
    return 0;
}

static int create(void)
{
    int fd = -1;
    for (int n = 0; fd < 0 && n < 10000; n++) {
        int len = snprintf(journal.path, sizeof journal.path, "%s/%ld-%d%s", journal.dir,
                           (long)getpid(), n, PTD_JOURNAL_SUFFIX);
        if (len >= (int)sizeof journal.path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(journal.path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    return fd < 0 ? -1 : remember(lift(fd));
}

/* Code under test may have closed the descriptor, and its number may belong to another file by now.
 */
static int reopen_if_lost(void)
{
    struct stat st;
    if (fstat(journal.fd, &st) == 0 && st.st_dev == journal.dev && st.st_ino == journal.ino)
        return 0;
    dev_t dev = journal.dev;
    ino_t ino = journal.ino;
    int fd = open(journal.path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || remember(lift(fd)) < 0)
        return -1;
    if (journal.dev != dev || journal.ino != ino) {
        errno = ESTALE;
        return -1;
    }
    return 0;
}

static int write_whole(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(journal.fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int begin_file(void)
{
    if (create() < 0 || write_whole(PTD_JOURNAL_MAGIC, 8) < 0)
        return -1;
    journal.size = 8;
    return 0;
}

static int write_batch(void)
{
    if ((journal.fd < 0 ? begin_file() : reopen_if_lost()) < 0)
        return -1;
    if (write_whole(journal.data, journal.len) < 0) {
        int error = errno;
        if (ftruncate(journal.fd, journal.size) < 0)
            error = errno;
        errno = error;
        return -1;
    }
    journal.size += (off_t)journal.len;
    journal.len = 0;
    return 0;
}

bool ptd_journal_create(void)
{
    if (!journal.closed && journal.fd < 0 && begin_file() < 0)
        fail("cannot write the journal", errno);
    return !journal.closed;
}

const char *ptd_journal_path(void)
{
    return journal.path;
}

const char *ptd_journal_name(void)
{
    const char *slash = strrchr(journal.path, '/');
    return slash ? slash + 1 : journal.path;
}

void ptd_journal_follow(const char *dir)
{
    if (dir)
        ptd_journal_open(dir);
    if (journal.fd >= 0)
        close(journal.fd);
    journal.fd = -1;
    journal.follows = true;
    journal.len = 0;
    child_log.header = NULL;
}

void ptd_journal_commit(void)
{
    int error = errno;
    if (!journal.closed && journal.len && write_batch() < 0)
        fail("cannot write the journal", errno);
    errno = error;
}

void ptd_journal_forked(void)
{
    journal.closed = true;
    journal.len = 0;
}

const char *ptd_journal_failed(void)
{
    return journal.failed[0] ? journal.failed : NULL;
}
