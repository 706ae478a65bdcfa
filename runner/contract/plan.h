/*
 * The plan: what the engine tells the plugin in the Python process, as the file "plan.json" in the
 * session directory (environment variable PYT_DIFF_SESSION). Workers of pytest-xdist read it too.
 *
 *   {
 *     "version": 1,
 *     "rootdir": "/abs/real/path",            rootdir as the engine sees it
 *     "record": true,                         false: trace nothing, write no journal (--no-record)
 *     "lines": false,                         true: note which lines are executed (with record)
 *     "select": true,                         false: run everything, the lists below are empty
 *     "ignore": ["tests/test_a.py", ...],     files that need not be collected, relative to rootdir
 *     "ignored_tests": 812,                   how many known tests these hold
 *     "deselect": ["tests/test_b.py::t", ...] known tests that are unaffected, in files that are
 *                                             collected
 *     "keep": ["tests/test_b.py::t", ...]     node ids named on the command line: never deselected,
 *                                             nor is anything below them
 *     "settings": ["diff_opaque", ...],       keys of ours in pytest's section, which it has to
 *                                             know
 *     "markers": ["e2e"],                     tests with one of these are left out, and noted in
 *                                             the file "marked" (below); []: none are
 *     "shard": 0,                             which part, from 1
 *     "shards": 0,                            of how many; 0: all of it
 *     "here": ["tests/test_b.py::u", ...],    known tests of this shard
 *     "elsewhere": [...],                     known tests of other shards in files that are
 *                                             collected: they do not run, even if in "keep"
 *     "first": false,                         true: run in the order of "order"
 *     "order": [[...], [...], [...]],         known tests that failed, that are affected, and the
 *                                             rest, in the order to run; unknown ones come before
 *                                             the affected
 *     "slow": [["tests/test_b.py::u", 12.5]]  tests with the seconds that they took, the slowest
 *                                             first, to be spread over workers; []: leave the order
 *                                             as it is
 *     "reports": false,                       true: write the file "reports" (below)
 *     "total": 840,                           known tests; this and what follows is there when
 *                                             properties for a JUnit file are wanted
 *     "selected": 2,                          how many of them were selected
 *     "reasons": {"tests/a.py::u": "b.py: f"},  why tests and files run
 *     "otherwise": "new test"                 why those run that it does not name
 *   }
 *
 * A test that is in none of the lists runs: an unknown test id is a new test. With shards, it runs
 * in shard 1 + crc32(its node id in UTF-8) modulo the number of shards.
 *
 * "marked" in the session directory: the paths of the files that were collected, as node ids begin
 * with them, then an empty one, then the node ids of tests with one of the markers; a NUL behind
 * each.
 *
 * "reports" in the session directory, appended to as each test ends: node id, outcome (enum
 * ptd_outcome), duration in microseconds, absolute path and line (from 1) of the place that failed
 * ("" and 0: none), message; a NUL behind each. A file that could not be collected is told with its
 * path in place of the node id.
 */
#ifndef PTD_CONTRACT_PLAN_H
#define PTD_CONTRACT_PLAN_H

#define PTD_PLAN_VERSION 1
#define PTD_PLAN_FILE    "plan.json"
#define PTD_MARKED_FILE  "marked"
#define PTD_REPORTS_FILE "reports"
#define PTD_ENV_SESSION  "PYT_DIFF_SESSION"
/* Absolute path of the tracer's shared object, for the preload stub and the exec host. */
#define PTD_ENV_TRACER "PYT_DIFF_TRACER"
/* Command prefix that starts a traced interpreter, for pytest-xdist workers; shell-quoted. */
#define PTD_ENV_AS_PYTHON "PYT_DIFF_AS_PYTHON"

#endif
