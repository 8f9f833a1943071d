#include "base/thread.h"

#include <signal.h>
#include <stdio.h>

int thread_start(const char *name, void *(*run)(void *userdata), void *userdata, pthread_t *ret) {
        sigset_t all, before;
        char short_name[16];
        pthread_t thread;
        int r;

        sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &before);
        if (r != 0)
                return -r;
        r = pthread_create(&thread, NULL, run, userdata);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        snprintf(short_name, sizeof(short_name), "%.15s", name);
        (void)pthread_setname_np(thread, short_name);
        *ret = thread;
        return 0;
}
