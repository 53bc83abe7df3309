/* The bearers, one row each. */
#include "crypto/scp80_dialect.h"

/* UDHL, IEI 71 and its length: constant, also when the response was concatenated. */
static const uint8_t sms_response_prefix[] = { 0x02, 0x71, 0x00 };

const struct scp80_dialect scp80_dialects[SCP80_TRANSPORT_COUNT] = {
    [SCP80_SMS_PP] = { .name = "SMS_PP",
                       .response_prefix = { sms_response_prefix, sizeof sms_response_prefix } },
    [SCP80_CAT_TP] = { .name = "CAT_TP", .identified = true, .ber = true },
    [SCP80_TCP_IP] = { .name = "TCP_IP", .identified = true, .ber = true },
};

enum err scp80_transport_read(struct span name, enum scp80_transport *out)
{
    for (uint32_t i = 0; i < SCP80_TRANSPORT_COUNT; i++) {
        if (span_equal(name, span_text(scp80_dialects[i].name))) {
            *out = (enum scp80_transport)i;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}
