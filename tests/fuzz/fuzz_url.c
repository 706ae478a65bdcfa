/* URLs of shared baselines: any text is refused or has parts that make sense. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "transfer/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void same(const char *a, const char *b)
{
    require((!a && !b) || (a && b && strcmp(a, b) == 0));
}

/* What was made of a URL is a URL with the same parts. */
static void check_again(const struct ptd_url *url, int file)
{
    struct ptd_url again;
    require(ptd_url_parse(url->text, file, &again, NULL) == 0);
    same(again.text, url->text);
    same(again.scheme, url->scheme);
    same(again.user, url->user);
    same(again.password, url->password);
    same(again.host, url->host);
    same(again.path, url->path);
    same(again.query, url->query);
    require(again.port == url->port);
    ptd_url_release(&again);
}

static void check_parts(const struct ptd_url *url)
{
    static const char *const keeps[] = {"", "/", "/!$&'()*+,;=:@"};
    require(url->scheme && url->host && url->path && url->port >= 0 && url->port <= 65535);
    require(!strpbrk(url->host, " \r\n")); /* it goes into a header */
    for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
        PTD_CLEANUP_FREE char *sent = ptd_url_encode(url->path, keeps[i]);
        PTD_CLEANUP_FREE char *back = ptd_url_decode(sent, strlen(sent));
        same(back, url->path);
        require(!strpbrk(sent, " \r\n?#"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTD_CLEANUP_FREE char *text = ptd_xstrndup((const char *)data, size);
    for (int file = 0; file < 2; file++) {
        struct ptd_url url;
        if (ptd_url_parse(text, file, &url, NULL) == 0) {
            check_parts(&url);
            check_again(&url, file);
        }
        ptd_url_release(&url);
    }
    return 0;
}
