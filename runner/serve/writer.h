/*
 * One thread writes: what has come in while the last transaction went to the disk becomes the next
 * one, so that many clients share the price of a commit. A job is done when it is on the disk.
 */
#ifndef PTD_SERVE_WRITER_H
#define PTD_SERVE_WRITER_H

#include <stdbool.h>

#include "serve/database.h"
#include "serve/wire.h"

struct ptd_serve_job {
    int64_t project;
    struct ptd_wire_passes passes; /* to be added */
    struct ptd_wire_keys used;     /* passes of these keys were asked for */
    bool failed;                   /* nothing of it was written */
    /* Called by the writer's thread when the job is over; releasing it is the callee's affair. */
    void (*done)(struct ptd_serve_job *job);
    void *arg;
    struct ptd_serve_job *next;
};

struct ptd_serve_writer;

/* `keep`: days after which a pass that nobody asks for is deleted. */
int ptd_serve_writer_start(const char *database, unsigned keep, struct ptd_serve_writer **out,
                           struct ptd_err *err);
/* False: it is being stopped, and the job stays with the caller. */
bool ptd_serve_writer_add(struct ptd_serve_writer *writer, struct ptd_serve_job *job);
/* Finishes what was added, then ends. NULL is allowed. */
void ptd_serve_writer_stop(struct ptd_serve_writer *writer);

/* Days since 1970. */
int64_t ptd_serve_today(void);

#endif
