/*
 * The log of the runs: pyt-diff.log in the cache directory, with what each run decided and why.
 *
 * PYT_DIFF_LOG_LEVEL says how much: off, error, warning, info (default: the decision, the reason of
 * each test, how it ended), debug (also where everything was found). Each entry is one write() to a
 * file opened for appending, so runs at the same time do not mix within an entry. Above 4 MB the
 * file becomes pyt-diff.log.1 when the next run starts. Without permission to write there is no
 * log.
 */
#ifndef PTD_CMD_LOG_H
#define PTD_CMD_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum ptd_log_level {
    PTD_LOG_OFF,
    PTD_LOG_ERROR,
    PTD_LOG_WARNING,
    PTD_LOG_INFO,
    PTD_LOG_DEBUG,
};

#define PTD_LOG_FILE "pyt-diff.log"

/* Fails with PTD_E_USAGE for a level that does not exist. The directory need not be there yet. */
int ptd_log_open(const char *directory, struct ptd_err *err);
void ptd_log_close(void);
bool ptd_log_wants(enum ptd_log_level level);
/* One entry; lines after the first are indented as they come. Nothing when the log is not open. */
void ptd_log(enum ptd_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
