/* Reading one installed distribution's metadata. */
#ifndef PTD_STATE_PACKAGES_READ_H
#define PTD_STATE_PACKAGES_READ_H

#include "state/packages.h"

/* `entry` of the directory `folder`: "*.dist-info", "*.egg-info", "EGG-INFO" or "*.egg-link".
 * False when there is nothing to be read. */
bool ptd_packages_read(const char *folder, const char *entry, struct ptd_distribution *out);
void ptd_distribution_release(struct ptd_distribution *distribution);
void ptd_distribution_add_module(struct ptd_distribution *distribution, const char *name,
                                 size_t len);
void ptd_distribution_add_requirement(struct ptd_distribution *distribution, const char *name,
                                      size_t len, bool conditional);

#endif
