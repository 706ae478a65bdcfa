/*
 * The numbers of the journal: files, code and names get an id and their defining record when they
 * are first met. Ids are never taken back.
 */
#ifndef PTD_EMBED_SCOPE_IDS_H
#define PTD_EMBED_SCOPE_IDS_H

#include <stdint.h>

#include "pyapi.h"

/* A file that is not watched; equal to PTD_J_NO_FILE. */
#define PTD_UNWATCHED 0xffffffffu

/* The project's directory, which is watched wherever it lies; to be told before code is looked at.
 */
void ptd_ids_root(const char *dir);

/* Directories (of the standard library, pytest's basetemp) below which nothing is watched. */
void ptd_ids_exclude(const char *dir);

/*
 * The file of a co_filename or __file__, PTD_UNWATCHED when it is not a source file of the project,
 * its siblings or its editable installs. Decided once per distinct name. Never leaves an exception.
 */
uint32_t ptd_ids_watched(PyObject *filename);

/* Whether a co_filename is one of the standard library, or frozen into the interpreter. Never
 * leaves an exception. */
bool ptd_ids_is_library(PyObject *filename);

/* Id of any existing file, watched or not; PTD_UNWATCHED when it does not exist. */
uint32_t ptd_ids_file(const char *path);
/* Its real path, owned by the table. */
const char *ptd_ids_path(uint32_t file);

/* Code with the same file, line and name is the same. */
uint32_t ptd_ids_code(uint32_t file, uint32_t line, const char *name, size_t len);
uint32_t ptd_ids_name(const char *name, size_t len);
/* Owned by the table. */
const char *ptd_ids_name_of(uint32_t id);

/* How many there are. */
void ptd_ids_counts(uint32_t *files, uint32_t *codes, uint32_t *names);

#endif
