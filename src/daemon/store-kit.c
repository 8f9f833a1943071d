/* See store-kit.h. Used by parts.c. */
#include "daemon/store-kit.h"

#include "store/directory.h"
#include "store/swift.h"

static SwiftOptions swift_options(const LoadedSettings *loaded) {
        const Config *config = loaded->settings->config;
        return (SwiftOptions){
                .auth_url = config->swift_auth_url,
                .auth_version = config->swift_auth_version,
                .username = config->swift_username,
                .application_credential_id = config->swift_application_credential_id,
                .project_name = config->swift_project_name,
                .project_domain_name = config->swift_project_domain_name,
                .user_domain_name = config->swift_user_domain_name,
                .region_name = config->swift_region_name,
                .interface = config->swift_interface,
                .secret = loaded->swift_secret,
                .secret_error = &loaded->swift_error,
                .container = config->swift_container,
                .segment_container = config->swift_segment_container,
                .ca_file = config->swift_ca_file,
                .connect_timeout_msec = config->swift_connect_timeout_msec,
                .stall_timeout_msec = config->swift_stall_timeout_msec,
                .retry_time_msec = config->retry_time_msec,
                .concurrency = config->concurrency,
                .buffers = config->concurrency + config->threads,
        };
}

int store_kit_make(
        Loop *loop, WorkPool *workers, const LoadedSettings *loaded, Store **ret, Error *err) {
        const Config *config = loaded->settings->config;
        if (config->store_type == STORE_TYPE_DIRECTORY)
                return directory_store_new(loop, workers, config->directory_path, ret, err);
        const SwiftOptions options = swift_options(loaded);
        return swift_store_new(loop, workers, &options, ret, err);
}

int store_kit_tune(Store *store, const LoadedSettings *loaded, Error *err) {
        const Config *config = loaded->settings->config;
        if (config->store_type == STORE_TYPE_DIRECTORY) {
                directory_store_set_retry_time(store, config->retry_time_msec);
                return 0;
        }
        const SwiftOptions options = swift_options(loaded);
        return swift_store_configure(store, &options, err);
}
