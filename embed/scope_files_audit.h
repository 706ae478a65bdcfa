/*
 * The audit events of Python, for processes in which libc's functions could not be replaced. They
 * tell less: no stat, nothing that an extension module opens.
 */
#ifndef PTD_EMBED_SCOPE_FILES_AUDIT_H
#define PTD_EMBED_SCOPE_FILES_AUDIT_H

#include "files.h"

/* From now on the events go to the sink, with NULL as the caller. */
void ptd_files_audit(ptd_files_sink_fn sink);

#endif
