/* Every allocation of the parser of RMAN's output fails once: each call then reports it, and leaks
 * nothing (the sanitizer sees that). */
#include "base/cleanup.h"
#include "oracle/output.h"
#include "unit/out-of-memory.h"
#include "unit/test.h"

static void ignore(const RmanEvent *event, void *userdata) {
}

static int parse(Error *err) {
        static const char line[] = "creating datafile file number=7 name=/u02/x.dbf";
        static const uint32_t files[] = {7};
        RmanParser *parser = NULL;
        int r = rman_parser_new(RMAN_PHASE_RESTORE, &parser, err);
        if (r < 0)
                return r;
        r = rman_parser_allow_created(parser, files, ELEMENTSOF(files));
        if (r == 0)
                rman_parser_line(parser, line, sizeof(line) - 1, false, ignore, NULL);
        else
                r = error_oom(err);
        rman_parser_free(parser);
        return r;
}

static void every_failed_allocation_is_an_error(void **state) {
        fail_each(parse, &fail_own, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_failed_allocation_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
