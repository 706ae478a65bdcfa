#include "config/shlex.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

void ptd_strings_free(char **strings)
{
    for (char **s = strings; s && *s; s++)
        free(*s);
    free(strings);
}

void ptd_strings_add(char ***strings, size_t *count, char *item)
{
    *strings = ptd_xrealloc(*strings, (*count + 2) * sizeof(**strings));
    (*strings)[(*count)++] = item;
    (*strings)[*count] = NULL;
}

/* Adds what is between the quotes; returns the position behind the closing one, NULL without one.
 */
static const char *quoted(const char *p, struct ptd_buf *word)
{
    char quote = *p++;
    while (*p && *p != quote) {
        if (quote == '"' && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        ptd_buf_addc(word, *p++);
    }
    return *p ? p + 1 : NULL;
}

/* One word, which starts at a character that is not white space. */
static const char *one_word(const char *p, struct ptd_buf *word)
{
    while (p && *p && !strchr(" \t\r\n", *p)) {
        if (*p == '\'' || *p == '"') {
            p = quoted(p, word);
        } else if (*p == '\\') {
            if (!p[1])
                return NULL;
            ptd_buf_addc(word, p[1]);
            p += 2;
        } else {
            ptd_buf_addc(word, *p++);
        }
    }
    return p;
}

int ptd_shlex_split(const char *text, char ***words, size_t *count, struct ptd_err *err)
{
    *words = ptd_xcalloc(1, sizeof(**words));
    *count = 0;
    for (const char *p = text + strspn(text, " \t\r\n"); *p; p += strspn(p, " \t\r\n")) {
        struct ptd_buf word = PTD_BUF_INIT;
        const char *end = one_word(p, &word);
        ptd_strings_add(words, count, ptd_buf_steal(&word));
        if (!end) {
            ptd_strings_free(*words);
            *words = NULL;
            *count = 0;
            return ptd_err_set(err, PTD_E_CONFIG, "no closing quotation in: %s", text);
        }
        p = end;
    }
    return 0;
}

char *ptd_shlex_join(char *const *words)
{
    struct ptd_buf out = PTD_BUF_INIT;
    for (char *const *word = words; *word; word++) {
        if (out.len)
            ptd_buf_addc(&out, ' ');
        if (**word && !(*word)[strcspn(*word, " \t\r\n'\"\\")]) {
            ptd_buf_adds(&out, *word);
            continue;
        }
        ptd_buf_addc(&out, '\'');
        for (const char *c = *word; *c; c++)
            ptd_buf_adds(&out, *c == '\'' ? "'\"'\"'" : (char[]){*c, '\0'});
        ptd_buf_addc(&out, '\'');
    }
    return ptd_buf_steal(&out);
}
