/* What the engine does before it knows that there is nothing to do, to be compared with stat_only:
 * one ptd_tree_scan of a directory. Prints how many files it found. */
#include <stdio.h>

#include "change/tree.h"

int main(int argc, char **argv)
{
    struct ptd_tree tree;
    struct ptd_err err;
    if (argc != 2) {
        fprintf(stderr, "usage: tree_scan DIRECTORY\n");
        return 4;
    }
    if (ptd_tree_scan(argv[1], NULL, &tree, &err) != 0) {
        fprintf(stderr, "error: %s\n", err.msg);
        return 3;
    }
    printf("%zu\n", tree.count);
    ptd_tree_release(&tree);
    return 0;
}
