/* CRC-32 (IEEE 802.3, polynomial 0xEDB88320), as in zlib; used by both ends of the journal. */
#ifndef PTD_BASE_CRC32_H
#define PTD_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t ptd_crc32(const void *data, size_t len);

#endif
