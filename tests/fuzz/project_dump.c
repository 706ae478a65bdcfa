/*
 * Prints what the engine makes of a command line and of the configuration it finds, as JSON, for
 * tests that compare it with pytest. Usage: project_dump VERSION [ARGUMENTS], VERSION as 804 for
 * pytest 8.4, 0 for the newest.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/options.h"
#include "config/project.h"

static void put_string(const char *name, const char *text)
{
    printf(", \"%s\": ", name);
    if (!text) {
        fputs("null", stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            putchar('\\');
        if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put_list(const char *name, char **list)
{
    size_t count = 0;
    for (; list[count]; count++) {
        char key[64];
        snprintf(key, sizeof(key), "%s.%zu", name, count);
        put_string(key, list[count]);
    }
    printf(", \"%s\": %zu", name, count);
}

static void put_project(const struct ptd_project *project)
{
    put_string("rootdir", project->rootdir);
    put_string("inifile", project->inifile);
    put_string("addopts", project->addopts);
    put_string("cache_dir", project->cache_dir);
    put_list("python_files", project->python_files);
    put_list("testpaths", project->testpaths);
    fputs(", \"hash\": \"", stdout);
    for (int i = 0; i < 16; i++)
        printf("%02x", project->config_hash.bytes[i]);
    putchar('"');
}

int main(int argc, char **argv)
{
    struct ptd_options options;
    struct ptd_project project;
    struct ptd_err err = {0};
    int version = argc > 1 ? atoi(argv[1]) : 0;
    int status =
        ptd_options_parse(argc - (argc > 1 ? 2 : 1), argv + (argc > 1 ? 2 : 1), &options, &err);
    if (status == 0)
        status = ptd_project_find_as(&options, version, &project, &err);
    printf("{\"status\": %d", status);
    if (status == 0) {
        put_project(&project);
        ptd_project_release(&project);
    } else {
        put_string("error", err.msg);
    }
    puts("}");
    ptd_options_release(&options);
    return 0;
}
