/* What is at a path, in the terms of PTD_FILE_LISTING and PTD_FILE_EXISTS. */
#ifndef PTD_STATE_PROBE_H
#define PTD_STATE_PROBE_H

#include "state/overlay.h"
#include "state/state.h"

/* stat(2) of a directory; false when there is none. */
bool ptd_probe_directory(const char *path, struct ptd_stat_sig *out);
/* Hash over the names in a directory, without bytecode, pytest's cache, and `skip` (an absolute
 * path or NULL); false when it cannot be read. */
bool ptd_probe_listing(const char *path, const char *skip, struct ptd_hash128 *out);

/* The same where an overlay has files below the directory; `relative` to the root. */
bool ptd_probe_overlaid(const struct ptd_overlay *overlay, const char *root, const char *relative,
                        const char *skip, struct ptd_hash128 *out);

struct ptd_hash128 ptd_probe_existence(const char *path);
/* The same of a path that an overlay may have; false when nothing was ever seen like it. */
bool ptd_probe_existence_in(const struct ptd_overlay *overlay, const char *root,
                            const char *relative, struct ptd_hash128 *out);
/* The same of what something was like. The size of Python sources does not count: their content is
 * another matter. */
struct ptd_hash128 ptd_probe_hash(const char *path, enum ptd_existence as, uint64_t size);

#endif
