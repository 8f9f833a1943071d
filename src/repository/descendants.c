/* Descendants by repeated looks at the whole: parents are named, children are not. Used by
 * job/family. */
#include "repository/descendants.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/strings.h"

static bool is_of(const Kin *kin, const size_t *found, size_t n_found, const char *parent_id) {
        for (size_t i = 0; i < n_found; i++)
                if (string_equal(kin[found[i]].id, parent_id))
                        return true;
        return false;
}

static bool has_index(const size_t *found, size_t n_found, size_t index) {
        for (size_t i = 0; i < n_found; i++)
                if (found[i] == index)
                        return true;
        return false;
}

/* Children have later claims than their parents, so one look does as a rule; whatever the numbers
 * say, the last look finds nothing more. */
static size_t look(const Kin *kin, size_t n, const char *id, size_t *found, size_t n_found) {
        for (size_t i = 0; i < n; i++) {
                const Kin *one = &kin[i];

                if (one->parent_id[0] == '\0' || string_equal(one->id, id) ||
                    (!string_equal(one->parent_id, id) &&
                     !is_of(kin, found, n_found, one->parent_id)) ||
                    has_index(found, n_found, i))
                        continue;
                found[n_found++] = i;
        }
        return n_found;
}

static void sort_youngest_first(const Kin *kin, size_t *found, size_t n) {
        for (size_t i = 1; i < n; i++)
                for (size_t k = i; k > 0 && kin[found[k]].sequence > kin[found[k - 1]].sequence;
                     k--) {
                        size_t index = found[k];
                        found[k] = found[k - 1];
                        found[k - 1] = index;
                }
}

int descendants_find(const Kin *kin, size_t n, const char *id, size_t **ret, size_t *ret_n) {
        size_t *found = calloc(n + 1, sizeof(size_t));
        size_t n_found = 0, before;

        if (found == NULL)
                return -ENOMEM;
        do {
                before = n_found;
                n_found = look(kin, n, id, found, n_found);
        } while (n_found > before);
        sort_youngest_first(kin, found, n_found);
        *ret = found;
        *ret_n = n_found;
        return 0;
}
