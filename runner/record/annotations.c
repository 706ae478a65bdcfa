/* Whether annotations that are not evaluated by themselves may be read. */
#include "record/annotations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "state/packages.h"

/* Whoever evaluates annotations, or gets at them, says one of these. */
static const char *const readers[] = {
    "get_type_hints",     "get_annotations",      "__annotations__",
    "eval_str",           "annotation",           "ForwardRef",
    "_evaluate",          "evaluate_forward_ref", "evaluate",
    "singledispatch",     "singledispatchmethod", "validate_call",
    "validate_arguments", "typechecked",          "beartype",
    "no_type_check",      "return_annotation",    "__annotate__",
    "annotationlib",      "resolve_types",        NULL};

/* Distributions that are known not to look at the annotations of what they are given. */
static const char harmless[] =
    " _pytest _typeshed asgiref attr attrs babel blinker boto3 botocore bs4 certifi chardet "
    "charset_normalizer click cloudpickle colorama coverage cryptography cython dateutil "
    "decorator docutils dotenv eventlet exceptiongroup execnet flask freezegun gevent greenlet "
    "html5lib httplib2 httpx idna importlib_metadata importlib_resources iniconfig itsdangerous "
    "jinja2 joblib jwt lxml markdown markupsafe matplotlib mock more_itertools msgpack "
    "multidict networkx numpy packaging pandas parameterized paramiko pexpect pkg_resources "
    "pluggy psutil psycopg psycopg2 py pygments pymysql pyparsing pytest pytest_mock pytz redis "
    "requests requests_mock responses ruamel scipy setuptools simplejson six sklearn "
    "sortedcontainers sphinx sympy tabulate tblib termcolor tomli tomlkit tqdm tzdata "
    "typing_extensions tzlocal "
    "ujson urllib3 werkzeug wrapt xdist yaml zipp zmq ";

static bool says_nothing(const struct ptd_packages *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].unknown)
            return true;
    return false;
}

/* What no distribution has is of the standard library, or was made by a test. */
static bool is_harmless(struct ptd_packages *p, const char *top)
{
    char word[64];
    size_t len = strlen(top);
    if (ptd_packages_is_library(p, top))
        return true;
    if (!ptd_map_get(&p->provided, top, 0))
        return !says_nothing(p);
    snprintf(word, sizeof(word), " %s ", top);
    return len + 3 <= sizeof(word) && strstr(harmless, word);
}

/* Whether a module from outside of the project, which may be any, is imported by this name. */
static bool is_unknown(struct ptd_namespace *ns, uint32_t module, uint32_t name)
{
    const char *text = ptd_namespace_text(ns, name);
    size_t len = strcspn(text, ".");
    if (*text == '.' || len == 0 || ptd_namespace_resolve(ns, module, name)->count)
        return false;
    PTD_CLEANUP_FREE char *top = ptd_xstrndup(text, len);
    return !ns->state->packages || !is_harmless(ns->state->packages, top);
}

static bool imports_unknown(struct ptd_namespace *ns, uint32_t module, uint32_t version)
{
    const struct ptd_ns_version *v = &ns->modules[module].versions[version];
    for (size_t i = 0; i < v->defs.count; i++)
        for (size_t e = 0; e < v->defs.items[i].import_count; e++)
            if (is_unknown(ns, module, v->names[v->defs.items[i].imports[e].module]))
                return true;
    for (size_t b = 1; b < v->defs.block_count; b++) {
        const struct ptd_mentions *m = &v->defs.blocks[b];
        for (size_t i = 0; i < m->count; i++)
            if (m->items[i].how & PTD_MENTION_TOP &&
                is_unknown(ns, module, v->names[m->items[i].name]))
                return true;
    }
    return false;
}

bool ptd_annotations_are_read(struct ptd_namespace *ns)
{
    for (const char *const *p = readers; *p; p++)
        if (ptd_map_find(&ns->names, *p, strlen(*p)) != PTD_MAP_NONE)
            return true;
    for (uint32_t m = 0; m < ns->count; m++)
        for (uint32_t k = 0; k < ns->modules[m].count; k++)
            if (!ns->modules[m].versions[k].known || imports_unknown(ns, m, k))
                return true;
    return false;
}
