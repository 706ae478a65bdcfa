#include "serve/writer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

#define PRUNE_EVERY 3600 /* seconds */
#define PRUNE_LIMIT 5000 /* passes in one transaction */

struct ptd_serve_writer {
    struct ptd_serve_db *db;
    unsigned keep;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct ptd_serve_job *first, **last; /* under the lock */
    bool stopping;                       /* the same */
    time_t prune_at;                     /* the thread's own */
};

int64_t ptd_serve_today(void)
{
    return (int64_t)time(NULL) / (24 * 60 * 60);
}

static int write_job(struct ptd_serve_db *db, const struct ptd_serve_job *job, struct ptd_err *err)
{
    int64_t today = ptd_serve_today();
    for (size_t i = 0; i < job->passes.count; i++)
        if (ptd_serve_pass_put(db, job->project, job->passes.items[i].key,
                               job->passes.items[i].node, today, err) < 0)
            return -1;
    for (size_t i = 0; i < job->used.count; i++)
        if (ptd_serve_pass_touch(db, job->project, job->used.items[i], today, err) < 0)
            return -1;
    return 0;
}

static void complain(const struct ptd_err *err)
{
    fprintf(stderr, "pyt-diff serve: error: %s\n", err->msg);
}

/* One transaction for all of them: none counts unless all do. */
static void write_jobs(struct ptd_serve_db *db, struct ptd_serve_job *jobs)
{
    struct ptd_err err = {0};
    int failed = ptd_serve_db_begin(db, &err);
    for (struct ptd_serve_job *job = jobs; job && !failed; job = job->next)
        failed = write_job(db, job, &err);
    if (!failed)
        failed = ptd_serve_db_commit(db, &err);
    if (failed) {
        ptd_serve_db_rollback(db);
        complain(&err);
    }
    while (jobs) {
        struct ptd_serve_job *job = jobs;
        jobs = job->next;
        job->failed = failed != 0;
        job->done(job);
    }
}

/* Deletes what nobody asked for any more, a little at a time; called while nothing else is due. */
static void prune(struct ptd_serve_writer *w)
{
    struct ptd_err err = {0};
    int count = 0;
    if (time(NULL) < w->prune_at)
        return;
    if (ptd_serve_pass_prune(w->db, ptd_serve_today() - w->keep, PRUNE_LIMIT, &count, &err) < 0)
        complain(&err);
    if (count < PRUNE_LIMIT)
        w->prune_at = time(NULL) + PRUNE_EVERY;
}

/* Waits for jobs, or until it is time to look for what can be deleted. NULL: neither now. */
static struct ptd_serve_job *wait_for_jobs(struct ptd_serve_writer *w, bool *stopping)
{
    pthread_mutex_lock(&w->lock);
    const struct timespec until = {.tv_sec = w->prune_at};
    int timed_out = 0;
    while (!w->first && !w->stopping && !timed_out)
        timed_out = pthread_cond_timedwait(&w->work, &w->lock, &until);
    struct ptd_serve_job *jobs = w->first;
    w->first = NULL;
    w->last = &w->first;
    *stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return jobs;
}

static void *work(void *arg)
{
    struct ptd_serve_writer *w = arg;
    for (;;) {
        bool stopping;
        struct ptd_serve_job *jobs = wait_for_jobs(w, &stopping);
        if (jobs)
            write_jobs(w->db, jobs);
        else if (stopping)
            return NULL;
        else
            prune(w);
    }
}

int ptd_serve_writer_start(const char *database, unsigned keep, struct ptd_serve_writer **out,
                           struct ptd_err *err)
{
    struct ptd_serve_db *db;
    if (ptd_serve_db_open(database, &db, err) < 0)
        return -1;
    struct ptd_serve_writer *w = ptd_xcalloc(1, sizeof(*w));
    w->db = db;
    w->keep = keep;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    if (pthread_create(&w->thread, NULL, work, w) != 0) {
        ptd_serve_db_close(db);
        free(w);
        return ptd_err_set(err, PTD_E_INTERNAL, "cannot start a thread");
    }
    *out = w;
    return 0;
}

bool ptd_serve_writer_add(struct ptd_serve_writer *w, struct ptd_serve_job *job)
{
    pthread_mutex_lock(&w->lock);
    bool taken = !w->stopping;
    job->next = NULL;
    if (taken) {
        *w->last = job;
        w->last = &job->next;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}

void ptd_serve_writer_stop(struct ptd_serve_writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    ptd_serve_db_close(w->db);
    free(w);
}
