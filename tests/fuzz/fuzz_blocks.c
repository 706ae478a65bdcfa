/*
 * Parses any bytes as a Python source and as stored blocks; what comes out must hold together and
 * survive being written and read. With PTD_FUZZ_MAIN a program that replays files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "syntax/blocks.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_set(const struct ptd_blocks *blocks)
{
    static const char *const names[] = {"<module>", "<lambda>", "<genexpr>", "__annotate__", "f"};
    require(blocks->count > 0 && blocks->items[0].kind == PTD_BLOCK_MODULE, "no module");
    for (size_t i = 0; i < blocks->count; i++) {
        const struct ptd_block *b = &blocks->items[i];
        require(b->end_line >= b->line, "ends before it begins");
        require(i == 0 || b->line >= blocks->items[i - 1].line, "order");
        require(strlen(b->code_name) <= strlen(b->key) || i == 0, "names");
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            require(ptd_blocks_locate(blocks, b->line, names[n]) < blocks->count, "located");
    }
}

static void check_own_line(const struct ptd_blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++) {
        const struct ptd_block *b = &blocks->items[i];
        const struct ptd_block *at =
            &blocks->items[ptd_blocks_locate(blocks, b->line, b->code_name)];
        require(at->line == b->line && strcmp(at->code_name, b->code_name) == 0, "not itself");
        require(blocks->broken || at == b || b->kind != PTD_BLOCK_LAMBDA, "two lambdas on a line");
    }
}

static void check_round_trip(const struct ptd_blocks *blocks)
{
    PTD_CLEANUP_BUF struct ptd_buf bytes = PTD_BUF_INIT;
    PTD_CLEANUP_BUF struct ptd_buf again = PTD_BUF_INIT;
    struct ptd_blocks back;
    ptd_blocks_write(blocks, &bytes);
    require(ptd_blocks_read(bytes.data, bytes.len, &back) == 0, "not readable");
    ptd_blocks_write(&back, &again);
    require(bytes.len == again.len && memcmp(bytes.data, again.data, bytes.len) == 0, "differs");
    check_set(&back);
    ptd_blocks_release(&back);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct ptd_blocks blocks;
    ptd_blocks_parse(data, size, &blocks);
    check_set(&blocks);
    check_own_line(&blocks);
    check_round_trip(&blocks);
    ptd_blocks_release(&blocks);
    if (ptd_blocks_read(data, size, &blocks) == 0) {
        check_set(&blocks);
        check_round_trip(&blocks);
        ptd_blocks_release(&blocks);
    }
    return 0;
}

#ifdef PTD_FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct ptd_err err;
        PTD_CLEANUP_BUF struct ptd_buf file = PTD_BUF_INIT;
        if (ptd_buf_read_file(&file, argv[i], (size_t)1 << 30, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        LLVMFuzzerTestOneInput((const unsigned char *)file.data, file.len);
    }
    return 0;
}
#endif
