/* What differs between the bearers of an SCP80 packet, as a table (TS 102 225 §5, TS 31.115 §4).
 *
 *               command packet                    response packet
 *   SMS_PP   |  CPL (2) CHL ...                |  RPL (2) RHL ...        identifier is an IEI in
 * the UDH CAT_TP   |  01 CPL (BER) CHL (BER) ...     |  02 RPL (BER) RHL (BER) ... TCP_IP   |  the
 * same as CAT_TP */
#ifndef CRYPTO_SCP80_DIALECT_H
#define CRYPTO_SCP80_DIALECT_H

#include "base/span.h"

enum scp80_transport { SCP80_SMS_PP, SCP80_CAT_TP, SCP80_TCP_IP };
#define SCP80_TRANSPORT_COUNT 3

struct scp80_dialect {
    const char *name; /* as the vectors and the command line spell it */
    bool identified;  /* CPI or RPI precedes the length */
    bool ber;         /* lengths in their BER form, else 2 octets and 1 octet */
    struct span
        response_prefix; /* part of the CC input of a response, not of the packet (31.115 §4) */
};

extern const struct scp80_dialect scp80_dialects[SCP80_TRANSPORT_COUNT];

/* ERR_UNKNOWN for a name that is none of the three. */
MUST_CHECK enum err scp80_transport_read(struct span name, enum scp80_transport *out);

#endif
