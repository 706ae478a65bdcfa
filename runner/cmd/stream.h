/*
 * Where a run writes what it reports line by line: annotations, or a stream of JSON objects. Lines
 * arrive as soon as they are put; whoever reads them may go away without harm to the run.
 */
#ifndef PTD_CMD_STREAM_H
#define PTD_CMD_STREAM_H

#include <stdbool.h>

#include "report/run_report.h"

struct ptd_stream {
    int fd;              /* -1: not open */
    const char *name;    /* of the file, for messages; borrowed */
    struct ptd_err lost; /* set when something could not be written: nothing is any more */
    /* Results of the session, as they come (contract/plan.h): */
    char *results; /* the file that they are taken from; owned, NULL: none */
    int results_fd;
    struct ptd_buf rest; /* read, and not whole yet */
};

#define PTD_STREAM_INIT                                                                            \
    {                                                                                              \
        .fd = -1, .results_fd = -1                                                                 \
    }

/* Into `path`, which is made empty, else a copy of the descriptor `otherwise`. */
int ptd_stream_open(struct ptd_stream *stream, const char *path, int otherwise,
                    struct ptd_err *err);
/* Adds lines; without effect when the stream is not open or lost. */
void ptd_stream_put(struct ptd_stream *stream, const struct ptd_buf *lines);
/* Names the session's file of results, which need not be there yet. */
void ptd_stream_expect(struct ptd_stream *stream, const char *session_dir);
/* Puts the results that have come since the last time. */
void ptd_stream_follow(struct ptd_stream *stream, const struct ptd_run_report *report);
/* Fails when something was lost. */
int ptd_stream_close(struct ptd_stream *stream, struct ptd_err *err);

#endif
