#include "serve/rates.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct bucket {
    double left; /* requests */
    uint64_t at; /* when that was so */
};

struct ptd_serve_rates {
    double rate;
    pthread_mutex_t lock;
    struct ptd_map tokens; /* id → position in `buckets` */
    struct bucket *buckets;
    size_t cap;
};

struct ptd_serve_rates *ptd_serve_rates_new(unsigned rate)
{
    struct ptd_serve_rates *r = ptd_xcalloc(1, sizeof(*r));
    r->rate = rate;
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void ptd_serve_rates_free(struct ptd_serve_rates *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    ptd_map_release(&r->tokens);
    free(r->buckets);
    free(r);
}

bool ptd_serve_rates_take(struct ptd_serve_rates *r, int64_t token, uint64_t now)
{
    const double most = 2 * r->rate;
    bool added;
    pthread_mutex_lock(&r->lock);
    size_t at = ptd_map_put(&r->tokens, &token, sizeof(token), 0, &added);
    r->buckets = ptd_xgrow(r->buckets, &r->cap, at + 1, sizeof(*r->buckets));
    struct bucket *b = &r->buckets[at];
    if (added)
        *b = (struct bucket){most, now};
    if (now > b->at) {
        b->left += (double)(now - b->at) / 1e9 * r->rate;
        b->left = b->left < most ? b->left : most;
        b->at = now;
    }
    bool allowed = b->left >= 1;
    if (allowed)
        b->left -= 1;
    pthread_mutex_unlock(&r->lock);
    return allowed;
}
