/*
 * libFuzzer: the input is what git might print, read as a diff, as names and as objects. Beyond not
 * crashing, what is taken from it lies in it, and reading comes to an end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "change/git_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_objects(const char *text, size_t len)
{
    const char *pos = text, *end = text + len;
    struct ptd_git_object object;
    for (const char *before = pos; ptd_git_parse_object(&pos, end, &object) == 0; before = pos) {
        if (pos <= before || pos > end)
            abort();
        if (object.found && (object.data < text || object.data + object.len >= end))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptd_git_entries entries = {0};
    /* An exact copy, so that the sanitizer sees a read behind the end. */
    PTD_CLEANUP_FREE char *text = ptd_xmalloc(size);
    if (size)
        memcpy(text, data, size);
    ptd_git_parse_raw(text, size, &entries, NULL);
    ptd_git_parse_names(text, size, &entries);
    for (size_t i = 0; i < entries.count; i++)
        if (!*entries.items[i].path || strlen(entries.items[i].old_id) >= PTD_GIT_ID)
            abort();
    ptd_git_entries_release(&entries);
    read_objects(text, size);
    return 0;
}
