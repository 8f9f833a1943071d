/* One anonymous mapping cut into equal buffers and a stack of the free ones. Owned by an upload or
 * a download; used on the loop thread only. */
#include "job/slab.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

struct Slab {
        uint8_t *memory;
        size_t memory_size, buffer_size;
        size_t n_buffers, n_free;
        uint8_t *free[];
};

uint8_t *slab_take(Slab *slab) {
        return slab->n_free > 0 ? slab->free[--slab->n_free] : NULL;
}

void slab_give_back(Slab *slab, uint8_t *buffer) {
        assert(slab->n_free < slab->n_buffers);
        assert(buffer >= slab->memory && buffer < slab->memory + slab->memory_size);
        slab->free[slab->n_free++] = buffer;
}

size_t slab_available(const Slab *slab) {
        return slab->n_free;
}

size_t slab_buffer_size(const Slab *slab) {
        return slab->buffer_size;
}

int slab_new(size_t n_buffers, size_t buffer_size, Slab **ret, Error *err) {
        enum { PAGE = 4096 };
        size_t rounded, total;

        if (__builtin_add_overflow(buffer_size, (size_t)PAGE - 1, &rounded))
                return error_oom(err);
        rounded -= rounded % PAGE;
        if (__builtin_mul_overflow(rounded, n_buffers, &total))
                return error_oom(err);

        CLEANUP(cleanup_slab) Slab *slab = calloc(1, sizeof(Slab) + n_buffers * sizeof(uint8_t *));
        if (slab == NULL)
                return error_oom(err);
        void *memory =
                mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return error_set_errno(
                        err,
                        ERROR_INTERNAL,
                        -errno,
                        "no memory for %zu segment buffers of %zu bytes",
                        n_buffers,
                        rounded);
        (void)madvise(memory, total, MADV_DONTDUMP);

        slab->memory = memory;
        slab->memory_size = total;
        slab->buffer_size = rounded;
        slab->n_buffers = n_buffers;
        for (size_t i = n_buffers; i > 0; i--)
                slab->free[slab->n_free++] = slab->memory + (i - 1) * rounded;
        *ret = TAKE_PTR(slab);
        return 0;
}

Slab *slab_free(Slab *slab) {
        if (slab == NULL)
                return NULL;
        assert(slab->n_free == slab->n_buffers);
        if (slab->memory != NULL)
                munmap(slab->memory, slab->memory_size);
        free(slab);
        return NULL;
}
