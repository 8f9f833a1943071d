#include "bus/errors.h"

#include <errno.h>

static const char *name_of(const Error *error) {
        return error_dbus_name(error_is_set(error) ? error->kind : ERROR_INTERNAL);
}

static const char *message_of(const Error *error) {
        return error->message[0] != '\0' ? error->message : "The service failed without saying why";
}

int bus_error_set(sd_bus_error *ret, const Error *error) {
        sd_bus_error_set(ret, name_of(error), message_of(error));
        return error->r < 0 ? error->r : -EIO;
}

int bus_reply_error(sd_bus_message *call, const Error *error) {
        return sd_bus_reply_method_errorf(call, name_of(error), "%s", message_of(error));
}
