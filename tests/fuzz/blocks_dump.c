/*
 * Prints the blocks of Python files, and answers which block a code object belongs to.
 *
 *     blocks_dump FILE...     one line per block: line, end, kind, checksum, code name, key
 *     blocks_dump             the same by commands on standard input:
 *                             "F path" parses a file and prints the blocks and an empty line,
 *                             "Q line name" prints the index of the block that locate finds
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "syntax/blocks.h"

#define MAX_SOURCE ((size_t)1 << 30)

static int load(const char *path, struct ptd_blocks *blocks)
{
    struct ptd_err err;
    PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
    ptd_blocks_release(blocks);
    if (ptd_buf_read_file(&source, path, MAX_SOURCE, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    ptd_blocks_parse(source.data, source.len, blocks);
    return 0;
}

static void print(const struct ptd_blocks *blocks)
{
    static const char *const kinds[] = {"module", "class", "function", "lambda"};
    for (size_t i = 0; i < blocks->count; i++) {
        const struct ptd_block *b = &blocks->items[i];
        printf("%" PRIu32 " %" PRIu32 " %s %016" PRIx64 " %s %s\n", b->line, b->end_line,
               blocks->broken ? "broken" : kinds[b->kind], b->checksum, b->code_name, b->key);
    }
}

static int serve(void)
{
    struct ptd_blocks blocks = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int rc = 0;
    while (rc == 0 && (len = getline(&line, &cap, stdin)) > 0) {
        line[len - 1] = '\0';
        if (line[0] == 'F') {
            rc = load(line + 2, &blocks);
            print(&blocks);
            puts("");
        } else if (line[0] == 'Q') {
            char *name;
            uint32_t at = (uint32_t)strtoul(line + 2, &name, 10);
            printf("%zu\n", ptd_blocks_locate(&blocks, at, name + 1));
        }
        fflush(stdout);
    }
    free(line);
    ptd_blocks_release(&blocks);
    return rc < 0;
}

int main(int argc, char **argv)
{
    struct ptd_blocks blocks = {0};
    if (argc < 2)
        return serve();
    for (int i = 1; i < argc; i++) {
        if (load(argv[i], &blocks) < 0)
            return 1;
        print(&blocks);
    }
    ptd_blocks_release(&blocks);
    return 0;
}
