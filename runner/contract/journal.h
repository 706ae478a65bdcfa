/*
 * The journal: what the tracer in the Python process writes and the engine reads after the run.
 *
 * One directory per session, one file per process: <session>/<pid>-<n>.ptdj. A file is only
 * appended to, with one write() per batch, and a batch ends in the record that makes it count
 * (J_TEST, J_COLLECT), so a process that is killed loses at most the test that was running.
 *
 * File    = 8 bytes "PTDJRNL1", then records.
 * Record  = u32 length of payload, u32 type, payload, u32 CRC-32 of (length, type, payload).
 * Numbers are little endian. A string is a u32 length and its bytes (UTF-8, or the file system's
 * own bytes for paths), without NUL. A reader stops at the first record that is cut off or fails
 * its CRC.
 *
 * The journal of a process that a test started has another header (contract/board.h): what is in it
 * counts record by record, and goes to the scopes that were open in the process that runs tests.
 *
 * Ids (file, code, name, scope, path) are per process, start at 0 and are defined before their
 * first use. What belongs to a scope is additive: several J_DELTA of one scope are united, also
 * when they repeat an id.
 */
#ifndef PTD_CONTRACT_JOURNAL_H
#define PTD_CONTRACT_JOURNAL_H

#include <stdbool.h>

#define PTD_JOURNAL_MAGIC  "PTDJRNL1"
#define PTD_JOURNAL_SUFFIX ".ptdj"
/* Longest payload that a reader accepts. */
#define PTD_JOURNAL_MAX_PAYLOAD (64u << 20)

enum ptd_journal_type {
    /*
     * One fact about the process: string key, string value. Keys (repeatable where plural):
     *   role        "main", "worker" (pytest-xdist), "controller" or "child" (started by a test)
     *   rootdir     pytest's rootdir, absolute
     *   inipath     the configuration file that pytest chose, absolute, or ""
     *   python      "3.11.7"
     *   implementation "cpython"
     *   platform    sys.platform "-" machine
     *   collected   "1" once pytest has collected all that it was to collect
     *   lines       when the plan asks for them: "on" or "none: REASON"
     *   lines_lost  why some of them are missing
     *   syspath     one per entry of sys.path that lies in a site- or dist-packages folder or that
     *               holds *.dist-info or *.egg-info, absolute
     *   path        one per directory on sys.path below the rootdir, absolute, when the session
     * begins and when it ends python_files, norecursedirs, testpaths: one record per entry, as
     * configured doctest     "1" when --doctest-modules is on basetemp    pytest's base temporary
     * directory when known tracer      "eval", "monitoring", or "none: REASON" (nothing of this
     * process is trusted) partial     "1" when node ids were given on the command line pytest
     * version of pytest
     */
    PTD_J_FACT = 1,
    /* u32 id, string path (absolute, real), then what stat() said when the file was first seen:
     * u64 size, u64 mtime in ns, u64 inode. All three 0 when the file could not be found. */
    PTD_J_FILE = 2,
    /* u32 id, u32 file id, u32 first line, string co_name */
    PTD_J_CODE = 3,
    /*
     * u32 id, string: something that was asked for by its name.
     *   pkg.sub              a module, as an import asked for it, absolute
     *   env:HASH:NAME        an environment variable; HASH is that of its value
     * (contract/environ.h) in 16 hexadecimal digits, "-" when there was none env:* every
     * environment variable dist:NAME, dist:*    the metadata of one installed distribution, or of
     * all top>NAME             an installed package asked: its top-level module, then any of the
     * above (of a module the first component)
     */
    PTD_J_NAME = 4,
    /* u32 id, u32 kind (enum ptd_scope_kind), u32 file id or PTD_J_NO_FILE, string label */
    PTD_J_SCOPE = 5,
    /*
     * u32 scope id, u32 flags (enum ptd_scope_flag), then five lists, each a u32 count and that
     * many u32: code ids that were entered, scope ids that it uses (fixtures), file ids of the
     * modules that it imported or whose import it repeated, name ids that it asked for, and pairs
     * (code id, line): project functions entered while a module was being imported, with the line
     * of that module's own frame below the call (0 when it is not known); a pair counts as two
     * numbers and its code id need not be repeated in the first list.
     */
    PTD_J_DELTA = 6,
    /*
     * A file that pytest collected. u32 scope id or PTD_J_NO_SCOPE, u32 outcome (enum ptd_outcome),
     * u32 flags (enum ptd_collect_flag), string path of the file (absolute, real), u32 count and
     * that many strings: the node ids in it, in order, before deselection.
     */
    PTD_J_COLLECT = 7,
    /*
     * A test that finished. u32 scope id, u32 outcome, u32 flags (enum ptd_scope_flag), u64
     * duration in microseconds (set-up, call and teardown), u32 scope id of the collection of its
     * file or PTD_J_NO_SCOPE, string node id, string path of its file (absolute, real).
     */
    PTD_J_TEST = 8,
    /* string node id: the test has started. Without a J_TEST of the same id behind it the process
     * died in it. */
    PTD_J_START = 9,
    /* u32 exit status of pytest: the process came to its end. */
    PTD_J_END = 10,
    /* A file or directory below the rootdir that somebody looked at. u32 id, string path (absolute,
     * symbolic links as they were used), then what stat() said when the process first came by: u32
     * enum ptd_path_type, u64 size, u64 mtime in ns, u64 inode. */
    PTD_J_PATH = 11,
    /* u32 scope id, u32 count, then that many pairs (u32 enum ptd_access, u32 path id): what the
     * scope did with files. Additive, as J_DELTA. */
    PTD_J_ACCESS = 12,
    /*
     * Lines that were executed (plan: "lines"). String context: node id and "|setup", "|run" or
     * "|teardown"; "" outside of tests. u32 count, then that many pairs: u32 file id, bits as a u32
     * length and that many bytes; line n is bit n % 8 of byte n / 8. Records of one context are
     * united. No part of any scope.
     */
    PTD_J_LINES = 13,
    /*
     * u32 scope id, u32 since, u32 until: between these epochs of the board (contract/board.h),
     * both included, the scope was open. Only from the first start of another process on.
     */
    PTD_J_WINDOW = 20,
    /* First in the journal of a forked process: string, the name of its parent's journal, then u32
     * numbers of files, codes, names and scopes. Ids below these are the parent's. */
    PTD_J_FORK = 21,
    /* u32 scope id, u32 token, u32 epoch (contract/board.h): what that process did in that epoch.
     */
    PTD_J_FOLLOW = 22,
};

enum ptd_path_type {
    PTD_PATH_ABSENT = 0,
    PTD_PATH_FILE = 1,
    PTD_PATH_DIRECTORY = 2,
    PTD_PATH_OTHER = 3,
};

enum ptd_access {
    PTD_ACCESS_READ = 0,    /* its content */
    PTD_ACCESS_LIST = 1,    /* the names in a directory */
    PTD_ACCESS_STAT = 2,    /* that it is there, its type or size */
    PTD_ACCESS_MISSING = 3, /* it was looked for and was not there */
    /* The process itself changed it (of a directory: made or removed an entry). In the session's
     * scope, whoever did it. */
    PTD_ACCESS_WROTE = 4,
};

#define PTD_J_NO_FILE  0xffffffffu
#define PTD_J_NO_SCOPE 0xffffffffu

enum ptd_scope_kind {
    PTD_SCOPE_SESSION = 0, /* hooks and whatever belongs to nobody else: charged to every test */
    PTD_SCOPE_TEST = 1,
    PTD_SCOPE_FIXTURE = 2, /* one instance of a fixture of wider scope */
    PTD_SCOPE_MODULE = 3,  /* the import of one file */
    PTD_SCOPE_COLLECT = 4, /* the collection of one file */
    PTD_SCOPE_CHILD = 5,   /* what a process that a test started did in one epoch */
    /* All that one function did whose results may be kept for later callers, in all its calls. What
     * is charged to it is charged to the scope around it as well, to which it does not belong: who
     * may be served by it is the reader's to tell. Label: the id of its code, then the names under
     * which it serves others apart from being entered, each behind a blank: "@x" its own name, when
     * a decorator may keep what it returns, "%d" the last name of such a decorator ("?" when it has
     * none), "x" a global, ".x" an attribute, "g.x" one of what global g is or holds, "$" a cache
     * of the object that the method belongs to, ":x" a variable of a
     * function around it, "*" any name, "!" none. */
    PTD_SCOPE_ONCE = 6,
};

/* Label of the scope of kind SESSION that has what installed packages asked for: of interest to
 * those who import these packages. */
#define PTD_SCOPE_LABEL_INSTALLED "installed"

enum ptd_scope_flag {
    /* Recording was disturbed while the scope was open: tests that use it are not trusted. */
    PTD_SCOPE_INCOMPLETE = 1,
    /* Another program ran on its behalf that could not be followed: what it used was not seen.
     * Tests that use the scope depend on every file of the project. */
    PTD_SCOPE_OPAQUE = 2,
};

enum ptd_collect_flag {
    /* Only part of the file was collected (node ids on the command line). */
    PTD_COLLECT_PARTIAL = 1,
};

enum ptd_outcome {
    PTD_OUTCOME_PASSED = 0,
    PTD_OUTCOME_FAILED = 1, /* call failed, or strict xpass */
    PTD_OUTCOME_ERROR = 2,  /* set-up or teardown failed; for a file: it could not be collected */
    PTD_OUTCOME_SKIPPED = 3,
    PTD_OUTCOME_XFAILED = 4,
    PTD_OUTCOME_XPASSED = 5,
};

/* In records only: of a file that looks like a test file and that a complete run did not collect.
 */
#define PTD_OUTCOME_NOT_COLLECTED 100

static inline bool ptd_outcome_is_failure(int outcome)
{
    return outcome == PTD_OUTCOME_FAILED || outcome == PTD_OUTCOME_ERROR;
}

#endif
