/* The row about the signing key. Private to check-host.c. */
#pragma once

#include "job/check-host.h"

void check_signing_key(const HostCheck *check);
