#include "session/elf.h"

#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define MAX_HEADERS 1024
#define MAX_DYNAMIC (1u << 20)

/* An open file with its program headers; every read is checked, so no file can lead us astray. */
struct image {
    int fd;
    ElfW(Phdr) * headers; /* owned */
    size_t count;
};

static bool read_at(int fd, void *out, size_t len, uint64_t offset)
{
    if (offset > (uint64_t)INT64_MAX - len)
        return false;
    return pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* Reads a NUL-terminated string; "" when it is not terminated within `size` bytes. */
static void read_string(int fd, uint64_t offset, char *out, size_t size)
{
    out[0] = '\0';
    if (offset > (uint64_t)INT64_MAX - size)
        return;
    ssize_t n = pread(fd, out, size, (off_t)offset);
    if (n <= 0 || !memchr(out, '\0', (size_t)n))
        out[0] = '\0';
}

/* Our own executable is the reference for class, byte order and machine. */
static bool same_kind(const ElfW(Ehdr) * header)
{
    ElfW(Ehdr) own;
    PTD_CLEANUP_CLOSE int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !read_at(fd, &own, sizeof(own), 0))
        return false;
    return header->e_ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
           header->e_ident[EI_DATA] == own.e_ident[EI_DATA] && header->e_machine == own.e_machine &&
           header->e_phentsize == sizeof(ElfW(Phdr));
}

static enum ptd_elf_kind classify(int fd, ElfW(Ehdr) * header)
{
    char magic[SELFMAG];
    if (!read_at(fd, magic, sizeof(magic), 0))
        return PTD_ELF_OTHER;
    if (magic[0] == '#' && magic[1] == '!')
        return PTD_ELF_SCRIPT;
    if (memcmp(magic, ELFMAG, SELFMAG) != 0)
        return PTD_ELF_OTHER;
    if (!read_at(fd, header, sizeof(*header), 0) || !same_kind(header))
        return PTD_ELF_FOREIGN;
    return PTD_ELF_NATIVE;
}

static const ElfW(Phdr) * find_header(const struct image *image, uint32_t type)
{
    for (size_t i = 0; i < image->count; i++)
        if (image->headers[i].p_type == type)
            return &image->headers[i];
    return NULL;
}

/* File offset of a virtual address, or UINT64_MAX. */
static uint64_t file_offset(const struct image *image, uint64_t address)
{
    for (size_t i = 0; i < image->count; i++) {
        const ElfW(Phdr) *p = &image->headers[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz)
            return p->p_offset + (address - p->p_vaddr);
    }
    return UINT64_MAX;
}

static bool begins(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void take_needed(const char *name, struct ptd_elf *out)
{
    /* These insist on being the first library of the process. libubsan does not. */
    static const char *const sanitizers[] = {"libasan",         "libtsan",   "libmsan",
                                             "liblsan",         "libhwasan", "libclang_rt.asan",
                                             "libclang_rt.tsan"};
    for (size_t i = 0; i < sizeof(sanitizers) / sizeof(*sanitizers); i++)
        if (begins(name, sanitizers[i]))
            out->sanitizer = true;
    if (begins(name, "libpypy"))
        out->pypy = true;
    if (begins(name, "libpython") && isdigit((unsigned char)name[strlen("libpython")]) &&
        out->libpython[0] == '\0' && strlen(name) < sizeof(out->libpython))
        strcpy(out->libpython, name);
}

static void take_entries(const struct image *image, const ElfW(Dyn) * entries, size_t count,
                         uint64_t strings, struct ptd_elf *out)
{
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        uint64_t at = strings + entries[i].d_un.d_val;
        char name[256];
        switch (entries[i].d_tag) {
        case DT_NEEDED:
            read_string(image->fd, at, name, sizeof(name));
            take_needed(name, out);
            break;
        case DT_RPATH:
            read_string(image->fd, at, out->rpath, sizeof(out->rpath));
            break;
        case DT_RUNPATH:
            read_string(image->fd, at, out->runpath, sizeof(out->runpath));
            break;
        default:
            break;
        }
    }
}

static void read_dynamic(const struct image *image, struct ptd_elf *out)
{
    const ElfW(Phdr) *header = find_header(image, PT_DYNAMIC);
    if (!header || header->p_filesz > MAX_DYNAMIC)
        return;
    size_t count = header->p_filesz / sizeof(ElfW(Dyn));
    PTD_CLEANUP_FREE ElfW(Dyn) *entries = ptd_xcalloc(count, sizeof(*entries));
    if (!read_at(image->fd, entries, count * sizeof(*entries), header->p_offset))
        return;
    uint64_t strings = UINT64_MAX;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++)
        if (entries[i].d_tag == DT_STRTAB)
            strings = file_offset(image, entries[i].d_un.d_ptr);
    if (strings != UINT64_MAX)
        take_entries(image, entries, count, strings, out);
}

void ptd_elf_read(const char *path, struct ptd_elf *out)
{
    memset(out, 0, sizeof(*out));
    PTD_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    ElfW(Ehdr) header;
    out->kind = classify(fd, &header);
    if (out->kind != PTD_ELF_NATIVE || header.e_phnum > MAX_HEADERS)
        return;
    PTD_CLEANUP_FREE ElfW(Phdr) *headers = ptd_xcalloc(header.e_phnum, sizeof(*headers));
    if (!read_at(fd, headers, header.e_phnum * sizeof(*headers), header.e_phoff))
        return;
    struct image image = {fd, headers, header.e_phnum};
    const ElfW(Phdr) *loader = find_header(&image, PT_INTERP);
    if (loader)
        read_string(fd, loader->p_offset, out->interpreter, sizeof(out->interpreter));
    read_dynamic(&image, out);
}

const char *ptd_elf_multiarch(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
    return "x86_64-linux-gnux32";
#elif defined(__x86_64__)
    return "x86_64-linux-gnu";
#elif defined(__i386__)
    return "i386-linux-gnu";
#elif defined(__aarch64__)
    return "aarch64-linux-gnu";
#elif defined(__arm__) && defined(__ARM_PCS_VFP)
    return "arm-linux-gnueabihf";
#elif defined(__arm__)
    return "arm-linux-gnueabi";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    return "powerpc64le-linux-gnu";
#elif defined(__s390x__)
    return "s390x-linux-gnu";
#elif defined(__riscv) && __riscv_xlen == 64
    return "riscv64-linux-gnu";
#else
    return "";
#endif
}
