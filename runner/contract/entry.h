/*
 * How the Python process is entered: the names of the files that belong to the program, the command
 * line of the host, and the texts that Python starts with.
 *
 *   pyt-diff-host --embed LIBPYTHON PYTHON [ARG...]
 *   pyt-diff-host --as-python embed LIBPYTHON PYTHON [ARG...]
 *   pyt-diff-host --as-python preload - PYTHON [ARG...]
 *   pyt-diff-host --as-python exec - PYTHON [ARG...]
 *
 * Each behaves as `PYTHON ARG...`, with the module _pytdiff ready to be imported. With `exec` that
 * holds for `-c` only; anything else is run without the module.
 */
#ifndef PTD_CONTRACT_ENTRY_H
#define PTD_CONTRACT_ENTRY_H

#include "contract/plan.h"

#define PTD_FILE_HOST    "pyt-diff-host"
#define PTD_FILE_TRACER  "_pytdiff.abi3.so"
#define PTD_FILE_PRELOAD "pyt-diff-preload.so"

/* Exported by the tracer; to be called before Python is initialised, 0 or -1. */
#define PTD_TRACER_PREINIT "ptd_tracer_preinit"
typedef int (*ptd_tracer_preinit_fn)(const char *mode);

/* Exported by the tracer, for a Python that a test started: before Python is initialised, with the
 * board and the token of the process (contract/board.h). */
#define PTD_TRACER_FOLLOW "ptd_tracer_follow"
typedef void (*ptd_tracer_follow_fn)(const char *board, unsigned token);

#define PTD_ENTER_EMBED   "embed"
#define PTD_ENTER_PRELOAD "preload"
#define PTD_ENTER_EXEC    "exec"

/* For `python -c`: runs pytest with the module that is built in. */
#define PTD_BOOT_MAIN "import _pytdiff; import sys; sys.exit(_pytdiff.main())\n"

/*
 * For `python -c`, in front of other code: imports the module from the path in the environment
 * unless it is built in already. Leaves no name behind; a failure is ours, so it must not look like
 * the exit status of failed tests.
 */
#define PTD_BOOT_LOAD                                                                              \
    "def _load():\n"                                                                               \
    "    import os, sys\n"                                                                         \
    "    path = os.environ.pop('" PTD_ENV_TRACER "', None)\n"                                      \
    "    if '_pytdiff' in sys.builtin_module_names:\n"                                             \
    "        return\n"                                                                             \
    "    from importlib.machinery import ExtensionFileLoader\n"                                    \
    "    from importlib.util import module_from_spec, spec_from_file_location\n"                   \
    "    try:\n"                                                                                   \
    "        loader = ExtensionFileLoader('_pytdiff', path)\n"                                     \
    "        spec = spec_from_file_location('_pytdiff', path, loader=loader)\n"                    \
    "        sys.modules['_pytdiff'] = module = module_from_spec(spec)\n"                          \
    "        loader.exec_module(module)\n"                                                         \
    "    except Exception as error:\n"                                                             \
    "        sys.stderr.write('pyt-diff: error: cannot load the tracer: %s\\n' % error)\n"         \
    "        sys.exit(3)\n"                                                                        \
    "_load()\n"                                                                                    \
    "del _load\n"

/* For `python -c`: pytest as its own command runs it, without anything of ours. */
#define PTD_BOOT_PLAIN                                                                             \
    "import sys\n"                                                                                 \
    "sys.argv[0] = 'pytest'\n"                                                                     \
    "if sys.path[:1] == [''] and not getattr(sys.flags, 'safe_path', False):\n"                    \
    "    del sys.path[0]\n"                                                                        \
    "try:\n"                                                                                       \
    "    import pytest\n"                                                                          \
    "except ModuleNotFoundError as error:\n"                                                       \
    "    if error.name != 'pytest':\n"                                                             \
    "        raise\n"                                                                              \
    "    sys.stderr.write('pyt-diff: error: no pytest in %s\\n' % sys.executable)\n"               \
    "    sys.exit(4)\n"                                                                            \
    "try:\n"                                                                                       \
    "    status = pytest.main()\n"                                                                 \
    "    sys.stdout.flush()\n"                                                                     \
    "except BrokenPipeError:\n"                                                                    \
    "    import os\n"                                                                              \
    "    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())\n"                         \
    "    status = 1\n"                                                                             \
    "sys.exit(status)\n"

#endif
