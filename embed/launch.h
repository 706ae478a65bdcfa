/*
 * Starting programs. The functions of libc that do it are replaced by ones that make the stub
 * follow into what is started, and take down on the board who was started; in the host and in the
 * stub.
 */
#ifndef PTD_EMBED_LAUNCH_H
#define PTD_EMBED_LAUNCH_H

#include <stdint.h>

/* From now on, with this board and the token of this process. Also found by name. */
#define PTD_LAUNCH_ATTACH "ptd_launch_attach"
typedef void (*ptd_launch_attach_fn)(const char *board, uint32_t token);
__attribute__((visibility("default"))) void ptd_launch_attach(const char *board, uint32_t token);

#endif
