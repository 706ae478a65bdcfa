/*
 * Everything that is known before a decision: the project, the interpreter, the store, and the tree
 * as it is now with what of the recorded data still holds. The commands are questions about this.
 */
#ifndef PTD_CMD_WORKSPACE_H
#define PTD_CMD_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/environment.h"
#include "config/options.h"
#include "config/project.h"
#include "record/validity.h"
#include "select/select.h"
#include "session/interpreter.h"
#include "state/state.h"
#include "store/store.h"

struct ptd_workspace {
    struct ptd_options *options; /* borrowed */
    struct ptd_project project;
    struct ptd_interpreter interpreter;
    struct ptd_environment environment;
    struct ptd_store *store; /* NULL: cannot be used, nothing is recorded */
    bool writable;
    struct ptd_state state;
    bool state_loaded;
    bool stale_said;       /* what of the rules matches nothing */
    bool doctests;         /* every Python file may hold tests */
    bool programs;         /* tests start programs, which may read any file */
    char *endings_text;    /* endings of collected files that are not Python, '\n' between them */
    const char **endings;  /* the same as a list; NULL-terminated */
    char **excluded_paths; /* --ignore, relative to the root; owned, NULL-terminated */
    const char **excluded_ids; /* --deselect; owned array of borrowed, NULL-terminated */
    struct ptd_hash128 digest; /* of the state, the environment and what is excluded */
};

/* The Python that the command line or the configuration names, else the one that is found. */
int ptd_workspace_interpreter(const struct ptd_options *options, const struct ptd_project *project,
                              struct ptd_interpreter *out, struct ptd_err *err);
/* The name under which records are kept apart, of the command line or the configuration; NULL. */
const char *ptd_workspace_given_name(const struct ptd_options *options,
                                     const struct ptd_project *project);
/* The first half of opening: the project and its configuration, the interpreter. */
int ptd_workspace_find(struct ptd_workspace *w, struct ptd_options *options, struct ptd_err *err);
/* The second half: the store and the tree. */
int ptd_workspace_enter(struct ptd_workspace *w, struct ptd_err *err);
/* Opens everything; what is wrong but can be lived with is said on stderr. */
int ptd_workspace_open(struct ptd_workspace *w, struct ptd_options *options, struct ptd_err *err);
void ptd_workspace_close(struct ptd_workspace *w);
/* Looks at the tree again, and reads the state of the data anew. */
int ptd_workspace_reload(struct ptd_workspace *w, struct ptd_err *err);
/* The database turned out to be damaged while it was read: starts anew with an empty one. */
int ptd_workspace_rebuild(struct ptd_workspace *w, struct ptd_err *err);
/* A path of the command line as the store spells it: relative to the root, "" for the root itself.
 * Owned. */
char *ptd_project_relative(const struct ptd_project *project, const char *path);
char *ptd_workspace_relative(const struct ptd_workspace *w, const char *path);
/* The directory of the data, relative to the root; NULL when it is elsewhere. Owned. */
char *ptd_project_skipped(const struct ptd_project *project);
char *ptd_workspace_skipped(const struct ptd_workspace *w);
bool ptd_workspace_is_test_file(const struct ptd_workspace *w, const char *path);

/* What the configuration says, in the state's terms; borrowed. */
struct ptd_variables ptd_workspace_variables(const struct ptd_workspace *w);
struct ptd_rules ptd_workspace_rules(const struct ptd_workspace *w);
/* What the state is loaded with; `skip` is borrowed (see ptd_workspace_skipped). */
struct ptd_state_inputs ptd_workspace_inputs(struct ptd_workspace *w, const char *skip);

struct ptd_since;

/* The selection with everything that its strings live in. */
struct ptd_verdict {
    struct ptd_selection selection;
    struct ptd_validity validity;
    struct ptd_select_node *nodes;
    size_t node_count, node_cap;
    struct ptd_select_record *records;
    size_t record_count, record_cap;
    struct ptd_map names; /* owns the names of nodes */
    struct ptd_buf tests; /* owns the node ids of files */
    const char **test_files;
    size_t test_file_count, test_file_cap;
    bool no_data;
    char description[512];
    const struct ptd_state *state; /* borrowed */
    /* With a difference of git's (cmd/since.h): */
    struct ptd_since *since; /* borrowed, or NULL */
    unsigned char *sides;    /* owned; per node, see verdict.c */
    size_t side_cap;
    size_t elsewhere; /* selected, because no record of theirs is of either state */
    size_t left_out;  /* affected by other changes than those asked for */
    bool unsettled;   /* a record would hold, were it settled (record/settle.h) */
};

/* How to select, beside what the options say; see ptd_select_input. */
struct ptd_select_how {
    bool everything, first;
    unsigned shard, shards;
    bool (*left_out)(int64_t collection, const char *name, void *arg);
    void *left_out_arg;
    bool (*passed)(const char *name, void *arg); /* the same */
    void *passed_arg;
    struct ptd_since *since; /* by the difference between two states; has views; or NULL */
};
int ptd_workspace_select_as(struct ptd_workspace *w, const char *const *scope,
                            const struct ptd_select_how *how, struct ptd_verdict *out,
                            struct ptd_err *err);
/* The same from what was loaded then. */
void ptd_workspace_select_again(const struct ptd_workspace *w, const char *const *scope,
                                const struct ptd_select_how *how, struct ptd_verdict *verdict);
/* What is affected, or `everything`. `scope`: see ptd_select_input. */
int ptd_workspace_select(struct ptd_workspace *w, const char *const *scope, bool everything,
                         struct ptd_verdict *out, struct ptd_err *err);
void ptd_verdict_release(struct ptd_verdict *verdict);
/* Text for a broken dependency of this verdict (a struct ptd_verdict *); valid until the next call.
 */
const char *ptd_verdict_describe(size_t broken, void *verdict);
/* The path of the file that it is about; NULL when it is about something else. */
const char *ptd_verdict_changed_file(size_t broken, const struct ptd_verdict *verdict);
size_t ptd_workspace_changed_files(const struct ptd_workspace *w);

/* A line on stderr: "pyt-diff: warning: ...". */
void ptd_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Who is told of each warning from now on, beside standard error and the log; NULL: nobody. */
void ptd_warn_tell(void (*tell)(const char *text, void *arg), void *arg);

#endif
