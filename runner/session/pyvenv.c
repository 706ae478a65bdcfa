#include "session/pyvenv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/path.h"

/* Cuts blanks from both ends, in place. */
static char *strip(char *s)
{
    static const char blanks[] = " \t\r\n";
    s += strspn(s, blanks);
    size_t len = strlen(s);
    while (len > 0 && strchr(blanks, s[len - 1]))
        len--;
    s[len] = '\0';
    return s;
}

static void copy(char *out, size_t size, const char *value)
{
    if (strlen(value) < size)
        memcpy(out, value, strlen(value) + 1);
}

static void take_line(char *line, struct ptd_pyvenv *out)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return;
    *equals = '\0';
    const char *key = strip(line);
    const char *value = strip(equals + 1);
    int major, minor;
    if (strcasecmp(key, "home") == 0) {
        copy(out->home, sizeof(out->home), value);
    } else if (strcasecmp(key, "implementation") == 0) {
        copy(out->implementation, sizeof(out->implementation), value);
    } else if (strcasecmp(key, "version") == 0 || strcasecmp(key, "version_info") == 0) {
        if (sscanf(value, "%d.%d", &major, &minor) == 2) {
            out->major = major;
            out->minor = minor;
        }
    }
}

static bool read_file(const char *dir, struct ptd_pyvenv *out)
{
    PTD_CLEANUP_FREE char *path = ptd_path_join(dir, "pyvenv.cfg");
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char line[PATH_MAX + 64];
    while (fgets(line, sizeof(line), file))
        take_line(line, out);
    fclose(file);
    return true;
}

bool ptd_pyvenv_read(const char *python, struct ptd_pyvenv *out)
{
    memset(out, 0, sizeof(*out));
    PTD_CLEANUP_FREE char *bin = ptd_path_dirname(python);
    PTD_CLEANUP_FREE char *above = ptd_path_dirname(bin);
    return read_file(bin, out) || read_file(above, out);
}
