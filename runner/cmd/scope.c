#include "cmd/scope.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

/* The existing paths that `testpaths` names; NULL when they cannot be told. */
static char **testpaths_scope(const struct ptd_workspace *w)
{
    char **scope = NULL;
    size_t count = 0, cap = 0;
    for (char **t = w->project.testpaths; *t; t++) {
        PTD_CLEANUP_FREE char *pattern = ptd_path_join(w->project.cwd, *t);
        glob_t found = {0};
        bool every_depth = strstr(*t, "**") != NULL; /* which glob() does not know */
        if (!every_depth && glob(pattern, 0, NULL, &found) == 0)
            for (size_t i = 0; i < found.gl_pathc; i++) {
                scope = ptd_xgrow(scope, &cap, count + 2, sizeof(char *));
                scope[count++] = ptd_workspace_relative(w, found.gl_pathv[i]);
                scope[count] = NULL;
            }
        globfree(&found);
        if (every_depth) {
            for (size_t i = 0; i < count; i++)
                free(scope[i]);
            free(scope);
            return NULL;
        }
    }
    return scope;
}

char **ptd_scope_default(const struct ptd_workspace *w)
{
    const struct ptd_project *project = &w->project;
    if (w->options->args_file)
        return NULL;
    if (strcmp(project->cwd, project->rootdir) == 0)
        return testpaths_scope(w);
    if (!ptd_path_within(project->cwd, project->rootdir))
        return NULL;
    char **scope = ptd_xcalloc(2, sizeof(char *));
    scope[0] = ptd_workspace_relative(w, ".");
    return scope;
}

void ptd_scope_free(char **scope)
{
    for (char **s = scope; s && *s; s++)
        free(*s);
    free(scope);
}
