#include "watch/keys.h"

#include <stdbool.h>

/* ESC [ parameters final, or ESC O final. */
static size_t sequence_length(const char *bytes, size_t len)
{
    if (len < 2 || (bytes[1] != '[' && bytes[1] != 'O'))
        return 1;
    for (size_t i = 2; i < len; i++)
        if (bytes[i] >= '@' && bytes[i] <= '~')
            return i + 1;
    return len;
}

int ptd_keys_next(const char *bytes, size_t len, size_t *used)
{
    *used = 1;
    if (bytes[0] != PTD_KEY_ESCAPE)
        return (unsigned char)bytes[0];
    *used = sequence_length(bytes, len);
    return *used > 1 ? PTD_KEY_NONE : PTD_KEY_ESCAPE;
}

/* With the bytes of one UTF-8 character. */
static void drop_character(struct ptd_buf *line)
{
    bool more = true;
    while (line->len && more) {
        more = ((unsigned char)line->data[line->len - 1] & 0xc0) == 0x80;
        line->data[--line->len] = '\0';
    }
}

static void drop_word(struct ptd_buf *line)
{
    while (line->len && line->data[line->len - 1] == ' ')
        drop_character(line);
    while (line->len && line->data[line->len - 1] != ' ')
        drop_character(line);
}

enum ptd_line_state ptd_line_key(struct ptd_buf *line, int key)
{
    if (key == '\r' || key == '\n')
        return PTD_LINE_DONE;
    if (key == PTD_KEY_ESCAPE)
        return PTD_LINE_CANCELLED;
    if (key == 127 || key == '\b')
        drop_character(line);
    else if (key == 'U' - '@')
        ptd_buf_reset(line);
    else if (key == 'W' - '@')
        drop_word(line);
    else if (key >= ' ')
        ptd_buf_addc(line, (char)key);
    return PTD_LINE_EDITING;
}
