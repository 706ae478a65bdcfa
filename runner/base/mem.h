/*
 * Allocation that cannot fail: running out of memory ends the engine with a message (the tests of
 * the user have not been judged then, so the exit code is 3). Not for use in embed/.
 */
#ifndef PTD_BASE_MEM_H
#define PTD_BASE_MEM_H

#include <stddef.h>

void *ptd_xmalloc(size_t size);
void *ptd_xcalloc(size_t count, size_t size);
void *ptd_xrealloc(void *ptr, size_t size);
/* Grows an array to hold at least `need` items of `size` bytes; *cap counts items. */
void *ptd_xgrow(void *ptr, size_t *cap, size_t need, size_t size);
char *ptd_xstrdup(const char *s);
char *ptd_xstrndup(const char *s, size_t n);
char *ptd_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Release at the end of the scope: `PTD_CLEANUP_FREE char *p = ...`. */
void ptd_cleanup_free(void *pointer_to_pointer);
void ptd_cleanup_close(int *fd);
#define PTD_CLEANUP_FREE  __attribute__((cleanup(ptd_cleanup_free)))
#define PTD_CLEANUP_CLOSE __attribute__((cleanup(ptd_cleanup_close)))

#endif
