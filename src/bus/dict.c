#include "bus/dict.h"

int dict_open(sd_bus_message *message) {
        return sd_bus_message_open_container(message, 'a', "{sv}");
}

int dict_close(sd_bus_message *message) {
        return sd_bus_message_close_container(message);
}

int dict_string(sd_bus_message *message, const char *key, const char *value) {
        return sd_bus_message_append(message, "{sv}", key, "s", value == NULL ? "" : value);
}

int dict_uint32(sd_bus_message *message, const char *key, uint32_t value) {
        return sd_bus_message_append(message, "{sv}", key, "u", value);
}

int dict_uint64(sd_bus_message *message, const char *key, uint64_t value) {
        return sd_bus_message_append(message, "{sv}", key, "t", value);
}

int dict_bool(sd_bus_message *message, const char *key, bool value) {
        return sd_bus_message_append(message, "{sv}", key, "b", (int)value);
}

int dict_time(sd_bus_message *message, const char *key, uint64_t realtime_usec) {
        char text[21];
        format_time(realtime_usec, text);
        return dict_string(message, key, text);
}

static int open_entry(sd_bus_message *message, const char *key, const char *type) {
        int r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", key);
        return r < 0 ? r : sd_bus_message_open_container(message, 'v', type);
}

static int close_entry(sd_bus_message *message) {
        int r = sd_bus_message_close_container(message);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int dict_strings(sd_bus_message *message, const char *key, const StringList *value) {
        int r = open_entry(message, key, "as");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "s");
        for (size_t i = 0; r >= 0 && i < value->n; i++)
                r = sd_bus_message_append(message, "s", value->items[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r < 0 ? r : close_entry(message);
}

int dict_open_rows(sd_bus_message *message, const char *key) {
        int r = open_entry(message, key, "aa{sv}");
        return r < 0 ? r : sd_bus_message_open_container(message, 'a', "a{sv}");
}

int dict_close_rows(sd_bus_message *message) {
        int r = sd_bus_message_close_container(message);
        return r < 0 ? r : close_entry(message);
}
