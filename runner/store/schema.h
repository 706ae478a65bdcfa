/* The tables, version PTD_SCHEMA_VERSION (kept in PRAGMA user_version). docs/FORMAT.md explains
 * them. */
#ifndef PTD_STORE_SCHEMA_H
#define PTD_STORE_SCHEMA_H

#define PTD_SCHEMA_VERSION 6

#define PTD_SCHEMA                                                                                 \
    "CREATE TABLE meta ("                                                                          \
    "  key TEXT PRIMARY KEY NOT NULL,"                                                             \
    "  value TEXT NOT NULL) WITHOUT ROWID;"                                                        \
    "CREATE TABLE interpreter ("                                                                   \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  name TEXT NOT NULL UNIQUE);"                                                                \
    "CREATE TABLE version ("                                                                       \
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"                                                      \
    "  hash BLOB NOT NULL UNIQUE,"                                                                 \
    "  blocks BLOB,"                                                                               \
    "  source BLOB,"                                                                               \
    "  codes BLOB);"                                                                               \
    "CREATE TABLE file ("                                                                          \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  kind INTEGER NOT NULL,"                                                                     \
    "  path TEXT NOT NULL,"                                                                        \
    "  size INTEGER NOT NULL DEFAULT 0,"                                                           \
    "  mtime INTEGER NOT NULL DEFAULT 0,"                                                          \
    "  ctime INTEGER NOT NULL DEFAULT 0,"                                                          \
    "  inode INTEGER NOT NULL DEFAULT 0,"                                                          \
    "  hashed_at INTEGER NOT NULL DEFAULT 0,"                                                      \
    "  version_id INTEGER REFERENCES version(id),"                                                 \
    "  changed_at INTEGER NOT NULL DEFAULT 0,"                                                     \
    "  UNIQUE (kind, path));"                                                                      \
    "CREATE TABLE fingerprint ("                                                                   \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  file_id INTEGER NOT NULL REFERENCES file(id),"                                              \
    "  version_id INTEGER REFERENCES version(id),"                                                 \
    "  codes BLOB NOT NULL,"                                                                       \
    "  UNIQUE (version_id, file_id, codes));"                                                      \
    "CREATE TABLE used_version ("                                                                  \
    "  file_id INTEGER NOT NULL REFERENCES file(id),"                                              \
    "  version_id INTEGER NOT NULL,"                                                               \
    "  PRIMARY KEY (file_id, version_id)) WITHOUT ROWID;"                                          \
    "CREATE TABLE import_call ("                                                                   \
    "  file_id INTEGER NOT NULL,"                                                                  \
    "  version_id INTEGER NOT NULL,"                                                               \
    "  callee_file_id INTEGER NOT NULL,"                                                           \
    "  callee_version_id INTEGER NOT NULL,"                                                        \
    "  calls BLOB NOT NULL,"                                                                       \
    "  PRIMARY KEY (file_id, version_id, callee_file_id, callee_version_id)) WITHOUT ROWID;"       \
    "CREATE TABLE depset ("                                                                        \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  hash BLOB NOT NULL UNIQUE,"                                                                 \
    "  fingerprints BLOB NOT NULL);"                                                               \
    "CREATE TABLE node ("                                                                          \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  is_file INTEGER NOT NULL,"                                                                  \
    "  name TEXT NOT NULL,"                                                                        \
    "  file_id INTEGER NOT NULL REFERENCES file(id),"                                              \
    "  UNIQUE (is_file, name));"                                                                   \
    "CREATE TABLE run ("                                                                           \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,"                                           \
    "  baseline INTEGER NOT NULL,"                                                                 \
    "  git_commit TEXT,"                                                                           \
    "  recorded_at INTEGER NOT NULL DEFAULT 0);"                                                   \
    "CREATE TABLE record ("                                                                        \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  node_id INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,"                            \
    "  environment_id INTEGER NOT NULL REFERENCES interpreter(id),"                                \
    "  run_id INTEGER NOT NULL REFERENCES run(id),"                                                \
    "  outcome INTEGER NOT NULL,"                                                                  \
    "  duration_us INTEGER NOT NULL,"                                                              \
    "  baseline INTEGER NOT NULL DEFAULT 0,"                                                       \
    "  depsets BLOB NOT NULL,"                                                                     \
    "  tests BLOB,"                                                                                \
    "  labels BLOB,"                                                                               \
    "  UNIQUE (node_id, environment_id, depsets));" /* Whatever can be deleted is looked for in    \
                                                       those that refer to it. */                  \
    "CREATE TABLE label ("                                                                         \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  name TEXT NOT NULL UNIQUE);"                                                                \
    "CREATE TABLE imports ("                                                                       \
    "  file_id INTEGER PRIMARY KEY REFERENCES file(id),"                                           \
    "  imported BLOB NOT NULL,"                                                                    \
    "  entered BLOB NOT NULL);"                                                                    \
    "CREATE TABLE flaky ("                                                                         \
    "  node_id INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,"                            \
    "  environment_id INTEGER NOT NULL REFERENCES interpreter(id),"                                \
    "  times INTEGER NOT NULL,"                                                                    \
    "  last TEXT NOT NULL,"                                                                        \
    "  outcome_before INTEGER NOT NULL,"                                                           \
    "  outcome_after INTEGER NOT NULL,"                                                            \
    "  PRIMARY KEY (node_id, environment_id)) WITHOUT ROWID;"                                      \
    "CREATE TABLE unsettled ("                                                                     \
    "  id INTEGER PRIMARY KEY,"                                                                    \
    "  run_id INTEGER NOT NULL REFERENCES run(id),"                                                \
    "  depset_id INTEGER NOT NULL,"                                                                \
    "  hash BLOB NOT NULL,"                                                                        \
    "  sets BLOB NOT NULL,"                                                                        \
    "  session BLOB NOT NULL,"                                                                     \
    "  UNIQUE (run_id, hash));"                                                                    \
    "CREATE INDEX file_version ON file (version_id);"                                              \
    "CREATE INDEX record_run ON record (run_id);"

#endif
