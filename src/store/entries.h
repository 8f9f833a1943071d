/* The entries of one listing, as a driver gathers them. */
#pragma once

#include "store/store.h"

typedef struct StoreEntries {
        StoreEntry *items; /* their names are owned */
        size_t n, capacity;
} StoreEntries;

/* Copies the entry. TooLarge beyond LIMIT_LISTING_NAMES, in the name of `where`. */
int store_entries_add(
        StoreEntries *entries, const StoreEntry *entry, const char *where, Error *err);
void store_entries_sort(StoreEntries *entries); /* by name, bytes */
void store_entries_done(StoreEntries *entries);
