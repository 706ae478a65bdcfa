/* What the header and the dynamic section of an executable or library say, read without running it.
 */
#ifndef PTD_SESSION_ELF_H
#define PTD_SESSION_ELF_H

#include <limits.h>
#include <stdbool.h>

enum ptd_elf_kind {
    PTD_ELF_OTHER = 0, /* unreadable, or none of the below */
    PTD_ELF_SCRIPT,    /* begins with "#!" */
    PTD_ELF_NATIVE,    /* ELF of the class, byte order and machine that this program has */
    PTD_ELF_FOREIGN,   /* ELF of another kind */
};

/* Everything beyond `kind` is filled in for PTD_ELF_NATIVE only; "" when there is none. */
struct ptd_elf {
    enum ptd_elf_kind kind;
    char interpreter[PATH_MAX]; /* PT_INTERP: the dynamic loader */
    char libpython[128];        /* first DT_NEEDED that begins with "libpython" and a digit */
    char rpath[PATH_MAX];       /* DT_RPATH */
    char runpath[PATH_MAX];     /* DT_RUNPATH */
    bool pypy;                  /* needs libpypy */
    bool sanitizer;             /* needs the runtime of a sanitizer that must be loaded first */
};

void ptd_elf_read(const char *path, struct ptd_elf *out);

/* The directory below lib/ that Debian keeps libraries of this machine in, "" when not known. */
const char *ptd_elf_multiarch(void);

#endif
