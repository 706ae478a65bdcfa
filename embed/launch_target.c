#include "launch_target.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "contract/entry.h"

#define MOST_SCRIPTS 5 /* interpreters that are scripts themselves; Linux stops at this */
#define MOST_HEADERS 64
#define MOST_ENTRIES 256

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
static const char *own_loader; /* NULL: this process has none, and nothing is followed */

static int learn(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_INTERP)
            own_loader = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    return 1; /* the first is the program itself */
}

void ptd_target_learn(void)
{
    dl_iterate_phdr(learn, NULL);
}

/* The functions of libc are replaced in this process. */
static int open_raw(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static bool is_executable(const char *path)
{
    return syscall(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

static bool read_at(int fd, void *out, size_t len, uint64_t offset)
{
    return offset < (uint64_t)INT64_MAX - len && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* ---- programs ---- */

struct image {
    int fd;
    size_t count;
    ElfW(Phdr) headers[MOST_HEADERS];
};

static const ElfW(Phdr) * find_header(const struct image *image, uint32_t type)
{
    for (size_t i = 0; i < image->count; i++)
        if (image->headers[i].p_type == type)
            return &image->headers[i];
    return NULL;
}

static uint64_t file_offset(const struct image *image, uint64_t address)
{
    for (size_t i = 0; i < image->count; i++) {
        const ElfW(Phdr) *p = &image->headers[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz)
            return p->p_offset + (address - p->p_vaddr);
    }
    return UINT64_MAX;
}

static bool has_own_loader(const struct image *image)
{
    char name[PATH_MAX];
    struct stat a, b;
    const ElfW(Phdr) *header = find_header(image, PT_INTERP);
    if (!own_loader || !header || header->p_filesz >= sizeof name ||
        !read_at(image->fd, name, header->p_filesz, header->p_offset))
        return false;
    name[header->p_filesz] = '\0';
    if (strcmp(name, own_loader) == 0)
        return true;
    return syscall(SYS_newfstatat, AT_FDCWD, name, &a, 0) == 0 &&
           syscall(SYS_newfstatat, AT_FDCWD, own_loader, &b, 0) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* These insist on being the first library of the process. */
static bool is_sanitizer(int fd, uint64_t at)
{
    static const char *const names[] = {"libasan",         "libtsan",   "libmsan",
                                        "liblsan",         "libhwasan", "libclang_rt.asan",
                                        "libclang_rt.tsan"};
    char name[24];
    if (at == UINT64_MAX || !read_at(fd, name, sizeof name, at))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool has_sanitizer(const struct image *image)
{
    ElfW(Dyn) entries[MOST_ENTRIES];
    const ElfW(Phdr) *header = find_header(image, PT_DYNAMIC);
    size_t count = header ? header->p_filesz / sizeof *entries : 0;
    uint64_t strings = UINT64_MAX;
    if (count > MOST_ENTRIES ||
        (count && !read_at(image->fd, entries, count * sizeof *entries, header->p_offset)))
        return true;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++)
        if (entries[i].d_tag == DT_STRTAB)
            strings = file_offset(image, entries[i].d_un.d_ptr);
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++)
        if (entries[i].d_tag == DT_NEEDED && strings != UINT64_MAX &&
            is_sanitizer(image->fd, strings + entries[i].d_un.d_val))
            return true;
    return false;
}

static enum ptd_target judge_program(int fd)
{
    ElfW(Ehdr) header;
    struct image image = {.fd = fd};
    if (!read_at(fd, &header, sizeof header, 0) ||
        header.e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        header.e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
        header.e_machine != __ehdr_start.e_machine || header.e_phnum > MOST_HEADERS ||
        header.e_phentsize != sizeof *image.headers)
        return PTD_TARGET_BLIND;
    image.count = header.e_phnum;
    if (!read_at(fd, image.headers, image.count * sizeof *image.headers, header.e_phoff) ||
        !has_own_loader(&image) || has_sanitizer(&image))
        return PTD_TARGET_BLIND;
    return PTD_TARGET_FOLLOW;
}

/* ---- scripts ---- */

static enum ptd_target judge(const char *path, int depth);

/* "#!" and the interpreter's path in the first line. */
static enum ptd_target judge_script(int fd, int depth)
{
    char line[PATH_MAX];
    ssize_t n = pread(fd, line, sizeof line - 1, 2);
    if (n <= 0)
        return PTD_TARGET_BLIND;
    line[n] = '\0';
    char *start = line + strspn(line, " \t");
    start[strcspn(start, " \t\n")] = '\0';
    return *start && depth < MOST_SCRIPTS ? judge(start, depth + 1) : PTD_TARGET_BLIND;
}

static enum ptd_target judge_open(int fd, const char *path, int depth)
{
    struct stat st;
    char magic[4] = "";
    const char *base = strrchr(path, '/');
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_executable(path))
        return PTD_TARGET_ABSENT;
    if (strcmp(base ? base + 1 : path, PTD_FILE_HOST) == 0)
        return PTD_TARGET_HOST;
    if (st.st_mode & (S_ISUID | S_ISGID) || fgetxattr(fd, "security.capability", NULL, 0) > 0)
        return PTD_TARGET_BLIND;
    ssize_t n = pread(fd, magic, sizeof magic, 0);
    if (n >= 2 && magic[0] == '#' && magic[1] == '!')
        return judge_script(fd, depth);
    if (n == sizeof magic && memcmp(magic, ELFMAG, SELFMAG) == 0)
        return judge_program(fd);
    return depth < MOST_SCRIPTS ? judge("/bin/sh", MOST_SCRIPTS) : PTD_TARGET_BLIND;
}

static enum ptd_target judge(const char *path, int depth)
{
    int fd = open_raw(path);
    if (fd < 0)
        return is_executable(path) ? PTD_TARGET_BLIND : PTD_TARGET_ABSENT;
    enum ptd_target result = judge_open(fd, path, depth);
    close(fd);
    return result;
}

enum ptd_target ptd_target_judge(const char *path)
{
    return judge(path, 0);
}
