/* pytest's search for the rootdir and the configuration file. */
#ifndef PTD_CONFIG_ROOTDIR_H
#define PTD_CONFIG_ROOTDIR_H

#include "base/err.h"
#include "config/options.h"
#include "config/settings.h"

struct ptd_rootdir {
    char *rootdir; /* owned; absolute, symbolic links as they are */
    char *inifile; /* owned; NULL when there is none */
    struct ptd_settings settings;
};

/* `cwd` is absolute. To be released in any case. */
int ptd_rootdir_find(const struct ptd_options *options, int pytest_version, const char *cwd,
                     struct ptd_rootdir *out, struct ptd_err *err);
void ptd_rootdir_release(struct ptd_rootdir *rootdir);

/* "$NAME" and "${NAME}" replaced, unknown ones kept, as os.path.expandvars does; owned. */
char *ptd_expand_variables(const char *text);
/* "~" and "~user" at the start replaced, as os.path.expanduser does; owned. */
char *ptd_expand_user(const char *text);

#endif
