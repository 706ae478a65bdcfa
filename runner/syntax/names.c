#include "syntax/names.h"

#include <string.h>

/* "C.f.<locals>.g#1" -> "g#1" */
static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* Room for the names that are not the end of their key. */
static size_t numbered_names_size(const struct ptd_blocks *blocks)
{
    size_t size = 0;
    const char *key = blocks->strings.data;
    for (size_t i = 0; i < blocks->count; i++, key += strlen(key) + 1) {
        const char *name = last_part(key);
        const char *number = strchr(name, '#');
        if (number)
            size += (size_t)(number - name) + 1;
    }
    return size;
}

void ptd_names_assign(struct ptd_blocks *blocks)
{
    /* The keys are referred to from here on, so the memory must not move any more. */
    ptd_buf_reserve(&blocks->strings, numbered_names_size(blocks));
    const char *key = blocks->strings.data;
    for (size_t i = 0; i < blocks->count; i++, key += strlen(key) + 1) {
        struct ptd_block *b = &blocks->items[i];
        b->key = key;
        b->code_name = b->kind == PTD_BLOCK_MODULE ? "<module>" : last_part(key);
        const char *number = strchr(b->code_name, '#');
        if (!number)
            continue;
        const char *copy = blocks->strings.data + blocks->strings.len;
        ptd_buf_add(&blocks->strings, b->code_name, (size_t)(number - b->code_name));
        ptd_buf_addc(&blocks->strings, '\0');
        b->code_name = copy;
    }
}
