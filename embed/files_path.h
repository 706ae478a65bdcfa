/*
 * Names of files as the process gives them, made absolute. No memory is allocated.
 */
#ifndef PTD_EMBED_FILES_PATH_H
#define PTD_EMBED_FILES_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The path from the root, without ".", "..", double and trailing slashes; symbolic links stay.
 * Relative ones start at the directory `dirfd`, or the working directory (AT_FDCWD). False when it
 * cannot be told or does not fit.
 */
bool ptd_files_absolute(int dirfd, const char *path, char *out, size_t size);

#endif
