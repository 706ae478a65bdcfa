/* argv → options → command → exit code. The only place that decides on the exit code. */
#include <stdio.h>

#include "base/err.h"
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
    struct ptd_err err = {0};
    int status = 0;
    if (ptd_cmd_main(argc - 1, argv + 1, &status, &err) == 0)
        return status;
    fprintf(stderr, "pyt-diff: error: %s\n", err.msg);
    if (err.hint[0])
        fprintf(stderr, "hint: %s\n", err.hint);
    return ptd_err_exit_code(&err);
}
