/* What depends on a file, or on one line of it. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/explain.h"
#include "record/users.h"

/* Tests and blocks listed without -v. */
#define TESTS_SHOWN  10
#define BLOCKS_SHOWN 25

/* The part of the file that the question is about. */
struct part {
    const struct ptd_block *block;  /* NULL: all of it */
    const struct ptd_block *around; /* whose the header of `block` is, on its first line; or NULL */
};

static const struct ptd_state_file *find_file(const struct ptd_explain *e, const char *path)
{
    const struct ptd_state *s = &e->w->state;
    size_t at = ptd_state_find(s, PTD_FILE_SOURCE, path);
    if (at == SIZE_MAX)
        at = ptd_state_find(s, PTD_FILE_OPAQUE, path);
    return at == SIZE_MAX ? NULL : &s->files[at];
}

bool ptd_explain_knows_file(const struct ptd_explain *e, const char *path)
{
    PTD_CLEANUP_FREE char *full = ptd_path_join(e->w->project.rootdir, path);
    struct ptd_stat_sig sig;
    if (ptd_path_within(path, "..") || path[0] == '/')
        return false;
    return ptd_stat_sig_of(full, &sig) || find_file(e, path);
}

/* The innermost block around a line. */
static const struct ptd_block *block_at(const struct ptd_blocks *blocks, size_t line, size_t below)
{
    const struct ptd_block *found = &blocks->items[0];
    for (size_t i = 1; i < below; i++)
        if (blocks->items[i].line <= line && line <= blocks->items[i].end_line)
            found = &blocks->items[i];
    return found;
}

static struct part part_at(const struct ptd_blocks *blocks, size_t line)
{
    struct part part = {block_at(blocks, line, blocks->count), NULL};
    size_t at = (size_t)(part.block - blocks->items);
    if (at && part.block->line == line)
        part.around = block_at(blocks, line, at);
    return part;
}

static bool depends(const struct ptd_users *users, const struct ptd_user *user,
                    const struct part *part)
{
    if (!part->block)
        return true;
    return ptd_users_has(users, user, part->block->key) ||
           (part->around && ptd_users_has(users, user, part->around->key));
}

static void add_block_name(const struct ptd_block *block, struct ptd_buf *out)
{
    ptd_buf_addf(out, "%s%s%s", ptd_explain_kind(block), *block->key ? " " : "", block->key);
}

static void add_tests(struct ptd_explain *e, const struct ptd_users *users, const struct part *part)
{
    size_t count = 0;
    for (size_t i = 0; i < users->count; i++) {
        if (!depends(users, &users->items[i], part))
            continue;
        if (e->verbose || count < TESTS_SHOWN)
            ptd_buf_addf(&e->out, "  %s\n", users->items[i].nodeid);
        count++;
    }
    if (!e->verbose && count > TESTS_SHOWN)
        ptd_buf_addf(&e->out, "  %zu more; -v lists them\n", count - TESTS_SHOWN);
}

static size_t count_tests(const struct ptd_users *users, const struct part *part)
{
    size_t count = 0;
    for (size_t i = 0; i < users->count; i++)
        count += depends(users, &users->items[i], part);
    return count;
}

static void add_blocks(struct ptd_explain *e, const struct ptd_users *users,
                       const struct ptd_blocks *blocks)
{
    size_t shown = 0, left = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        const struct ptd_block *b = &blocks->items[i];
        size_t tests = ptd_users_count(users, b->key);
        if (!e->verbose && shown >= BLOCKS_SHOWN) {
            left++;
            continue;
        }
        shown++;
        ptd_buf_adds(&e->out, "  ");
        add_block_name(b, &e->out);
        if (i)
            ptd_buf_addf(&e->out, " (line %u)", b->line);
        ptd_buf_addf(&e->out, ": %s%zu test%s\n", i ? "" : "at most ", tests,
                     tests == 1 ? "" : "s");
    }
    if (left)
        ptd_buf_addf(&e->out, "  %zu more; -v lists them\n", left);
}

static void add_text(struct ptd_explain *e, const char *path, size_t line, const struct part *part,
                     const struct ptd_users *users, const struct ptd_blocks *blocks)
{
    struct ptd_buf *out = &e->out;
    size_t count = count_tests(users, part);
    const char *are = count == 1 ? "depends" : "depend";
    if (e->answers++)
        ptd_buf_addc(out, '\n');
    if (!line) {
        ptd_buf_addf(out, "%s: %zu of %zu tests %s on it\n", path, count, users->total, are);
        if (blocks && count)
            add_blocks(e, users, blocks);
        if (count)
            ptd_buf_adds(out, "tests:\n");
        add_tests(e, users, part);
        return;
    }
    ptd_buf_addf(out, "%s:%zu ", path, line);
    if (!part->block) {
        ptd_buf_adds(out, "counts with the whole file\n");
    } else if (part->block->kind == PTD_BLOCK_MODULE) {
        ptd_buf_adds(out, "belongs to the module level\n");
    } else {
        ptd_buf_adds(out, part->around ? "begins " : "belongs to ");
        add_block_name(part->block, out);
        ptd_buf_addf(out, " (lines %u to %u)", part->block->line, part->block->end_line);
        if (part->around) {
            ptd_buf_adds(out, ", whose header belongs to ");
            if (part->around->kind == PTD_BLOCK_MODULE)
                ptd_buf_adds(out, "the ");
            add_block_name(part->around, out);
        }
        ptd_buf_addc(out, '\n');
    }
    bool limit = part->block && (part->block->kind == PTD_BLOCK_MODULE || part->around);
    ptd_buf_addf(out, "a change there runs %s%zu of %zu tests%s\n", limit ? "at most " : "", count,
                 users->total, count ? ":" : "");
    add_tests(e, users, part);
}

static void add_json(struct ptd_explain *e, const char *path, size_t line, const struct part *part,
                     const struct ptd_users *users, const struct ptd_blocks *blocks)
{
    struct ptd_buf *out = &e->out;
    const char *comma = "";
    ptd_buf_adds(out, e->answers++ ? ",{\"path\":" : "{\"path\":");
    ptd_json_string(out, path);
    if (line)
        ptd_buf_addf(out, ",\"line\":%zu", line);
    if (part->block) {
        ptd_buf_adds(out, ",\"block\":{\"name\":");
        ptd_json_string(out, part->block->key);
        ptd_buf_addf(out, ",\"line\":%u,\"end_line\":%u}", part->block->line,
                     part->block->end_line);
    }
    ptd_buf_addf(out, ",\"total\":%zu,\"tests\":[", users->total);
    for (size_t i = 0; i < users->count; i++) {
        if (!depends(users, &users->items[i], part))
            continue;
        ptd_buf_adds(out, comma);
        ptd_json_string(out, users->items[i].nodeid);
        comma = ",";
    }
    ptd_buf_addc(out, ']');
    if (!line && blocks) {
        ptd_buf_adds(out, ",\"blocks\":[");
        for (size_t i = 0; i < blocks->count; i++) {
            const struct ptd_block *b = &blocks->items[i];
            ptd_buf_adds(out, i ? ",{\"name\":" : "{\"name\":");
            ptd_json_string(out, b->key);
            ptd_buf_addf(out, ",\"line\":%u,\"end_line\":%u,\"tests\":%zu}", b->line, b->end_line,
                         ptd_users_count(users, b->key));
        }
        ptd_buf_addc(out, ']');
    }
    ptd_buf_addc(out, '}');
}

static int find_users(struct ptd_explain *e, const struct ptd_state_file *file,
                      struct ptd_users *out, struct ptd_err *err)
{
    PTD_CLEANUP_MAP struct ptd_map chosen = PTD_MAP_INIT;
    for (size_t i = 0; i < e->verdict->node_count; i++) {
        const struct ptd_select_node *node = &e->verdict->nodes[i];
        const struct ptd_select_record *r =
            node->is_file || !node->present ? NULL : ptd_explain_record(e, node);
        if (r)
            ptd_map_put(&chosen, &r->id, sizeof(r->id), 1, NULL);
    }
    struct ptd_users_request request = {.state = &e->w->state,
                                        .environment = e->environment,
                                        .file = file ? file->id : 0,
                                        .chosen = &chosen};
    return ptd_users_find(&request, out, err);
}

/* The blocks of the file as it is now. A file that nothing depends on was never stored. */
static const struct ptd_blocks *present_blocks(struct ptd_explain *e, const char *path,
                                               const struct ptd_state_file *file,
                                               struct ptd_blocks *own)
{
    if (file && file->kind == PTD_FILE_SOURCE)
        return ptd_state_blocks(&e->w->state, file->version);
    PTD_CLEANUP_FREE char *full = ptd_path_join(e->w->project.rootdir, path);
    PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
    if (file || !ptd_path_ends_with(path, ".py") ||
        ptd_buf_read_file(&source, full, (size_t)64 << 20, NULL) < 0)
        return NULL;
    ptd_blocks_parse(source.data ? source.data : "", source.len, own);
    return own;
}

int ptd_explain_file(struct ptd_explain *e, const char *path, size_t line, struct ptd_err *err)
{
    const struct ptd_state_file *file = find_file(e, path);
    struct ptd_users users;
    struct ptd_blocks own = {0};
    struct part part = {NULL, NULL};
    const struct ptd_blocks *blocks = present_blocks(e, path, file, &own);
    int failed = 0;
    if (blocks && blocks->broken)
        blocks = NULL;
    if (line && blocks) {
        if (line > blocks->items[0].end_line)
            failed =
                ptd_err_set(err, PTD_E_USAGE, "%s has %u line%s", path, blocks->items[0].end_line,
                            blocks->items[0].end_line == 1 ? "" : "s");
        part = part_at(blocks, line);
    }
    if (!failed && find_users(e, file, &users, err) == 0) {
        (e->json ? add_json : add_text)(e, path, line, &part, &users, blocks);
        ptd_users_release(&users);
    } else {
        failed = -1;
    }
    ptd_blocks_release(&own);
    return failed;
}
