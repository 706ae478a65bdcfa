#include "record/annotations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
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

/* Whoever shows the header of a function, or hands on what it says; and the ways of mentioning that
 * count, 0: all of them. */
static const struct {
    const char *name;
    uint32_t ways;
} shows[] = {
    {"signature", 0},
    {"Signature", 0},
    {"from_callable", 0},
    {"__signature__", 0},
    {"__text_signature__", 0},
    {"getfullargspec", 0},
    {"getargspec", 0},
    {"formatargspec", 0},
    {"formatannotation", 0},
    {"help", PTD_MENTION_NAME}, /* not an option or an attribute of that name */
    {"pydoc", 0},
    {"render_doc", 0},
    {"rlcompleter", 0},
    {"DocXMLRPCServer", 0},
    {"DocXMLRPCRequestHandler", 0},
    {"DocCGIXMLRPCRequestHandler", 0},
    {"get_overloads", 0},
    {"annotations", PTD_MENTION_ATTRIBUTE | PTD_MENTION_STRING}, /* not `from __future__` */
    {"sphinx", 0},
    {"Cython", 0},
    {"cython", 0},
    {"cloudpickle", 0},
};

/* Distributions with plugins of pytest that do not look at the annotations of what is tested. */
static const char plugins[] =
    " anyio faker freezegun pyfakefs pytest-aiohttp pytest-asyncio pytest-benchmark pytest-clarity "
    "pytest-cov pytest-datadir pytest-django pytest-dotenv pytest-env pytest-flask pytest-forked "
    "pytest-freezegun pytest-freezer pytest-html pytest-httpbin pytest-httpserver pytest-instafail "
    "pytest-localserver pytest-metadata pytest-mock pytest-order pytest-picked pytest-profiling "
    "pytest-randomly pytest-regressions pytest-repeat pytest-reportlog pytest-rerunfailures "
    "pytest-retry pytest-socket pytest-split pytest-subtests pytest-sugar pytest-testmon "
    "pytest-timeout pytest-tornado pytest-trio pytest-xdist pytest-xprocess requests-mock respx "
    "syrupy time-machine ";

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

/* `wanted`: by name of the namespace, the ways that count. A local variable of such a name is none.
 */
static bool is_shown_by(const struct ptd_ns_version *v, const struct ptd_mentions *m,
                        const uint32_t *wanted)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->items[i].how & wanted[v->names[m->items[i].name]])
            return true;
    return false;
}

static bool imports_shown(const struct ptd_ns_version *v, const struct ptd_definition *d,
                          const uint32_t *wanted)
{
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        if (wanted[v->names[im->module]] || (im->name != PTD_NO_NAME && wanted[v->names[im->name]]))
            return true;
    }
    return false;
}

static bool version_shows(const struct ptd_ns_version *v, const uint32_t *wanted)
{
    for (size_t b = 1; b < v->defs.block_count; b++)
        if (is_shown_by(v, &v->defs.blocks[b], wanted))
            return true;
    for (size_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        if (is_shown_by(v, &d->mentions, wanted) || imports_shown(v, d, wanted))
            return true;
    }
    return false;
}

static bool has_unknown_plugin(struct ptd_packages *p)
{
    char word[64];
    ptd_packages_load(p);
    for (size_t i = 0; i < p->count; i++) {
        const struct ptd_distribution *d = &p->items[i];
        int len = snprintf(word, sizeof(word), " %s ", d->name);
        if (d->plugin && !d->editable && ((size_t)len >= sizeof(word) || !strstr(plugins, word)))
            return true;
    }
    return false;
}

/* Examples in texts are run by doctest, and nobody knows what they show. */
static bool has_texts(const struct ptd_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct ptd_state_file *f = &state->files[i];
        if (f->kind != PTD_FILE_OPAQUE)
            continue;
        const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
        if (ptd_path_ends_with(name, ".rst") || ptd_path_ends_with(name, ".md") ||
            (strncmp(name, "test", strlen("test")) == 0 && ptd_path_ends_with(name, ".txt")))
            return true;
    }
    return false;
}

bool ptd_annotations_are_shown(struct ptd_namespace *ns)
{
    if (!ns->state->packages || has_texts(ns->state) || has_unknown_plugin(ns->state->packages))
        return true;
    const uint32_t all = PTD_MENTION_NAME | PTD_MENTION_ATTRIBUTE | PTD_MENTION_STRING |
                         PTD_MENTION_MODULE | PTD_MENTION_TOP;
    PTD_CLEANUP_FREE uint32_t *wanted = ptd_xcalloc(ns->names.count + 1, sizeof(*wanted));
    for (size_t i = 0; i < sizeof(shows) / sizeof(*shows); i++) {
        size_t at = ptd_map_find(&ns->names, shows[i].name, strlen(shows[i].name));
        if (at != PTD_MAP_NONE)
            wanted[at] = shows[i].ways ? shows[i].ways : all;
    }
    for (uint32_t m = 0; m < ns->count; m++)
        for (uint32_t k = 0; k < ns->modules[m].count; k++)
            if (version_shows(&ns->modules[m].versions[k], wanted))
                return true;
    return false;
}
