#include "cmd/scratch.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

int ptd_scratch_make(struct ptd_scratch *scratch, struct ptd_err *err)
{
    const char *tmp = getenv("TMPDIR");
    *scratch =
        (struct ptd_scratch){ptd_path_join(tmp && *tmp ? tmp : "/tmp", "pyt-diff-XXXXXX"), 0};
    if (mkdtemp(scratch->dir))
        return 0;
    ptd_err_sys(err, PTD_E_IO, "cannot make a temporary directory");
    free(scratch->dir);
    scratch->dir = NULL;
    return -1;
}

char *ptd_scratch_name(struct ptd_scratch *scratch)
{
    return ptd_xasprintf("%s/%d.db", scratch->dir, scratch->count++);
}

void ptd_scratch_remove(struct ptd_scratch *scratch)
{
    DIR *dir = scratch->dir ? opendir(scratch->dir) : NULL;
    if (dir) {
        for (struct dirent *e; (e = readdir(dir));)
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                unlinkat(dirfd(dir), e->d_name, 0);
        closedir(dir);
        rmdir(scratch->dir);
    }
    free(scratch->dir);
    scratch->dir = NULL;
}
