/* What a server of the pass cache answers: any bytes are refused or understood. */
#include <stddef.h>
#include <stdint.h>

#include "exchange/passes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char nodes[2][PTD_PASS_NODE] = {{0}, {1}};
    static const size_t keys[] = {0, 1};
    unsigned char passed[2] = {0};
    ptd_exchange_read_answer((const char *)data, size, 2, nodes, keys, 2, passed, NULL);
    return 0;
}
