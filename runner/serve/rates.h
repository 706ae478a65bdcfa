/*
 * How often each token may ask: a bucket that fills by `rate` requests a second and holds what
 * comes in two seconds. Any thread may ask.
 */
#ifndef PTD_SERVE_RATES_H
#define PTD_SERVE_RATES_H

#include <stdbool.h>
#include <stdint.h>

struct ptd_serve_rates;

struct ptd_serve_rates *ptd_serve_rates_new(unsigned rate);
void ptd_serve_rates_free(struct ptd_serve_rates *rates); /* NULL is allowed */
/* False: too many. `now` is a monotonic clock in ns. */
bool ptd_serve_rates_take(struct ptd_serve_rates *rates, int64_t token, uint64_t now);

#endif
