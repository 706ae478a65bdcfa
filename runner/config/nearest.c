#include "config/nearest.h"

#include <string.h>

#define LONGEST 64 /* no name of ours is longer; what is longer is near to none of them */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t ptd_nearest_distance(const char *a, const char *b, size_t limit)
{
    size_t na = strnlen(a, LONGEST + 1), nb = strnlen(b, LONGEST + 1);
    if (na > LONGEST || nb > LONGEST)
        return limit + 1;
    if ((na > nb ? na - nb : nb - na) > limit)
        return limit + 1;
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[nb] > limit ? limit + 1 : above[nb];
}

const char *ptd_nearest_find(const char *word, const char *const *candidates, size_t count,
                             size_t limit)
{
    const char *best = NULL;
    size_t least = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = ptd_nearest_distance(word, candidates[i], limit);
        if (distance < least) {
            least = distance;
            best = candidates[i];
        }
    }
    return best;
}
