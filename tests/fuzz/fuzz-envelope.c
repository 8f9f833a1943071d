/* Any bytes as the envelope of a record. Nothing is trusted without a line for its key. */
#include <assert.h>
#include <string.h>

#include "stream/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        Envelope envelope = {0};
        Error err = {0};

        if (trusted_keys_new(&keys, NULL) < 0)
                return 0;
        if (envelope_open((const char *)data, size, "record", "fuzz", &envelope, &err) < 0) {
                assert(err.kind == ERROR_INTEGRITY);
                return 0;
        }
        assert(envelope.payload[envelope.payload_size] == '\0');
        assert(envelope_trust(&envelope, keys, "db1") != TRUST_TRUSTED);
        if (envelope.signature_valid)
                assert(envelope.signature_present && envelope.signer[0] != '\0');
        envelope_done(&envelope);
        return 0;
}
