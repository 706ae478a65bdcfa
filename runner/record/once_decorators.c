#include "record/once_decorators.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "syntax/definitions.h"

static bool sounds_like_cache(const char *name)
{
    static const char *const words[] = {"cache", "memo", "once", "lazy", "singleton"};
    for (; *name; name++)
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
            if (strncasecmp(name, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}

/* "f" and "f.<locals>.g", also as the second of their name. */
static bool is_within(const char *key, const char *outer)
{
    size_t len = strlen(outer);
    return strncmp(key, outer, len) == 0 &&
           (!key[len] || strncmp(key + len, ".<locals>.", 10) == 0);
}

static bool is_plain_function(const struct ptd_blocks *blocks, uint32_t block)
{
    struct ptd_definitions d;
    bool plain = true;
    if (!blocks || blocks->broken || block == 0 || block >= blocks->count ||
        blocks->items[block].kind != PTD_BLOCK_FUNCTION ||
        sounds_like_cache(blocks->items[block].code_name) ||
        ptd_definitions_read(blocks->definitions.data, blocks->definitions.len, &d) < 0)
        return false;
    if (d.block_count != blocks->count)
        plain = false;
    for (size_t i = 1; plain && i < blocks->count; i++) {
        if (!is_within(blocks->items[i].key, blocks->items[block].key))
            continue;
        for (size_t k = 0; plain && k < d.blocks[i].count; k++)
            plain = !sounds_like_cache(d.names[d.blocks[i].items[k].name]);
    }
    ptd_definitions_release(&d);
    return plain;
}

/* All functions of that name that the process entered: which of them it was is not known. */
static bool is_plain_name(struct ptd_once_names *n, const char *name, size_t len)
{
    const struct ptd_journal *j = n->deps->journal;
    bool found = false;
    for (uint32_t i = 0; i < j->code_count; i++) {
        const struct ptd_journal_code *code = &j->codes[i];
        if (strncmp(code->name, name, len) != 0 || code->name[len])
            continue;
        found = true;
        const struct ptd_blocks *blocks = ptd_once_blocks(n, code->file);
        if (!is_plain_function(blocks, ptd_once_code_block(n, i)))
            return false;
    }
    return found;
}

bool ptd_once_decorator_is_plain(struct ptd_once_names *n, const char *names)
{
    bool found = false;
    for (const char *p = names; *p;) {
        size_t len = strcspn(p, " ");
        if (*p == '%' && !is_plain_name(n, p + 1, len - 1))
            return false;
        found = found || *p == '%';
        p += len;
        p += *p == ' ';
    }
    return found;
}
