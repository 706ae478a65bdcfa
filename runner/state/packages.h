/*
 * The installed distributions: their names and versions, which modules they provide, what they
 * require. Read from the metadata that installers leave (*.dist-info, *.egg-info), without Python.
 *
 * A look takes a listing of each directory of sys.path and a stat of each distribution; what it
 * found is read only when something needs it, and kept in the store for as long as it looks the
 * same.
 */
#ifndef PTD_STATE_PACKAGES_H
#define PTD_STATE_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/map.h"
#include "store/store.h"

/*
 * Paths of rows of PTD_FILE_PACKAGES; other contents are asked for with these in front of a name.
 *   module:x        which distributions provide the top-level module x, in which version
 *   distribution:x  whether the distribution is installed, in which version
 */
#define PTD_PACKAGES_ALL     ""        /* every distribution */
#define PTD_PACKAGES_PLUGINS "plugins" /* pytest, its plugins, and what these require */
#define PTD_PACKAGES_SITE    "site" /* .pth files, sitecustomize, and what cannot be told apart */
#define PTD_PACKAGES_MODULE  "module:"
#define PTD_PACKAGES_NAMED   "distribution:"

struct ptd_requirement {
    char *name;       /* owned, normalised */
    bool conditional; /* only under some marker */
};

struct ptd_distribution {
    char *name;     /* owned, normalised: "typing-extensions" */
    char *version;  /* owned */
    char *identity; /* owned: hash over what was installed */
    bool editable;  /* its sources lie elsewhere */
    bool unknown;   /* nothing says which modules it has */
    bool plugin;    /* has entry points of the group pytest11 */
    char **modules; /* owned: top-level modules */
    size_t module_count;
    struct ptd_requirement *requirements; /* owned */
    size_t requirement_count;
};

struct ptd_packages {
    char *folders;    /* directories of sys.path, a line each; owned */
    const char *root; /* metadata beside sources below it is part of the project, and where it
                         lies does not count in .pth files; borrowed, or NULL */
    struct ptd_hash128
        look; /* of names and stat data: as long as it is the same, all is the same */
    struct ptd_hash128 paths; /* the same of what can lengthen sys.path */
    struct ptd_store *store;  /* where the contents are kept, or NULL; borrowed */
    bool writable;
    bool loaded;
    struct ptd_distribution *items; /* owned; those of one name in the order of sys.path */
    size_t count, cap;
    struct ptd_hash128 site;
    struct ptd_map names;    /* name → position of the first */
    struct ptd_map library;  /* top-level modules of the standard library */
    struct ptd_map provided; /* top-level modules that a distribution has */
};

/* Takes a look at the directories, one a line. `root` is kept: the project's directory, or NULL. */
void ptd_packages_look(struct ptd_packages *out, const char *folders, const char *root);
void ptd_packages_release(struct ptd_packages *packages);

/* Content of the row of this path. */
struct ptd_hash128 ptd_packages_hash(struct ptd_packages *packages, const char *path);
/* The first distribution of this name, normalised or not; NULL when it is not installed. */
const struct ptd_distribution *ptd_packages_find(struct ptd_packages *packages, const char *name);
/* The standard library has a top-level module of this name, and no distribution does. */
bool ptd_packages_is_library(struct ptd_packages *packages, const char *module);
bool ptd_distribution_provides(const struct ptd_distribution *distribution, const char *module);
/* Reads what has not been read yet; afterwards `items` can be used. */
void ptd_packages_load(struct ptd_packages *packages);
/* "Foo.Bar_baz" → "foo-bar-baz"; owned. */
char *ptd_packages_normalize(const char *name, size_t len);

#endif
