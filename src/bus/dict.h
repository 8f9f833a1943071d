/* Writing a{sv}: one entry a call, as sd_bus_message_append() returns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/strings.h"

int dict_open(sd_bus_message *message);
int dict_close(sd_bus_message *message);
int dict_string(sd_bus_message *message, const char *key, const char *value); /* NULL: "" */
int dict_uint32(sd_bus_message *message, const char *key, uint32_t value);
int dict_uint64(sd_bus_message *message, const char *key, uint64_t value);
int dict_bool(sd_bus_message *message, const char *key, bool value);
int dict_time(sd_bus_message *message, const char *key, uint64_t realtime_usec); /* RFC 3339 */
int dict_strings(sd_bus_message *message, const char *key, const StringList *value);
/* Opens the entry `key` whose value is an array of dictionaries; the second closes it. */
int dict_open_rows(sd_bus_message *message, const char *key);
int dict_close_rows(sd_bus_message *message);
