#include "session/entrance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "session/session.h"

/* --- the library -------------------------------------------------------------------------------
 */

static bool try_library(const char *dir, const char *name, struct ptd_interpreter *out)
{
    struct ptd_elf elf;
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, name);
    if (dir[0] == '\0' || strlen(path) >= sizeof(out->libpython))
        return false;
    ptd_elf_read(path, &elf);
    if (elf.kind != PTD_ELF_NATIVE)
        return false;
    strcpy(out->libpython, path);
    return true;
}

/* One entry of a search path with $ORIGIN filled in; NULL when it holds another variable. */
static char *expand(const char *entry, size_t len, const char *origin)
{
    struct ptd_buf dir = PTD_BUF_INIT;
    for (size_t i = 0; i < len;) {
        size_t skip = 0;
        if (len - i >= 7 && strncmp(entry + i, "$ORIGIN", 7) == 0)
            skip = 7;
        else if (len - i >= 9 && strncmp(entry + i, "${ORIGIN}", 9) == 0)
            skip = 9;
        if (skip) {
            ptd_buf_adds(&dir, origin);
            i += skip;
            continue;
        }
        if (entry[i] == '$') {
            ptd_buf_release(&dir);
            return NULL;
        }
        ptd_buf_addc(&dir, entry[i++]);
    }
    return ptd_buf_steal(&dir);
}

static bool try_search_path(const char *list, const char *name, struct ptd_interpreter *out)
{
    PTD_CLEANUP_FREE char *origin = ptd_path_dirname(out->real);
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ":;");
        PTD_CLEANUP_FREE char *dir = expand(p, len, origin);
        if (dir && try_library(dir, name, out))
            return true;
        p += len;
        p += *p != '\0';
    }
    return false;
}

/* lib, lib/<multiarch> and lib64 below the directory that holds `bin`. */
static bool try_installation(const char *bin, const char *name, struct ptd_interpreter *out)
{
    if (bin[0] != '/')
        return false;
    PTD_CLEANUP_FREE char *base = ptd_path_dirname(bin);
    PTD_CLEANUP_FREE char *lib = ptd_path_join(base, "lib");
    PTD_CLEANUP_FREE char *arch = ptd_path_join(lib, ptd_elf_multiarch());
    PTD_CLEANUP_FREE char *lib64 = ptd_path_join(base, "lib64");
    return try_library(lib, name, out) || try_library(arch, name, out) ||
           try_library(lib64, name, out);
}

static bool try_loader(const struct ptd_elf *elf, struct ptd_interpreter *out)
{
    const char *preferred = getenv("LD_LIBRARY_PATH");
    if (elf->runpath[0] == '\0' && try_search_path(elf->rpath, elf->libpython, out))
        return true;
    return (preferred && try_search_path(preferred, elf->libpython, out)) ||
           try_search_path(elf->runpath, elf->libpython, out);
}

void ptd_entrance_library(struct ptd_interpreter *out, const struct ptd_elf *elf, const char *home)
{
    char names[2][64];
    snprintf(names[0], sizeof(names[0]), "libpython%d.%d.so.1.0", out->major, out->minor);
    snprintf(names[1], sizeof(names[1]), "libpython%d.%d.so", out->major, out->minor);
    const char *name = out->shared ? elf->libpython : names[0];
    PTD_CLEANUP_FREE char *bin = ptd_path_dirname(out->real);
    out->libpython[0] = '\0';
    if (out->shared && try_loader(elf, out))
        return;
    if (try_installation(bin, name, out) || try_installation(home, name, out))
        return;
    if (out->shared)
        /* Where the loader looks last. A static executable's library is never another
         * installation's. */
        (void)(try_installation("/usr/bin", name, out) || try_installation("/bin", name, out) ||
               try_installation("/usr/local/bin", name, out));
    else
        (void)(try_installation(bin, names[1], out) || try_installation(home, names[1], out));
}

/* --- the door ----------------------------------------------------------------------------------
 */

static bool privileged(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)))
        return true;
    return getxattr(path, "security.capability", NULL, 0) > 0;
}

/* The separators and the variables of LD_PRELOAD cannot be escaped. */
static bool stub_can_be_named(void)
{
    PTD_CLEANUP_FREE char *dir = ptd_session_libexec(NULL);
    return !dir || !strpbrk(dir, " :;$\t\n");
}

/* Why the stub cannot be loaded into it, or NULL. */
static const char *preload_obstacle(const struct ptd_interpreter *python, const struct ptd_elf *elf)
{
    if (elf->kind != PTD_ELF_NATIVE)
        return "it is not an ELF program that can be read";
    if (elf->interpreter[0] == '\0')
        return "it is linked statically";
    if (privileged(python->real))
        return "it runs with raised privileges";
    if (elf->sanitizer)
        return "it is built with a sanitizer";
    if (!stub_can_be_named())
        return "the directory of pyt-diff has a character in its name that LD_PRELOAD cannot hold";
    return NULL;
}

static int refuse(struct ptd_err *err, const struct ptd_interpreter *python, const char *verb,
                  const char *why)
{
    ptd_err_set(err, PTD_E_PYTHON, "cannot %s %s: %s", verb, python->python, why);
    return ptd_err_hint(err, "leave out --host, which chooses what is possible");
}

int ptd_entrance_choose(struct ptd_interpreter *out, const struct ptd_elf *elf,
                        enum ptd_host wanted, struct ptd_err *err)
{
    const char *obstacle = preload_obstacle(out, elf);
    out->host = wanted;
    if (wanted == PTD_HOST_EMBED && out->libpython[0] == '\0')
        return refuse(err, out, "embed", "its installation has no shared libpython");
    if (wanted == PTD_HOST_PRELOAD && obstacle)
        return refuse(err, out, "preload into", obstacle);
    if (wanted != PTD_HOST_AUTO)
        return 0;
    if (out->shared && out->libpython[0] && !elf->sanitizer)
        out->host = PTD_HOST_EMBED;
    else
        out->host = obstacle ? PTD_HOST_EXEC : PTD_HOST_PRELOAD;
    return 0;
}
