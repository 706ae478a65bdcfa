/*
 * What the process does with files. The functions of libc that take a path are replaced by ones
 * that tell a sink about it: exported by the host, and by the stub that is preloaded. The tracer
 * finds the setter by name and installs its sink when it starts to record; until then nothing is
 * told.
 */
#ifndef PTD_EMBED_FILES_H
#define PTD_EMBED_FILES_H

enum ptd_file_event {
    PTD_FILE_READ,    /* opened, and its content may be read */
    PTD_FILE_LIST,    /* the names in a directory */
    PTD_FILE_STAT,    /* it is there; perhaps its metadata was asked for as well */
    PTD_FILE_MISSING, /* it was looked for and is not there */
    PTD_FILE_CHANGE,  /* opened for writing, with what was in it before */
    PTD_FILE_REPLACE, /* what was in it before is gone */
    PTD_FILE_CREATE,  /* it was not there before, or was put there from elsewhere */
    PTD_FILE_REMOVE,
};

/*
 * `path` is absolute and without ".", ".." and double slashes; symbolic links are not resolved.
 * `caller` is the address that called the function of libc. Called on any thread, with or without
 * the GIL, never from within itself on the same thread; errno need not be kept.
 */
typedef void (*ptd_files_sink_fn)(enum ptd_file_event event, const char *path, const void *caller);

#define PTD_FILES_SET_SINK "ptd_files_set_sink"
typedef void (*ptd_files_set_sink_fn)(ptd_files_sink_fn sink);

#endif
