#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "contract/entry.h"
#include "session/elf.h"
#include "session/session.h"

static bool holds_host(const char *dir)
{
    PTD_CLEANUP_FREE char *host = ptd_path_join(dir, PTD_FILE_HOST);
    return access(host, X_OK) == 0;
}

static char *own_directory(struct ptd_err *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0) {
        ptd_err_sys(err, PTD_E_IO, "cannot read /proc/self/exe");
        return NULL;
    }
    self[n] = '\0';
    return ptd_path_dirname(self);
}

char *ptd_session_libexec(struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *bin = own_directory(err);
    if (!bin)
        return NULL;
    PTD_CLEANUP_FREE char *above = ptd_path_dirname(bin);
    PTD_CLEANUP_FREE char *arch = ptd_xasprintf("lib/%s/pyt-diff", ptd_elf_multiarch());
    const char *const places[] = {"lib/pyt-diff", arch, "lib64/pyt-diff", "libexec/pyt-diff"};
    if (holds_host(bin))
        return ptd_xstrdup(bin);
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        PTD_CLEANUP_FREE char *dir = ptd_path_join(above, places[i]);
        if (holds_host(dir))
            return ptd_xstrdup(dir);
    }
    ptd_err_set(err, PTD_E_INTERNAL, "%s is neither in %s nor in ../lib/pyt-diff beside it",
                PTD_FILE_HOST, bin);
    ptd_err_hint(err, "pyt-diff is not installed completely");
    return NULL;
}
