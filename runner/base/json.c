#include "base/json.h"

#include <string.h>

size_t ptd_utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 && s[0] <= 0xf4   ? 4
               : s[0] >= 0xe0 && s[0] <= 0xef ? 3
               : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                                              : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void ptd_json_string(struct ptd_buf *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    ptd_buf_addc(out, '"');
    while (*s) {
        size_t n = ptd_utf8_length(s);
        if (n == 0) {
            ptd_buf_addf(out, "\\udc%02x", *s++);
            continue;
        }
        if (*s == '"' || *s == '\\')
            ptd_buf_addf(out, "\\%c", *s);
        else if (*s < 0x20)
            ptd_buf_addf(out, "\\u%04x", *s);
        else
            ptd_buf_add(out, s, n);
        s += n;
    }
    ptd_buf_addc(out, '"');
}
