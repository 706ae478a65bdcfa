/*
 * What is kept for all projects of a user: answers of interpreters, and the plugin's bytecode
 * (embed/plugin_code.h). In $XDG_CACHE_HOME/pyt-diff, else ~/.cache/pyt-diff (freedesktop.org, "XDG
 * Base Directory Specification"). Everything in it can be made again, so nothing here fails: what
 * cannot be read is not there, what cannot be written is not kept. What somebody else owns or may
 * write to is left alone.
 */
#ifndef PTD_CMD_USER_CACHE_H
#define PTD_CMD_USER_CACHE_H

/* The text that is kept for a key; owned, or NULL. */
char *ptd_user_cache_get(const char *key);
void ptd_user_cache_put(const char *key, const char *text);

/* Bytecode that the directory of a project lacks is taken from what the user has, and given to it.
 */
void ptd_user_cache_take_code(const char *directory);
void ptd_user_cache_give_code(const char *directory);

#endif
