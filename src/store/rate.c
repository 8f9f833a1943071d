/* See rate.h. Used by the drivers. */
#include "store/rate.h"

uint64_t rate_book(Rate *rate, uint64_t now_usec, uint64_t bytes) {
        if (rate->bytes_per_sec == 0)
                return now_usec;
        uint64_t begin = rate->free_usec > now_usec ? rate->free_usec : now_usec;
        uint64_t seconds = bytes / rate->bytes_per_sec;
        uint64_t rest = bytes % rate->bytes_per_sec;
        /* A rest below 2^43 keeps the product within 64 bits; beyond, a second is exact enough. */
        uint64_t usec = rest < (UINT64_C(1) << 43) ? rest * 1000000 / rate->bytes_per_sec : 1000000;
        rate->free_usec = begin + seconds * 1000000 + usec;
        return begin;
}

void rate_set(Rate *rate, uint64_t now_usec, uint64_t bytes_per_sec) {
        rate->bytes_per_sec = bytes_per_sec;
        rate->free_usec = now_usec;
}
