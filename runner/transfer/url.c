#include "transfer/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

char *ptd_url_decode(const char *text, size_t len)
{
    struct ptd_buf out = PTD_BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            ptd_buf_addc(&out, (char)(hex(text[i + 1]) * 16 + hex(text[i + 2])));
            i += 2;
        } else {
            ptd_buf_addc(&out, text[i]);
        }
    }
    return ptd_buf_steal(&out);
}

char *ptd_url_encode(const char *text, const char *keep)
{
    struct ptd_buf out = PTD_BUF_INIT;
    for (const char *p = text; *p; p++) {
        if (isalnum((unsigned char)*p) || strchr("-._~", *p) || strchr(keep, *p))
            ptd_buf_addc(&out, *p);
        else
            ptd_buf_addf(&out, "%%%02X", (unsigned char)*p);
    }
    return ptd_buf_steal(&out);
}

/* user:password@host:port; -1 when it is none. */
static int parse_authority(const char *text, size_t len, struct ptd_url *out)
{
    const char *end = text + len, *at = end;
    while (at > text && at[-1] != '@')
        at--;
    if (at > text) {
        size_t userinfo = (size_t)(at - 1 - text);
        const char *colon = memchr(text, ':', userinfo);
        out->user = ptd_url_decode(text, colon ? (size_t)(colon - text) : userinfo);
        if (colon)
            out->password = ptd_url_decode(colon + 1, userinfo - (size_t)(colon + 1 - text));
    }
    const char *host_end = end, *colon = end;
    while (colon > at && colon[-1] != ':' && colon[-1] != ']')
        colon--;
    if (colon > at && colon[-1] == ':') {
        char *stop;
        long port = strtol(colon, &stop, 10);
        if (stop != end || stop == colon || port < 1 || port > 65535)
            return -1;
        out->port = (int)port;
        host_end = colon - 1;
    }
    if (host_end > at && *at == '[' && host_end[-1] == ']')
        out->host = ptd_xstrndup(at + 1, (size_t)(host_end - at) - 2);
    else
        out->host = ptd_url_decode(at, (size_t)(host_end - at));
    return strpbrk(out->host, " \r\n") ? -1 : 0;
}

/* A prefix gets the name of the file; in the text in front of the query. */
static void add_name(struct ptd_url *url)
{
    if (ptd_path_ends_with(url->path, ".db"))
        return;
    size_t n = strcspn(url->text, "?#"), host = strlen(url->scheme) + strlen("://");
    const char *text_slash = n > host && url->text[n - 1] == '/' ? "" : "/";
    const char *slash = *url->path ? text_slash : "";
    char *text = ptd_xasprintf("%.*s%s%s%s", (int)n, url->text, text_slash, PTD_URL_DEFAULT_NAME,
                               url->text + n);
    char *path = ptd_xasprintf("%s%s%s", url->path, slash, PTD_URL_DEFAULT_NAME);
    free(url->text);
    free(url->path);
    url->text = text;
    url->path = path;
}

int ptd_url_parse(const char *text, int file, struct ptd_url *out, struct ptd_err *err)
{
    *out = (struct ptd_url){.text = ptd_xstrdup(text)};
    const char *authority = strstr(text, "://");
    bool scheme = authority && authority > text;
    for (const char *p = text; scheme && p < authority; p++)
        scheme = isalnum((unsigned char)*p) || strchr("+-.", *p);
    /* a NUL would end the parts early */
    if (!scheme || strpbrk(text, " \t\r\n") || strstr(text, "%00"))
        return ptd_err_set(err, PTD_E_USAGE, "this is no URL");
    out->scheme = ptd_xstrndup(text, (size_t)(authority - text));
    authority += 3;
    size_t len = strcspn(authority, "/?#");
    if (parse_authority(authority, len, out) < 0)
        return ptd_err_set(err, PTD_E_USAGE, "the host in this URL is none");
    const char *path = authority + len;
    size_t path_len = strcspn(path, "?#");
    size_t skip = path_len && *path == '/';
    out->path = ptd_url_decode(path + skip, path_len - skip);
    if (path[path_len] == '?')
        out->query = ptd_xstrndup(path + path_len + 1, strcspn(path + path_len + 1, "#"));
    if (file)
        add_name(out);
    return 0;
}

void ptd_url_release(struct ptd_url *url)
{
    free(url->text);
    free(url->scheme);
    free(url->user);
    free(url->password);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct ptd_url){0};
}
