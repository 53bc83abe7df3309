/* The card's side of SCP80 over SMS, by OpenSSL, one packet at a time (TS 102 225 §5, TS 31.115
 * §4).
 *
 *   CPL CHL SPI KIc KID TAR | CNTR PCNTR CC data padding      command, from the sender
 *   RPL RHL TAR | CNTR PCNTR RSC CC data padding              response, from the card
 *         clear | ciphered when the SPI says so
 *
 * Written apart from the engine's codec on purpose. */
#ifndef BENCH_FLEET_CARD_PACKET_H
#define BENCH_FLEET_CARD_PACKET_H

#include "base/span.h"

#define CARD_PACKET_CAP 4096
#define CARD_KEY_CAP 32
#define CARD_SPI_CIPHERED 0x04u    /* SPI1 b3 */
#define CARD_SPI2_CIPHERED 0x10u   /* b5 */
#define CARD_SPI2_SMS_SUBMIT 0x20u /* b6 */

/* SPI1 b2 b1 and SPI2 b4 b3. */
enum card_integrity { CARD_NO_INTEGRITY, CARD_RC, CARD_CC, CARD_DS };

struct card_key {
    uint8_t bytes[CARD_KEY_CAP];
    uint8_t len;
};

struct card_keys {
    struct card_key kic;
    struct card_key kid;
    uint8_t cc_len; /* of AES-CMAC: 8 or 4, a property of the KID key */
};

struct card_command {
    uint8_t spi1;
    uint8_t spi2;
    uint8_t kic;
    uint8_t kid;
    uint8_t tar[3];
    uint8_t pcntr;
    uint64_t cntr;
    struct span data; /* without padding; borrowed from the workspace */
};

/* OpenSSL contexts and a workspace; NULL when OpenSSL lacks an algorithm. */
struct card_crypto;
struct card_crypto *card_crypto_create(void);
void card_crypto_free(struct card_crypto *crypto);

static inline enum card_integrity card_command_integrity(const struct card_command *command)
{
    return (enum card_integrity)(command->spi1 & 3);
}

static inline unsigned card_counter_mode(const struct card_command *command)
{
    return command->spi1 >> 3 & 3; /* b5 b4 */
}

/* Reads what is clear: SPI, KIc, KID and TAR. ERR_SHORT, or ERR_LENGTH when CPL is not what is
 * there. */
MUST_CHECK enum err card_command_peek(struct span packet, struct card_command *out);

/* Opens and verifies. ERR_LENGTH, ERR_HEADER_LENGTH, ERR_CIPHER_LENGTH, ERR_CC, ERR_PCNTR, or
 * ERR_KEY and ERR_UNSUPPORTED when the algorithms named cannot be served. */
MUST_CHECK enum err card_command_open(struct card_crypto *crypto, struct span packet,
                                      const struct card_keys *keys, struct card_command *out);

/* Appends the response packet, secured as spi2 asks with the algorithms of the command. */
MUST_CHECK enum err card_response_seal(struct card_crypto *crypto, const struct card_keys *keys,
                                       const struct card_command *command, uint8_t spi2,
                                       uint8_t status, struct span data, struct writer *out);

/* Appends a command packet of the card's own: a notification (SGP.02 §3.15, SPI as given). */
MUST_CHECK enum err card_command_seal(struct card_crypto *crypto, const struct card_keys *keys,
                                      const struct card_command *command, struct writer *out);

void card_sha256(struct card_crypto *crypto, struct span in, uint8_t out[32]);
#endif
