/* Looking up trusted keys. Only for the files that implement sign.h. */
#pragma once

#include <stdbool.h>

#include "stream/sign.h"

bool trusted_keys_allow(const TrustedKeys *keys, const char *public_key, const char *instance);
