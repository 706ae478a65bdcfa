#include "base/crc32.h"

/*
 * Eight bytes at a time ("slicing by 8", Kounavis and Berry, 2005): tables[k][b] is the checksum of
 * the byte b followed by k zero bytes. They are written by the first caller, always with the same
 * numbers, and what tells that they are there is written last.
 */
static uint32_t tables[8][256];
static int filled;

static void fill_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
        tables[0][i] = value;
    }
    for (int k = 1; k < 8; k++) {
        for (int i = 0; i < 256; i++)
            tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 255];
    }
    __atomic_store_n(&filled, 1, __ATOMIC_RELEASE);
}

static uint32_t add_eight(uint32_t crc, const unsigned char *p)
{
    crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^
           tables[4][crc >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
           tables[0][p[7]];
}

uint32_t ptd_crc32(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint32_t crc = 0xffffffff;
    if (!__atomic_load_n(&filled, __ATOMIC_ACQUIRE))
        fill_tables();
    for (; len >= 8; len -= 8, p += 8)
        crc = add_eight(crc, p);
    for (; len; len--, p++)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255];
    return crc ^ 0xffffffff;
}
