/* Makes one allocation after the other fail. Linked with --wrap=malloc and the others below, so
 * that these functions stand between the code and the C library. */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "unit/test.h"

/* Which allocation fails, counted from 1; 0: none. */
static unsigned fail_own;
static bool failed;

static bool fails(unsigned *countdown) {
        if (*countdown == 0 || --*countdown > 0)
                return false;
        failed = true;
        errno = ENOMEM;
        return true;
}

#define WRAP(type, name, parameters, arguments)                                                    \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters {                                                            \
                return fails(&fail_own) ? NULL : __real_##name arguments;                          \
        }                                                                                          \
        _Static_assert(sizeof(type) > 0, "returns a pointer")

WRAP(void *, malloc, (size_t size), (size));
WRAP(void *, calloc, (size_t n, size_t size), (n, size));
WRAP(void *, realloc, (void *p, size_t size), (p, size));
WRAP(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size));
WRAP(char *, strdup, (const char *s), (s));
WRAP(char *, strndup, (const char *s, size_t n), (s, n));

int __real_vasprintf(char **ret, const char *format, va_list ap);
int __wrap_vasprintf(char **ret, const char *format, va_list ap)
        __attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **ret, const char *format, va_list ap) {
        return fails(&fail_own) ? -1 : __real_vasprintf(ret, format, ap);
}

typedef int (*Scenario)(Error *err);

/* Runs with the nth allocation failing, for every n there is. `strict`: each failure is an error.
 */
static void fail_each(Scenario scenario, unsigned *countdown, bool strict) {
        for (unsigned n = 1;; n++) {
                Error err = {0};
                int r;

                failed = false;
                *countdown = n;
                r = scenario(&err);
                *countdown = 0;
                if (!failed) {
                        assert_int_equal(r, 0);
                        assert_true(n > 1 || !strict);
                        return;
                }
                if (strict)
                        assert_true(r < 0);
                assert_true((r < 0) == error_is_set(&err));
        }
}
