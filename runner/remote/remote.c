#include "remote/remote.h"

#include <ctype.h>
#include <dlfcn.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

bool ptd_remote_is_url(const char *text)
{
    const char *p = text;
    while (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.')
        p++;
    return p > text && strncmp(p, "://", 3) == 0;
}

int ptd_remote_check(const char *url, struct ptd_err *err)
{
    static const char *const schemes[] = {"file", "s3", "http", "https", "redis"};
    size_t n = strcspn(url, ":");
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strlen(schemes[i]) == n && strncmp(url, schemes[i], n) == 0 && ptd_remote_is_url(url))
            return 0;
    PTD_CLEANUP_FREE char *shown = ptd_remote_shown(url);
    ptd_err_set(err, PTD_E_USAGE, "\"%s\" is no URL that pyt-diff knows", shown);
    return ptd_err_hint(err, "file:///DIR/NAME.db, s3://BUCKET/KEY, https://HOST/PATH or "
                             "redis://HOST/DB/KEY");
}

char *ptd_remote_shown(const char *url)
{
    const char *authority = strstr(url, "://");
    if (!authority)
        return ptd_xstrndup(url, strcspn(url, "?#"));
    authority += 3;
    const char *at = authority + strcspn(authority, "/?#");
    while (at > authority && at[-1] != '@')
        at--;
    return ptd_xasprintf("%.*s%.*s", (int)(authority - url), url, (int)strcspn(at, "?#"), at);
}

int ptd_remote_open(const char *dir, const struct ptd_transfer_api **out, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, PTD_TRANSFER_FILE);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ptd_transfer_entry *entry = NULL;
    if (module)
        *(void **)&entry = dlsym(module, PTD_TRANSFER_SYMBOL);
    *out = entry ? entry() : NULL;
    if (*out && (*out)->version == PTD_TRANSFER_VERSION)
        return 0;
    const char *why = *out ? "it belongs to another version of pyt-diff" : dlerror();
    ptd_err_set(err, PTD_E_INTERNAL, "cannot load what talks to servers: %s", why ? why : path);
    return ptd_err_hint(err, "install libcurl, libhiredis, libiniparser and libzstd, or use "
                             "--offline");
}
