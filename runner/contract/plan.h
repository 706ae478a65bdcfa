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
 *   }
 *
 * A test that is in neither list runs: an unknown test id is a new test.
 */
#ifndef PTD_CONTRACT_PLAN_H
#define PTD_CONTRACT_PLAN_H

#define PTD_PLAN_VERSION 1
#define PTD_PLAN_FILE    "plan.json"
#define PTD_ENV_SESSION  "PYT_DIFF_SESSION"
/* Absolute path of the tracer's shared object, for the preload stub and the exec host. */
#define PTD_ENV_TRACER "PYT_DIFF_TRACER"
/* Command prefix that starts a traced interpreter, for pytest-xdist workers; shell-quoted. */
#define PTD_ENV_AS_PYTHON "PYT_DIFF_AS_PYTHON"

#endif
