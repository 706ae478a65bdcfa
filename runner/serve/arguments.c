#include "serve/arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int task_of(const char *value, enum ptd_serve_task *out, struct ptd_err *err)
{
    static const char *const names[] = {"run", "token-add", "token-list", "token-revoke"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        *out = (enum ptd_serve_task)i;
        return 0;
    }
    return ptd_err_set(err, PTD_E_USAGE, "task: unknown \"%s\"", value);
}

static int number(const char *name, const char *value, long least, long *out, struct ptd_err *err)
{
    char *end;
    errno = 0;
    *out = strtol(value, &end, 10);
    if (end == value || *end || errno || *out < least || *out > INT_MAX)
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected a whole number, got \"%s\"", name,
                           value);
    return 0;
}

static int take_text(struct ptd_serve_arguments *a, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **field;
    } texts[] = {
        {"db", &a->database},
        {"listen", &a->listen},
        {"name", &a->name},
        {"project", &a->project},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(name, texts[i].name) != 0)
            continue;
        *texts[i].field = value;
        return 1;
    }
    return 0;
}

static int take_number(struct ptd_serve_arguments *a, const char *name, const char *value,
                       struct ptd_err *err)
{
    const struct {
        const char *name;
        unsigned *field;
        long least;
    } numbers[] = {
        {"max-request", &a->max_request, 1}, {"max-rate", &a->max_rate, 1},
        {"max-clients", &a->max_clients, 1}, {"keep", &a->keep, 1},
        {"expires", &a->expires, 0},
    };
    long n = 0;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) != 0)
            continue;
        if (number(name, value, numbers[i].least, &n, err) < 0)
            return -1;
        *numbers[i].field = (unsigned)n;
        return 1;
    }
    if (strcmp(name, "verbosity") == 0) {
        if (number(name, value, INT_MIN, &n, err) < 0)
            return -1;
        a->verbosity = (int)n;
        return 1;
    }
    return 0;
}

static int take(struct ptd_serve_arguments *a, const char *name, const char *value,
                struct ptd_err *err)
{
    if (strcmp(name, "task") == 0)
        return task_of(value, &a->task, err);
    if (take_text(a, name, value))
        return 0;
    int taken = take_number(a, name, value, err);
    if (taken)
        return taken < 0 ? -1 : 0;
    if (strcmp(name, "read-only") == 0)
        a->read_only = *value == '1';
    else if (strcmp(name, "json") == 0)
        a->json = *value == '1';
    else
        return ptd_err_set(err, PTD_E_USAGE, "there is nothing called \"%s\" to set", name);
    return 0;
}

int ptd_serve_arguments_read(int argc, char **argv, struct ptd_serve_arguments *out,
                             struct ptd_err *err)
{
    *out = (struct ptd_serve_arguments){
        .database = "pyt-diff-passes.db",
        .listen = "127.0.0.1:8417",
        .project = "default",
        .max_request = 8,
        .max_rate = 100,
        .max_clients = 256,
        .keep = 90,
    };
    for (int i = 0; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) {
            ptd_err_set(err, PTD_E_USAGE, "expected NAME=VALUE, got \"%s\"", argv[i]);
            return ptd_err_hint(err, "this program belongs to 'pyt-diff serve'");
        }
        *equals = '\0';
        if (take(out, argv[i], equals + 1, err) < 0)
            return -1;
    }
    return 0;
}

int ptd_serve_split_address(const char *text, char *host, size_t size, unsigned *port,
                            struct ptd_err *err)
{
    const char *colon = strrchr(text, ':');
    const char *start = text, *end = colon;
    char *rest = NULL;
    errno = 0;
    long n = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &rest, 10) : -1;
    if (colon && *start == '[' && colon > start && colon[-1] == ']') {
        start++;
        end--;
    } else if (colon && memchr(start, ':', (size_t)(colon - start))) {
        n = -1; /* an IPv6 address without brackets */
    }
    if (n < 0 || *rest || errno || n > 65535 || (size_t)(end - start) >= size) {
        ptd_err_set(err, PTD_E_USAGE, "--listen: expected HOST:PORT, got \"%s\"", text);
        return ptd_err_hint(err, "for example 127.0.0.1:8417, or [::1]:8417");
    }
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    *port = (unsigned)n;
    return 0;
}
