#include "exchange/secret.h"

#include <nettle/sha2.h>
#include <string.h>

#include "base/hex.h"

/* With the NUL behind it, which keeps strings apart. */
static void add(struct sha256_ctx *ctx, const char *text)
{
    sha256_update(ctx, strlen(text) + 1, (const uint8_t *)text);
}

void ptd_exchange_hash(const struct ptd_exchange_request *request,
                       const struct ptd_exchange_item *item, struct ptd_exchange_hashes *out)
{
    struct sha256_ctx ctx;
    unsigned char bytes[SHA256_DIGEST_SIZE];
    char secret[2 * SHA256_DIGEST_SIZE + 1];
    sha256_init(&ctx);
    add(&ctx, "pyt-diff pass 1");
    add(&ctx, request->machine);
    add(&ctx, request->salt);
    sha256_update(&ctx, 32, (const uint8_t *)item->digest);
    sha256_digest(&ctx, sizeof(bytes), bytes);
    ptd_hex_write(bytes, sizeof(bytes), secret);
    sha256_update(&ctx, strlen(secret), (const uint8_t *)secret);
    sha256_digest(&ctx, sizeof(out->key), out->key);
    add(&ctx, item->nodeid);
    sha256_update(&ctx, strlen(secret), (const uint8_t *)secret);
    sha256_digest(&ctx, sizeof(out->node), out->node);
}
