/* Where the object store is, by Keystone's catalog. */
#pragma once

#include "base/json.h"
#include "store/swift-auth.h"

/* *ret_url belongs to the document. What is not there is explained: no scope, no object store, not
 * this region, not this interface. */
int swift_catalog_find(const SwiftAuth *auth, const Json *token, const char **ret_url, Error *err);
