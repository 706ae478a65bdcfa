/* What clients of the pass cache send: any bytes are refused or understood. */
#include <stddef.h>
#include <stdint.h>

#include "serve/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptd_wire_keys keys;
    struct ptd_wire_passes passes;
    if (!size)
        return 0;
    if (data[0] & 1) {
        if (ptd_wire_read_query((const char *)data + 1, size - 1, &keys, NULL) == 0)
            ptd_wire_keys_release(&keys);
    } else if (ptd_wire_read_publish((const char *)data + 1, size - 1, &passes, NULL) == 0) {
        ptd_wire_passes_release(&passes);
    }
    return 0;
}
