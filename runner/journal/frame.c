#include "journal/frame.h"

#include <string.h>

#include "base/crc32.h"
#include "contract/journal.h"

int ptd_frame_start(struct ptd_reader *in)
{
    const char *magic = ptd_reader_bytes(in, 8);
    return magic && memcmp(magic, PTD_JOURNAL_MAGIC, 8) == 0 ? 0 : -1;
}

bool ptd_frame_next(struct ptd_reader *in, uint32_t *type, struct ptd_reader *payload)
{
    const unsigned char *start = in->pos;
    if (in->bad || in->pos >= in->end)
        return false;
    uint32_t len = ptd_reader_u32(in);
    *type = ptd_reader_u32(in);
    const void *data = len <= PTD_JOURNAL_MAX_PAYLOAD ? ptd_reader_bytes(in, len) : NULL;
    uint32_t crc = ptd_reader_u32(in);
    *payload = ptd_reader_init(data, len);
    if (!data || in->bad || ptd_crc32(start, 8 + (size_t)len) != crc)
        in->bad = 1;
    return !in->bad;
}
