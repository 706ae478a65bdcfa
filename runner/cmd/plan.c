#include "cmd/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "contract/plan.h"

static void add_list(struct ptd_buf *out, const char *key, const char *const *items, size_t count)
{
    ptd_buf_addf(out, ",\n\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        ptd_buf_adds(out, i ? ",\n" : "\n");
        ptd_json_string(out, items[i]);
    }
    ptd_buf_addc(out, ']');
}

static int write_file(const char *path, const struct ptd_buf *text, struct ptd_err *err)
{
    PTD_CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->data + done, text->len - done);
        if (n < 0)
            return ptd_err_sys(err, PTD_E_IO, "cannot write %s", path);
        done += (size_t)n;
    }
    return 0;
}

int ptd_plan_write(const char *session_dir, const char *rootdir, bool record, bool lines,
                   bool select, const struct ptd_selection *selection, const char *const *keep,
                   struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *path = ptd_path_join(session_dir, PTD_PLAN_FILE);
    size_t kept = 0;
    while (keep && keep[kept])
        kept++;
    ptd_buf_addf(&out, "{\"version\":%d,\n\"rootdir\":", PTD_PLAN_VERSION);
    ptd_json_string(&out, rootdir);
    ptd_buf_addf(&out, ",\n\"record\":%s,\n\"lines\":%s,\n\"select\":%s,\n\"ignored_tests\":%zu",
                 record ? "true" : "false", lines ? "true" : "false", select ? "true" : "false",
                 select ? selection->ignored_tests : 0);
    add_list(&out, "ignore", selection->ignore, select ? selection->ignore_count : 0);
    add_list(&out, "deselect", selection->deselect, select ? selection->deselect_count : 0);
    add_list(&out, "keep", keep, kept);
    ptd_buf_adds(&out, "}\n");
    return write_file(path, &out, err);
}
