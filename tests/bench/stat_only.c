/*
 * The floor of a run that finds nothing to do: stat(2) of every path that a file lists, one path a
 * line, and nothing else. Prints how many of them exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    FILE *list = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (!list) {
        fprintf(stderr, "usage: stat_only FILE_WITH_PATHS\n");
        return 4;
    }
    char *line = NULL;
    size_t cap = 0;
    size_t found = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, list)) > 0) {
        struct stat st;
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        found += stat(line, &st) == 0;
    }
    free(line);
    fclose(list);
    printf("%zu\n", found);
    return 0;
}
