/*
 * What is about to be executed, judged by reading it: can the stub be loaded into it?
 */
#ifndef PTD_EMBED_LAUNCH_TARGET_H
#define PTD_EMBED_LAUNCH_TARGET_H

enum ptd_target {
    PTD_TARGET_ABSENT, /* it is not there or cannot be executed: the call will fail */
    PTD_TARGET_FOLLOW,
    PTD_TARGET_BLIND, /* static, privileged, of another kind, with a sanitizer, unreadable */
    PTD_TARGET_HOST,  /* our own host, which enters Python in its own way */
};

/* Learns which loader this process has; to be called early. */
void ptd_target_learn(void);
/* Uses only the stack. */
enum ptd_target ptd_target_judge(const char *path);

#endif
