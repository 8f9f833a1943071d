/* Threads beside the loop: named, and deaf to signals, which belong to the loop thread. */
#pragma once

#include <pthread.h>

/* 0 or a negative errno. `name` is cut at 15 bytes. */
int thread_start(const char *name, void *(*run)(void *userdata), void *userdata, pthread_t *ret);
