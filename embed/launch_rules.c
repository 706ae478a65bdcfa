#include "launch_rules.h"

#include <stdint.h>
#include <string.h>

#include "board.h"

static struct ptd_rules rules;
static uint32_t text_read;

const struct ptd_rules *ptd_launch_rules(void)
{
    const struct ptd_log_header *h = ptd_board.log.header;
    uint32_t end = h ? __atomic_load_n(&h->text_used, __ATOMIC_ACQUIRE) : 0;
    while (text_read < end) {
        const char *item = h->text + text_read;
        if (item[0] == 'r')
            ptd_rules_add_root(&rules, item + 1);
        else
            ptd_rules_add_left_out(&rules, item + 1);
        text_read += (uint32_t)strlen(item) + 1;
    }
    return &rules;
}
