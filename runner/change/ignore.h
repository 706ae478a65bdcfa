/*
 * .gitignore rules as documented in gitignore(5) and done by git: negation, anchoring, "**",
 * directory-only patterns, the last match decides, deeper files override. Bytes are compared as
 * they are (core.ignoreCase is off).
 */
#ifndef PTD_CHANGE_IGNORE_H
#define PTD_CHANGE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

/* Rules of one file, chained to those of the directories above; `parent` is borrowed and must live
 * as long as this one. */
struct ptd_ignore;

/* Parses the text of an ignore file that lies in directory `base` (relative to the root, "" for
 * it). */
struct ptd_ignore *ptd_ignore_new(const struct ptd_ignore *parent, const char *base,
                                  const char *text, size_t len);
void ptd_ignore_free(struct ptd_ignore *rules);
/* `path` relative to the root, without a trailing slash; rules may be NULL. Judges this one path:
 * that everything below an ignored directory is ignored too is up to the caller, who walks from
 * the top and stops there. A symbolic link is no directory, whatever it points to. */
bool ptd_ignore_match(const struct ptd_ignore *rules, const char *path, bool is_directory);

#endif
