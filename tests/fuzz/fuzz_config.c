/*
 * Readers of configuration and command lines on any bytes. The first byte picks the reader, the
 * rest is its input. With -DPTD_FUZZ_MAIN it is a program of its own that replays the files named.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/ini.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/pattern.h"
#include "config/shlex.h"
#include "config/toml.h"

#define WORDS 64

static void run_ini(const char *data, size_t size)
{
    struct ptd_ini ini;
    struct ptd_err err;
    if (ptd_ini_parse(data, size, &ini, &err) == 0)
        ptd_ini_has_section(&ini, "pytest");
    ptd_ini_release(&ini);
}

static void run_toml(const char *data, size_t size)
{
    struct ptd_toml toml;
    struct ptd_err err;
    if (ptd_toml_parse(data, size, &toml, &err) == 0)
        ptd_toml_has(&toml, "tool.pytest");
    ptd_toml_release(&toml);
}

/* What is joined splits into the same words again. */
static void run_shlex(const char *text)
{
    char **words = NULL, **again = NULL;
    size_t count, again_count;
    if (ptd_shlex_split(text, &words, &count, NULL) != 0)
        return;
    char *joined = ptd_shlex_join(words);
    if (ptd_shlex_split(joined, &again, &again_count, NULL) != 0 || again_count != count)
        abort();
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], again[i]) != 0)
            abort();
    free(joined);
    ptd_strings_free(words);
    ptd_strings_free(again);
}

/* Lines are arguments; "@file" is left alone, so that nothing is read. */
static void run_options(char *text)
{
    char *argv[WORDS];
    int argc = 0;
    for (char *line = strtok(text, "\n"); line && argc < WORDS; line = strtok(NULL, "\n"))
        if (line[0] != '@')
            argv[argc++] = line;
    struct ptd_options options;
    struct ptd_err err;
    if (ptd_options_parse(argc, argv, &options, &err) == 0 && argc && !strchr(argv[0], '@'))
        ptd_options_apply_addopts(&options, argv[0], &err);
    ptd_options_release(&options);
}

static void run_pair(char *text)
{
    char *second = strchr(text, '\n');
    if (!second)
        return;
    *second++ = '\0';
    ptd_pattern_match(text, second);
    if (ptd_nearest_distance(text, second, 3) != ptd_nearest_distance(second, text, 3))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* Exactly as long as the input: a byte read behind it is found. */
    char *bytes = ptd_xmalloc(size - 1);
    memcpy(bytes, data + 1, size - 1);
    char *text = ptd_xstrndup(bytes, size - 1);
    switch (data[0] % 5) {
    case 0:
        run_ini(bytes, size - 1);
        break;
    case 1:
        run_toml(bytes, size - 1);
        break;
    case 2:
        run_shlex(text);
        break;
    case 3:
        run_options(text);
        break;
    default:
        run_pair(text);
    }
    free(bytes);
    free(text);
    return 0;
}

#ifdef PTD_FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct ptd_buf buf = PTD_BUF_INIT;
        if (ptd_buf_read_file(&buf, argv[i], 1 << 20, NULL) == 0)
            LLVMFuzzerTestOneInput((const uint8_t *)buf.data, buf.len);
        ptd_buf_release(&buf);
    }
    return 0;
}
#endif
