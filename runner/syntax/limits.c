#include "syntax/limits.h"

#include <stdint.h>

/* CPython stops at 200 brackets; strings may hold some that are not closed. */
#define BRACKETS_MAX 10000
/* Each may leave up to four things open. */
#define CHAIN_MAX 14000

static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c >= 0x80;
}

bool ptd_limits_hold(const struct ptd_buf *text)
{
    size_t brackets = 0, chain = 0;
    bool in_word = false;
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        bool word = is_word_byte(c);
        if (c == '(' || c == '[' || c == '{')
            brackets++;
        else if ((c == ')' || c == ']' || c == '}') && brackets > 0)
            brackets--;
        else if (c == ',' || (c == '\n' && (i == 0 || text->data[i - 1] != '\\')))
            chain = 0;
        else if (word ? !in_word : c > ' ')
            chain++;
        in_word = word;
        if (brackets > BRACKETS_MAX || chain > CHAIN_MAX)
            return false;
    }
    return true;
}
