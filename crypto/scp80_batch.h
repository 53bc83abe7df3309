/* SCP80 in batches: seal command packets, open what comes back (TS 102 225 §5; TS 31.115 §4).
 *
 *   seal:  lay out, pad  ->  all CCs     ->  all ciphers
 *   open:  read heads    ->  all ciphers ->  all CCs     ->  PCNTR, CNTR, RSC
 *
 * Any mixture of transports, algorithms, key sizes and lengths in one call, any count, order kept.
 * Each job ends with its own `err`; a bad one never stops its neighbours. Everything a job points
 * to is borrowed for the call; results borrow the job's buffer. No allocation.
 *
 * Which SPI is fit to be sent (AES only with a checked counter, ciphering only with a CC, one KVN
 * for KIc and KID) is the caller's policy; here is only what can be computed. */
#ifndef CRYPTO_SCP80_BATCH_H
#define CRYPTO_SCP80_BATCH_H

#include "crypto/lanes.h"
#include "crypto/scp80_dialect.h"
#include "crypto/scp80_wire.h"

/* Raw keys of one key set. Keep in secret memory (crypto/secret.h). */
struct scp80_keys {
    uint8_t kic[32], kid[32];
    uint8_t kic_len, kid_len; /* octets: 8, 16, 24 (DES family) or 16, 24, 32 (AES); 0 = none */
    uint8_t cc_len;           /* AES-CMAC: 8 or 4, a property of the key; 0 is read as 8 */
};

/* What a command packet says in clear, and its counter. */
struct scp80_security {
    enum scp80_transport transport;
    uint16_t spi; /* first octet in the high byte */
    uint8_t kic, kid;
    uint8_t tar[3];
    uint64_t cntr;
};

/* One command packet to make. err: ERR_OK; ERR_KEY (missing, or length not the algorithm's);
 * ERR_UNSUPPORTED (DS, implicit, reserved or proprietary algorithm, reserved SPI bits); ERR_RANGE
 * (CNTR over 40 bits, packet over 65,535 octets); ERR_FULL (packet_cap too small). When err is not
 * ERR_OK packet_len is 0 and the contents of `packet` mean nothing. */
struct scp80_seal {
    struct scp80_security security;
    const struct scp80_keys *keys;
    struct span data; /* may not overlap `packet` */
    uint8_t *packet;
    uint32_t packet_cap; /* scp80_command_len() octets suffice */
    uint32_t packet_len; /* out */
    uint8_t pcntr;       /* out */
    enum err err;        /* out */
};
void scp80_seal_run(struct lanes *lanes, struct scp80_seal *jobs, uint32_t count);

/* Working space beyond packet.len that opening needs. */
#define SCP80_OPEN_SLACK 16

/* One response packet against the command it may answer. err, in the order of trial: ERR_SHORT,
 * ERR_MALFORMED, ERR_IDENTIFIER, ERR_LENGTH, ERR_HEADER_LENGTH, ERR_TAR, ERR_UNSUPPORTED or ERR_KEY
 * (of the command), ERR_FULL (buf_cap), ERR_CIPHER_LENGTH, ERR_CC, ERR_PCNTR, ERR_CNTR.
 * ERR_UNTRUSTED: well-formed, but without the RC or CC that was asked for: status, data, cntr and
 * pcntr are set as for ERR_OK and are a hint for people, never the end of a job (spec: Trust).
 * On any other err the outputs are zero. */
struct scp80_open_response {
    struct scp80_security command; /* of the command in flight */
    const struct scp80_keys *keys;
    struct span packet;
    uint8_t udhl;     /* real UDHL of the first segment when concatenated, else 2 or 0: a CC that
                         fails with the constant prefix 02 71 00 is tried once more with this */
    uint8_t *buf;     /* overlaps nothing else */
    uint32_t buf_cap; /* packet.len + SCP80_OPEN_SLACK octets suffice */
    struct span data; /* out: without padding, in buf */
    uint8_t status;   /* out: RSC */
    uint64_t cntr;    /* out */
    uint8_t pcntr;    /* out */
    bool real_udhl;   /* out: it took the second try: count it */
    enum err err;     /* out */
};
void scp80_open_response_run(struct lanes *lanes, struct scp80_open_response *jobs, uint32_t count);

/* One command packet at its receiver: the eUICC's notifications (SGP.02 §3.15), tests, `packet
 * open`. err as above, without ERR_TAR, ERR_CNTR and ERR_UNTRUSTED: what the packet claims in clear
 * is the caller's to judge, before (which keys) and after (TAR, SPI level, cntr.h). */
struct scp80_open_command {
    enum scp80_transport transport;
    const struct scp80_keys *keys;
    struct span packet;
    uint8_t *buf;
    uint32_t buf_cap;               /* packet.len + SCP80_OPEN_SLACK octets suffice */
    struct scp80_security security; /* out */
    struct span data;               /* out: without padding, in buf */
    uint8_t pcntr;                  /* out */
    uint8_t cc_len;                 /* out */
    enum err err;                   /* out */
};
void scp80_open_command_run(struct lanes *lanes, struct scp80_open_command *jobs, uint32_t count);

/* Octets of the packet that `data_len` octets of secured data make, to plan segments: from CPL (CPI
 * off SMS) to the end. `cc_len` is that of the keys. 0 when SPI, KIc or KID are not supported, or
 * the packet would not fit its length field. */
uint32_t scp80_command_len(const struct scp80_security *security, uint8_t cc_len,
                           uint32_t data_len);

#endif
