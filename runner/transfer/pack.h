/* Files packed with zstd, by their first bytes. */
#ifndef PTD_TRANSFER_PACK_H
#define PTD_TRANSFER_PACK_H

#include <stdint.h>

#include "base/err.h"

/* Both make `to`, which may not be there yet, and remove it when they fail. */
int ptd_pack_file(const char *from, const char *to, struct ptd_err *err);
/* A file that is not packed is copied. More than `max` bytes are refused (PTD_E_NET), as is a file
 * that ends early. */
int ptd_unpack_file(const char *from, const char *to, uint64_t max, struct ptd_err *err);

#endif
