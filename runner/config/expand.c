#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/rootdir.h"

/* Length of the reference at `p` ("$NAME" or "${NAME}"), 0 when it is none; the name's span in it.
 */
static size_t reference(const char *p, const char **name, size_t *len)
{
    if (p[0] != '$')
        return 0;
    if (p[1] == '{') {
        const char *end = strchr(p, '}');
        if (!end)
            return 0;
        *name = p + 2;
        *len = (size_t)(end - *name);
        return *len + 3;
    }
    *name = p + 1;
    *len = 0;
    while (isalnum((unsigned char)(*name)[*len]) || (*name)[*len] == '_')
        ++*len;
    return *len ? *len + 1 : 0;
}

char *ptd_expand_variables(const char *text)
{
    struct ptd_buf out = PTD_BUF_INIT;
    while (*text) {
        const char *at = NULL;
        size_t len = 0, whole = reference(text, &at, &len);
        PTD_CLEANUP_FREE char *name = ptd_xstrndup(whole ? at : "", len);
        const char *value = whole ? getenv(name) : NULL;
        if (value)
            ptd_buf_adds(&out, value);
        else
            ptd_buf_add(&out, text, whole ? whole : 1);
        text += whole ? whole : 1;
    }
    return ptd_buf_steal(&out);
}

static const char *home_of(const char *user)
{
    const char *home = *user ? NULL : getenv("HOME");
    if (home)
        return home;
    const struct passwd *entry = *user ? getpwnam(user) : NULL;
    return entry ? entry->pw_dir : NULL;
}

char *ptd_expand_user(const char *text)
{
    if (text[0] != '~')
        return ptd_xstrdup(text);
    size_t n = strcspn(text, "/");
    PTD_CLEANUP_FREE char *user = ptd_xstrndup(text + 1, n - 1);
    const char *home = home_of(user);
    if (!home)
        return ptd_xstrdup(text);
    size_t keep = strlen(home);
    while (keep && home[keep - 1] == '/')
        keep--;
    char *out = ptd_xasprintf("%.*s%s", (int)keep, home, text + n);
    if (*out)
        return out;
    free(out);
    return ptd_xstrdup("/");
}
