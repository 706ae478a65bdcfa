#include "state/variables.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/mem.h"
#include "contract/environ.h"

/* What C code reads, or Python before any code of the user's: nobody sees who wants to know. */
static const char *const always[] = {
    "TZ", "LANG", "LANGUAGE", "LC_*", "PYTHON*", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    NULL};

/* Of PYTHON*: change no outcome. */
static const char *const harmless[] = {"PYTHONDONTWRITEBYTECODE",
                                       "PYTHONUNBUFFERED",
                                       "PYTHONFAULTHANDLER",
                                       "PYTHONBREAKPOINT",
                                       "PYTHONPYCACHEPREFIX",
                                       "PYTHONSTARTUP",
                                       "PYTHONVERBOSE",
                                       "PYTHONTRACEMALLOC",
                                       "PYTHONPROFILEIMPORTTIME",
                                       "PYTHONMALLOC*",
                                       "PYTHON_COLORS",
                                       "PYTHONINSPECT",
                                       "PYTHONCASEOK",
                                       "PYTHONSTARTUP_*",
                                       "PYTHON_HISTORY",
                                       NULL};

/* Left out of "all variables": different in each terminal, login or session. */
static const char *const passing[] = {"_",
                                      "SHLVL",
                                      "PWD",
                                      "OLDPWD",
                                      "COLUMNS",
                                      "LINES",
                                      "TERM",
                                      "TERM_*",
                                      "COLORTERM",
                                      "LS_COLORS",
                                      "WINDOWID",
                                      "DISPLAY",
                                      "WAYLAND_DISPLAY",
                                      "SSH_*",
                                      "GPG_*",
                                      "TMUX*",
                                      "STY",
                                      "XDG_SESSION_*",
                                      "XDG_VTNR",
                                      "DBUS_SESSION_BUS_ADDRESS",
                                      "INVOCATION_ID",
                                      "JOURNAL_STREAM",
                                      "LD_PRELOAD",
                                      "PYTEST_*",
                                      "PYT_DIFF_*",
                                      "DRYCI_*",
                                      NULL};

/* What tells us of the pass cache, its token among it: set on one machine and not on another. */
static const char *const ours[] = {"DRYCI_*", NULL};

static bool is_one_of(const char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++)
        if (ptd_glob_match_name(*patterns, name))
            return true;
    return false;
}

bool ptd_variables_ignored(const struct ptd_variables *rules, const char *name)
{
    return is_one_of(rules->never, name) || is_one_of(ours, name);
}

struct ptd_hash128 ptd_variables_content(const uint64_t *hash)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (hash)
        ptd_buf_addf(&text, "variable %016llx", (unsigned long long)*hash);
    else
        ptd_buf_adds(&text, "variable unset");
    return ptd_hash128(text.data, text.len);
}

static bool counts_always(const struct ptd_variables *rules, const char *name)
{
    return is_one_of(rules->always, name) ||
           (is_one_of(always, name) && !is_one_of(harmless, name));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "NAME hash" of each variable that counts, sorted: two environments may have another order. */
static struct ptd_hash128 hash_many(const struct ptd_variables *rules, bool all)
{
    char **lines = NULL;
    size_t count = 0, cap = 0;
    for (char **e = environ; e && *e; e++) {
        const char *equals = strchr(*e, '=');
        if (!equals)
            continue;
        PTD_CLEANUP_FREE char *name = ptd_xstrndup(*e, (size_t)(equals - *e));
        if (ptd_variables_ignored(rules, name) ||
            !(all ? !is_one_of(passing, name) : counts_always(rules, name)))
            continue;
        uint64_t hash = ptd_environ_hash(name, strlen(name), equals + 1, strlen(equals + 1));
        lines = ptd_xgrow(lines, &cap, count + 1, sizeof(char *));
        lines[count++] = ptd_xasprintf("%s %016llx\n", name, (unsigned long long)hash);
    }
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    for (const char *const *p = all ? NULL : rules->always; p && *p; p++)
        ptd_buf_addf(&text, "%s\n", *p); /* what was recorded before did not look at it */
    if (count)
        qsort(lines, count, sizeof(char *), compare_texts);
    for (size_t i = 0; i < count; i++) {
        ptd_buf_adds(&text, lines[i]);
        free(lines[i]);
    }
    free(lines);
    return ptd_hash128(text.data ? text.data : "", text.len);
}

struct ptd_hash128 ptd_variables_hash(const struct ptd_variables *rules, const char *path)
{
    if (strcmp(path, PTD_VARIABLES_ALL) == 0 || strcmp(path, PTD_VARIABLES_ALWAYS) == 0)
        return hash_many(rules, *path != '\0');
    const char *value = getenv(path);
    if (!value)
        return ptd_variables_content(NULL);
    uint64_t hash = ptd_environ_hash(path, strlen(path), value, strlen(value));
    return ptd_variables_content(&hash);
}
