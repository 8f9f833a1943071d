/* A store in memory behind store/store.h, for tests of what is above the store: a driver, linked
 * beside store_dep.
 *
 * Every call is answered from the loop, in order, and can be scripted: to fail, to be held, to lose
 * its reply. */
#pragma once

#include "event/loop.h"
#include "store/driver.h"

int fake_store_new(Loop *loop, Store **ret, Error *err);

/* The next `times` calls of this kind fail so, doing nothing; name NULL: any, else only calls for a
 * name that contains it (objects; segments by store_segment_name()). */
void fake_store_fail(
        Store *store,
        StoreOperationType type,
        const char *name,
        unsigned times,
        ErrorKind kind,
        int r);
/* The next call of this kind takes effect and fails all the same: the reply that was lost. */
void fake_store_lose_reply(Store *store, StoreOperationType type);
/* Calls of this kind wait until they are let go; they have no effect before. */
void fake_store_hold(Store *store, StoreOperationType type);
void fake_store_let_go(Store *store, StoreOperationType type);

/* Puts an object there, over whatever has the name: another host, an older day. */
void fake_store_put(Store *store, const char *name, const void *data, size_t size);
/* Listings do not show this name: they lag. */
void fake_store_hide(Store *store, const char *name);
void fake_store_shorten(Store *store); /* commits report a byte less than was sent */
void fake_store_set_max_segments(Store *store, uint64_t max_segments);
void fake_store_set_settle(Store *store, uint64_t settle_msec); /* 0, as at first: none */

/* One bit of a segment (store_segment_name()) turns over; or it is gone. */
void fake_store_spoil_segment(Store *store, const char *name, size_t offset);
void fake_store_drop_segment(Store *store, const char *name);
void fake_store_drop_object(Store *store, const char *name);

bool fake_store_has(Store *store, const char *name);
/* NULL: not there. Valid until the object is removed. */
const void *fake_store_data(Store *store, const char *name, size_t *ret_size);
size_t fake_store_object_count(Store *store, const char *prefix);
size_t fake_store_segment_count(Store *store, const char *prefix);
size_t fake_store_held_count(Store *store);
/* Calls of this kind so far, with those that failed. */
size_t fake_store_call_count(Store *store, StoreOperationType type);
uint64_t fake_store_rate(Store *store);
