#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ptd_board ptd_board;

bool ptd_board_create(const char *path)
{
    ptd_board.token = 0;
    return ptd_log_create(&ptd_board.log, path, PTD_BOARD_MAGIC);
}

bool ptd_board_attach(const char *path, uint32_t token)
{
    ptd_board.token = token;
    if (ptd_board_is_open() && strcmp(ptd_board.log.path, path) == 0)
        return true;
    return ptd_log_open(&ptd_board.log, path, PTD_BOARD_MAGIC);
}

void ptd_board_tell(char letter, const char *path)
{
    struct ptd_log_header *h = ptd_board.log.header;
    size_t len = strlen(path) + 1;
    if (!h || h->text_used + 1 + len > sizeof h->text)
        return;
    h->text[h->text_used] = letter;
    memcpy(h->text + h->text_used + 1, path, len);
    __atomic_store_n(&h->text_used, h->text_used + 1 + (uint32_t)len, __ATOMIC_RELEASE);
}

void ptd_board_lost(void)
{
    if (ptd_board_is_open())
        __atomic_fetch_add(&ptd_board.log.header->lost, 1, __ATOMIC_RELAXED);
}

static void finish(struct ptd_record_buf *buf)
{
    if (!ptd_record_end(buf, &ptd_board.log))
        ptd_board_lost();
}

uint32_t ptd_board_new_token(void)
{
    return __atomic_add_fetch(&ptd_board.log.header->next_token, 1, __ATOMIC_RELAXED);
}

void ptd_board_start(uint32_t token, uint32_t flags, const char *program)
{
    struct ptd_record_buf buf;
    __atomic_fetch_add(&ptd_board.log.header->started, 1, __ATOMIC_RELEASE);
    ptd_record_begin(&buf, PTD_B_START);
    ptd_record_u32(&buf, token);
    ptd_record_u32(&buf, ptd_board.token);
    ptd_record_u32(&buf, ptd_board_epoch());
    ptd_record_u32(&buf, flags);
    ptd_record_text(&buf, program);
    finish(&buf);
}

void ptd_board_failed(uint32_t token)
{
    struct ptd_record_buf buf;
    ptd_record_begin(&buf, PTD_B_FAILED);
    ptd_record_u32(&buf, token);
    finish(&buf);
}

void ptd_board_here(void)
{
    struct ptd_record_buf buf;
    ptd_record_begin(&buf, PTD_B_HERE);
    ptd_record_u32(&buf, ptd_board.token);
    ptd_record_u32(&buf, (uint32_t)getpid());
    finish(&buf);
}

/* Through the system call: the functions of libc are replaced. */
void ptd_sight_of(const char *path, struct ptd_sight *out)
{
    struct statx st;
    int error = errno;
    memset(out, 0, sizeof *out);
    if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &st) == 0) {
        out->type = S_ISREG(st.stx_mode)   ? PTD_PATH_FILE
                    : S_ISDIR(st.stx_mode) ? PTD_PATH_DIRECTORY
                                           : PTD_PATH_OTHER;
        out->size = st.stx_size;
        out->mtime_ns = (uint64_t)st.stx_mtime.tv_sec * 1000000000u + st.stx_mtime.tv_nsec;
        out->ino = st.stx_ino;
    }
    errno = error;
}

void ptd_board_touch(uint32_t token, enum ptd_access access, const char *path,
                     const struct ptd_sight *sight)
{
    struct ptd_record_buf buf;
    ptd_record_begin(&buf, PTD_B_TOUCH);
    ptd_record_u32(&buf, token);
    ptd_record_u32(&buf, ptd_board_epoch());
    ptd_record_u32(&buf, (uint32_t)access);
    ptd_record_text(&buf, path);
    ptd_record_u32(&buf, sight->type);
    ptd_record_u64(&buf, sight->size);
    ptd_record_u64(&buf, sight->mtime_ns);
    ptd_record_u64(&buf, sight->ino);
    finish(&buf);
}
