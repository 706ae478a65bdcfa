#include "base/hash.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/hex.h"
#include "base/mem.h"

uint64_t ptd_hash64(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}

static struct ptd_hash128 canonical(XXH128_hash_t value)
{
    XXH128_canonical_t text;
    XXH128_canonicalFromHash(&text, value);
    struct ptd_hash128 out;
    memcpy(out.bytes, text.digest, sizeof(out.bytes));
    return out;
}

struct ptd_hash128 ptd_hash128(const void *data, size_t len)
{
    return canonical(XXH3_128bits(data, len));
}

void ptd_hash128_text(const struct ptd_hash128 *hash, char text[33])
{
    ptd_hex_write(hash->bytes, sizeof(hash->bytes), text);
}

int ptd_hash128_equal(const struct ptd_hash128 *a, const struct ptd_hash128 *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int ptd_hash128_parse(const char *text, struct ptd_hash128 *out)
{
    return ptd_hex_read(text, strnlen(text, 32), out->bytes, sizeof(out->bytes));
}

int ptd_hash128_file(const char *path, struct ptd_hash128 *out, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot open %s", path);
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return ptd_err_set(err, PTD_E_INTERNAL, "out of memory");
    XXH3_128bits_reset(state);
    char block[65536];
    ssize_t got;
    while ((got = read(fd, block, sizeof(block))) > 0)
        XXH3_128bits_update(state, block, (size_t)got);
    if (got == 0)
        *out = canonical(XXH3_128bits_digest(state));
    XXH3_freeState(state);
    return got < 0 ? ptd_err_sys(err, PTD_E_IO, "cannot read %s", path) : 0;
}
