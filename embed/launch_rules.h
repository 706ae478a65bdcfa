/* Which files count, as the board tells it; in processes that do not know by themselves. */
#ifndef PTD_EMBED_LAUNCH_RULES_H
#define PTD_EMBED_LAUNCH_RULES_H

#include "files_rules.h"

/* Reads what was told since the last time. */
const struct ptd_rules *ptd_launch_rules(void);

#endif
