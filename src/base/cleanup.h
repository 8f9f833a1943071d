/* The cleanup attribute, spelled once. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Moves ownership out of a variable: `*ret = TAKE_PTR(p)`. */
#define TAKE_PTR(pointer)                                                                          \
        ({                                                                                         \
                __typeof__(pointer) *_taken_from = &(pointer);                                     \
                __typeof__(pointer) _taken = *_taken_from;                                         \
                *_taken_from = NULL;                                                               \
                _taken;                                                                            \
        })
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *_taken_from = &(fd);                                                          \
                int _taken = *_taken_from;                                                         \
                *_taken_from = -1;                                                                 \
                _taken;                                                                            \
        })

/* Makes `static inline void cleanup_<noun>(Type **)` for CLEANUP(cleanup_<noun>). */
#define DEFINE_CLEANUP(Type, noun)                                                                 \
        static inline void cleanup_##noun(Type **pointer) {                                        \
                *pointer = noun##_free(*pointer);                                                  \
        }                                                                                          \
        _Static_assert(1, "takes the semicolon that follows")

/* Of a pointer to any type: read as bytes, as a void * it would alias another type. */
static inline void cleanup_free(void *pointer) {
        void *memory;
        memcpy(&memory, pointer, sizeof(memory));
        free(memory);
}

static inline void cleanup_close(int *fd) {
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static inline void cleanup_fclose(FILE **file) {
        if (*file != NULL)
                fclose(*file);
        *file = NULL;
}

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
