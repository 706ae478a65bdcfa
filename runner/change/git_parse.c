#include "change/git_parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct ptd_git_entry *add(struct ptd_git_entries *out, const char *path, size_t len)
{
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
    struct ptd_git_entry *e = &out->items[out->count++];
    *e = (struct ptd_git_entry){.path = ptd_xstrndup(path, len)};
    return e;
}

static enum ptd_git_mode mode_of(const char *digits)
{
    if (memcmp(digits, "000000", 6) == 0)
        return PTD_GIT_NONE;
    if (memcmp(digits, "120000", 6) == 0)
        return PTD_GIT_LINK;
    return memcmp(digits, "160000", 6) == 0 ? PTD_GIT_SUBMODULE : PTD_GIT_FILE;
}

/* A word of exactly `least` to `most` of these characters and the blank behind it; NULL: no. */
static const char *word(const char *pos, const char *end, const char *of, size_t least, size_t most)
{
    size_t n = 0;
    while (pos + n < end && pos[n] && strchr(of, pos[n]))
        n++;
    return n >= least && n <= most && pos + n < end && pos[n] == ' ' ? pos + n + 1 : NULL;
}

static void copy_id(char *id, const char *from, const char *behind)
{
    size_t n = (size_t)(behind - from) - 1;
    memcpy(id, from, n);
    id[n] = '\0';
}

/* ":100644 100755 <id> <id> M" NUL path NUL; the position behind it, NULL when it is not that. */
static const char *parse_entry(const char *pos, const char *end, struct ptd_git_entries *out)
{
    static const char octal[] = "01234567", hex[] = "0123456789abcdef";
    if (*pos != ':')
        return NULL;
    const char *old_mode = pos + 1;
    const char *new_mode = word(old_mode, end, octal, 6, 6);
    const char *old_id = new_mode ? word(new_mode, end, octal, 6, 6) : NULL;
    const char *new_id = old_id ? word(old_id, end, hex, 40, PTD_GIT_ID - 1) : NULL;
    const char *status = new_id ? word(new_id, end, hex, 40, PTD_GIT_ID - 1) : NULL;
    const char *behind = status ? memchr(status, '\0', (size_t)(end - status)) : NULL;
    if (!behind || behind == status)
        return NULL;
    const char *path = behind + 1;
    const char *last = path < end ? memchr(path, '\0', (size_t)(end - path)) : NULL;
    if (!last || last == path)
        return NULL;
    struct ptd_git_entry *e = add(out, path, (size_t)(last - path));
    e->old_mode = mode_of(old_mode);
    e->new_mode = mode_of(new_mode);
    copy_id(e->old_id, old_id, new_id);
    copy_id(e->new_id, new_id, status);
    e->unmerged = *status == 'U';
    return last + 1;
}

int ptd_git_parse_raw(const void *data, size_t len, struct ptd_git_entries *out,
                      struct ptd_err *err)
{
    const char *pos = len ? data : "", *end = pos + len;
    while (pos && pos < end)
        pos = parse_entry(pos, end, out);
    return pos || !len ? 0 : ptd_err_set(err, PTD_E_IO, "git diff says what is not understood");
}

void ptd_git_parse_names(const void *data, size_t len, struct ptd_git_entries *out)
{
    const char *pos = len ? data : "", *end = pos + len;
    while (pos && pos < end) {
        const char *last = memchr(pos, '\0', (size_t)(end - pos));
        size_t n = (size_t)((last ? last : end) - pos);
        if (n)
            add(out, pos, n)->new_mode = PTD_GIT_FILE;
        pos += n + 1;
    }
}

void ptd_git_entries_release(struct ptd_git_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->items[i].path);
    free(entries->items);
    *entries = (struct ptd_git_entries){0};
}

int ptd_git_parse_object(const char **pos, const char *end, struct ptd_git_object *out)
{
    const char *line = *pos;
    const char *behind = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
    *out = (struct ptd_git_object){0};
    if (!behind)
        return -1;
    /* "<id> blob 12", or "<id> missing" and the like */
    const char *size = behind;
    while (size > line && size[-1] >= '0' && size[-1] <= '9')
        size--;
    static const char kind[] = " blob ";
    size_t n = sizeof(kind) - 1;
    if (size == behind || (size_t)(size - line) < n || memcmp(size - n, kind, n) != 0) {
        *pos = behind + 1;
        return 0;
    }
    size_t len = 0, left = (size_t)(end - behind) - 1;
    for (const char *p = size; p < behind; p++) {
        if (len > left)
            return -1;
        len = len * 10 + (size_t)(*p - '0');
    }
    if (len >= left || behind[1 + len] != '\n')
        return -1;
    *out = (struct ptd_git_object){behind + 1, len, true};
    *pos = behind + 1 + len + 1;
    return 0;
}
