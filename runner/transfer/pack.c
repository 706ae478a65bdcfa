#include "transfer/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"

#define LEVEL 3 /* 5 times smaller at the speed of a disk */

struct files {
    FILE *in, *out;
    const char *from, *to;
};

static int open_both(struct files *f, const char *from, const char *to, struct ptd_err *err)
{
    *f = (struct files){.from = from, .to = to, .in = fopen(from, "rbe")};
    if (!f->in)
        return ptd_err_sys(err, PTD_E_IO, "cannot read %s", from);
    f->out = fopen(to, "wbxe");
    if (f->out)
        return 0;
    fclose(f->in);
    return ptd_err_sys(err, PTD_E_IO, "cannot write %s", to);
}

static int close_both(struct files *f, int failed, struct ptd_err *err)
{
    fclose(f->in);
    if (fclose(f->out) != 0 && !failed)
        failed = ptd_err_sys(err, PTD_E_IO, "cannot write %s", f->to);
    if (failed)
        unlink(f->to);
    return failed;
}

static int write_out(struct files *f, const void *data, size_t len, struct ptd_err *err)
{
    return fwrite(data, 1, len, f->out) == len
               ? 0
               : ptd_err_sys(err, PTD_E_IO, "cannot write %s", f->to);
}

static int pack(struct files *f, ZSTD_CCtx *ctx, struct ptd_err *err)
{
    static char in[1 << 16], out[1 << 16];
    bool end;
    ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
    do {
        ZSTD_inBuffer input = {in, fread(in, 1, sizeof(in), f->in), 0};
        if (ferror(f->in))
            return ptd_err_sys(err, PTD_E_IO, "cannot read %s", f->from);
        end = feof(f->in);
        size_t left;
        do {
            ZSTD_outBuffer output = {out, sizeof(out), 0};
            left = ZSTD_compressStream2(ctx, &output, &input, end ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(left))
                return ptd_err_set(err, PTD_E_INTERNAL, "cannot pack %s: %s", f->from,
                                   ZSTD_getErrorName(left));
            if (write_out(f, out, output.pos, err) < 0)
                return -1;
        } while (end ? left != 0 : input.pos < input.size);
    } while (!end);
    return 0;
}

int ptd_pack_file(const char *from, const char *to, struct ptd_err *err)
{
    struct files f;
    if (open_both(&f, from, to, err) < 0)
        return -1;
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    int failed = ctx ? pack(&f, ctx, err) : ptd_err_set(err, PTD_E_INTERNAL, "out of memory");
    ZSTD_freeCCtx(ctx);
    return close_both(&f, failed, err);
}

static int too_large(uint64_t max, struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_NET, "it is larger than %llu MB when unpacked",
                (unsigned long long)(max >> 20));
    return ptd_err_hint(err,
                        "PYT_DIFF_REMOTE_LIMIT sets how many MB may travel; unpacked it may be "
                        "16 times as many");
}

static int copy(struct files *f, uint64_t max, struct ptd_err *err)
{
    static char data[1 << 16];
    uint64_t total = 0;
    for (size_t n; (n = fread(data, 1, sizeof(data), f->in)) > 0;) {
        total += n;
        if (total > max)
            return too_large(max, err);
        if (write_out(f, data, n, err) < 0)
            return -1;
    }
    return ferror(f->in) ? ptd_err_sys(err, PTD_E_IO, "cannot read %s", f->from) : 0;
}

static int unpack(struct files *f, ZSTD_DCtx *ctx, uint64_t max, struct ptd_err *err)
{
    static char in[1 << 16], out[1 << 17];
    uint64_t total = 0;
    size_t left = 1;
    for (size_t n; (n = fread(in, 1, sizeof(in), f->in)) > 0;) {
        ZSTD_inBuffer input = {in, n, 0};
        bool full = false;
        while (input.pos < input.size || full) {
            ZSTD_outBuffer output = {out, sizeof(out), 0};
            left = ZSTD_decompressStream(ctx, &output, &input);
            if (ZSTD_isError(left))
                return ptd_err_set(err, PTD_E_NET, "it is damaged (zstd: %s)",
                                   ZSTD_getErrorName(left));
            total += output.pos;
            if (total > max)
                return too_large(max, err);
            if (write_out(f, out, output.pos, err) < 0)
                return -1;
            full =
                left && output.pos == output.size; /* at the end of a frame nothing is held back */
        }
    }
    if (ferror(f->in))
        return ptd_err_sys(err, PTD_E_IO, "cannot read %s", f->from);
    return left ? ptd_err_set(err, PTD_E_NET, "it ends early (zstd)") : 0;
}

int ptd_unpack_file(const char *from, const char *to, uint64_t max, struct ptd_err *err)
{
    static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    unsigned char first[sizeof(magic)];
    struct files f;
    if (open_both(&f, from, to, err) < 0)
        return -1;
    bool packed = fread(first, 1, sizeof(first), f.in) == sizeof(first) &&
                  memcmp(first, magic, sizeof(magic)) == 0;
    rewind(f.in);
    int failed = -1;
    if (packed) {
        ZSTD_DCtx *ctx = ZSTD_createDCtx();
        failed =
            ctx ? unpack(&f, ctx, max, err) : ptd_err_set(err, PTD_E_INTERNAL, "out of memory");
        ZSTD_freeDCtx(ctx);
    } else {
        failed = copy(&f, max, err);
    }
    return close_both(&f, failed, err);
}
