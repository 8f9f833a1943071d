/* The segment buffers of a job: the one place where back-pressure comes from. Mapped once, kept out
 * of core dumps, given back at the end. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct Slab Slab;

int slab_new(size_t n_buffers, size_t buffer_size, Slab **ret, Error *err);
Slab *slab_free(Slab *slab); /* every buffer has been given back */
DEFINE_CLEANUP(Slab, slab);

uint8_t *slab_take(Slab *slab); /* NULL: all are in use */
void slab_give_back(Slab *slab, uint8_t *buffer);
size_t slab_available(const Slab *slab);
size_t slab_buffer_size(const Slab *slab);
