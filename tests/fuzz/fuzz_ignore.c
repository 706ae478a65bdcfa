/*
 * libFuzzer: the input is an ignore file, a NUL byte and a path. Beyond not crashing, the verdict
 * must not depend on whether the rules come in one file or as a parent with nothing below it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "change/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const char *text, size_t len, const char *base, const char *path)
{
    struct ptd_ignore *rules = ptd_ignore_new(NULL, base, text, len);
    struct ptd_ignore *empty = ptd_ignore_new(rules, base, "", 0);
    for (int is_directory = 0; is_directory < 2; is_directory++) {
        bool ignored = ptd_ignore_match(rules, path, is_directory);
        if (ignored != ptd_ignore_match(empty, path, is_directory))
            abort();
        if (ignored && *base && strncmp(path, base, strlen(base)) != 0)
            abort();
    }
    ptd_ignore_free(empty);
    ptd_ignore_free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t len = zero ? (size_t)(zero - data) : size;
    PTD_CLEANUP_FREE char *path =
        zero ? ptd_xstrndup((const char *)zero + 1, size - len - 1) : ptd_xstrdup("a/b.py");
    /* An exact copy, so that the sanitizer sees a read behind the end. */
    PTD_CLEANUP_FREE char *text = ptd_xmalloc(len);
    if (len)
        memcpy(text, data, len);
    judge(text, len, "", path);
    judge(text, len, "a", path);
    return 0;
}
