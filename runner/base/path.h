/* Lexical path helpers; nothing here touches the file system. */
#ifndef PTD_BASE_PATH_H
#define PTD_BASE_PATH_H

#include <stdbool.h>

/* "dir/name" (owned); `name` alone when it is absolute or `dir` is "" or ".". */
char *ptd_path_join(const char *dir, const char *name);
/* Directory part (owned): "a/b" of "a/b/c", "" of "c", "/" of "/c". */
char *ptd_path_dirname(const char *path);
const char *ptd_path_basename(const char *path); /* borrowed from `path` */
/* Without "//", "/./" and "x/../" (owned); "" becomes ".". */
char *ptd_path_normalize(const char *path);
/* Both absolute and normalised: "../x/y" relative form of `path` as seen from `base` (owned). */
char *ptd_path_relative(const char *path, const char *base);
/* True when `path` is `dir` itself or lies below it. "" and "." as `dir` hold every relative path.
 */
bool ptd_path_within(const char *path, const char *dir);

/* True when the name ends in `tail` (".py"); also when it is nothing else. */
bool ptd_path_ends_with(const char *path, const char *tail);

#endif
