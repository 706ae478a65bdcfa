/*
 * Sharing tests out among machines that do not talk to each other: whoever has the same tests with
 * the same durations comes to the same parts.
 *
 * The longest test that is left goes to the part that has least to do ("longest processing time
 * first": R. L. Graham, Bounds on Multiprocessing Timing Anomalies, 1969). A test that was never
 * timed counts as the mean of the others.
 */
#ifndef PTD_SELECT_SHARD_H
#define PTD_SELECT_SHARD_H

#include "select/select.h"

/* For each test the number of its part, from 1 to `shards`; owned. *digest identifies the split. */
unsigned *ptd_shard_split(const struct ptd_selected *tests, size_t count, unsigned shards,
                          uint64_t *digest);

#endif
