/* SCP80 command and response packets: layout only, no cryptography (TS 102 225 §5.1, §5.2).
 *
 *   CPL CHL SPI KIc KID TAR | CNTR PCNTR     CC  data padding        command
 *   RPL RHL             TAR | CNTR PCNTR RSC CC  data padding        response
 *    2   1   2   1   1   3  |   5    1    1  0-8  n    0-15          octets on SMS, big-endian
 *              head         |   body: ciphered when SPI says so
 *
 * CAT_TP and TCP/IP put an identifier first and write both lengths in BER (scp80_dialect.h).
 * The CC covers every field but itself. */
#ifndef CRYPTO_SCP80_WIRE_H
#define CRYPTO_SCP80_WIRE_H

#include "crypto/scp80_dialect.h"

#define SCP80_CC_MAX 8
#define SCP80_CNTR_MAX 0xFFFFFFFFFFull /* 40 bits (§5.1.4) */
#define SCP80_HEAD_MAX 14              /* 01, 82 xx xx, 82 xx xx in the longest form, SPI .. TAR */

/* SPI (§5.1.1): what the sender did, in the high byte; what it wants back, in the low byte. */
#define SCP80_SPI_COUNTER 0x1800u /* 00 none, 01 not checked, 10 higher, 11 exactly one higher */
#define SCP80_SPI_COUNTER_SHIFT 11
#define SCP80_SPI_CIPHERED 0x0400u
#define SCP80_SPI_INTEGRITY 0x0300u /* 00 none, 01 RC, 10 CC, 11 DS */
#define SCP80_SPI_INTEGRITY_SHIFT 8
#define SCP80_SPI_POR_SUBMIT 0x0020u
#define SCP80_SPI_POR_CIPHERED 0x0010u
#define SCP80_SPI_POR_INTEGRITY 0x000Cu
#define SCP80_SPI_POR_INTEGRITY_SHIFT 2
#define SCP80_SPI_POR 0x0003u /* 00 none, 01 always, 10 on error */
#define SCP80_SPI_RESERVED 0xE0C0u

enum scp80_integrity {
    SCP80_INTEGRITY_NONE,
    SCP80_INTEGRITY_RC,
    SCP80_INTEGRITY_CC,
    SCP80_INTEGRITY_DS
};
enum scp80_counter_mode {
    SCP80_COUNTER_NONE,
    SCP80_COUNTER_UNCHECKED,
    SCP80_COUNTER_HIGHER,
    SCP80_COUNTER_NEXT
};

/* Response status codes (§5.2; 0B and 0C: TS 31.115). */
enum scp80_status {
    SCP80_STATUS_OK = 0x00,
    SCP80_STATUS_CC_FAILED = 0x01,
    SCP80_STATUS_CNTR_LOW = 0x02,
    SCP80_STATUS_CNTR_HIGH = 0x03,
    SCP80_STATUS_CNTR_BLOCKED = 0x04,
    SCP80_STATUS_CIPHERING = 0x05,
    SCP80_STATUS_UNIDENTIFIED = 0x06,
    SCP80_STATUS_MEMORY = 0x07,
    SCP80_STATUS_MORE_TIME = 0x08,
    SCP80_STATUS_TAR_UNKNOWN = 0x09,
    SCP80_STATUS_LEVEL = 0x0A,
    SCP80_STATUS_SUBMIT_FOLLOWS = 0x0B,
    SCP80_STATUS_USSD_FOLLOWS = 0x0C,
};

struct scp80_command {
    uint16_t spi;             /* §5.1.1, first octet in the high byte */
    uint8_t kic;              /* §5.1.2, KVN high nibble, algorithm low */
    uint8_t kid;              /* §5.1.3, likewise */
    uint8_t tar[3];           /* TS 101 220 annex D */
    uint64_t cntr;            /* §5.1.4, 40 bits */
    uint8_t padding_len;      /* PCNTR, octets */
    uint8_t cc_len;           /* octets of RC, CC or DS: CHL - 13 */
    uint8_t cc[SCP80_CC_MAX]; /* the first cc_len count */
    struct span data;         /* without padding; borrowed: lives as long as the bytes read */
};

struct scp80_response {
    uint8_t tar[3];
    uint64_t cntr;
    uint8_t padding_len;
    uint8_t status; /* RSC */
    uint8_t cc_len; /* RHL - 10 */
    uint8_t cc[SCP80_CC_MAX];
    struct span data;
};

/* Where the parts of a packet lie, known before anything is deciphered. */
struct scp80_head {
    uint16_t spi; /* spi, kic, kid: zero in a response, which carries none */
    uint8_t kic;
    uint8_t kid;
    uint8_t tar[3];
    uint8_t cc_len;   /* from CHL or RHL: whatever it says, up to 8; judged by the caller */
    struct span body; /* CNTR to the end; borrowed */
};

/* Reads the clear head of a packet that fills all of `in`. ERR_SHORT or ERR_MALFORMED (BER),
 * ERR_IDENTIFIER, ERR_LENGTH when CPL or RPL is not what follows it, ERR_HEADER_LENGTH when CHL or
 * RHL fits no RC or CC (0, 2, 4, 8 octets) or exceeds the packet. */
MUST_CHECK enum err scp80_command_head_read(enum scp80_transport transport, struct span in,
                                            struct scp80_head *out);
MUST_CHECK enum err scp80_response_head_read(enum scp80_transport transport, struct span in,
                                             struct scp80_head *out);

/* Reads one clear (unciphered or already deciphered) packet filling all of `in`: as above, and
 * ERR_PCNTR when padding exceeds the data. The padding's value is not looked at. */
MUST_CHECK enum err scp80_command_read(enum scp80_transport transport, struct span in,
                                       struct scp80_command *out);
MUST_CHECK enum err scp80_response_read(enum scp80_transport transport, struct span in,
                                        struct scp80_response *out);

/* Appends the packet, padding as zeros. The writer carries ERR_FULL, or ERR_RANGE when CNTR is over
 * 40 bits or a length over what its field holds. */
void scp80_command_write(struct writer *out, enum scp80_transport transport,
                         const struct scp80_command *command);
void scp80_response_write(struct writer *out, enum scp80_transport transport,
                          const struct scp80_response *response);

/* Appends what the CC is computed over: the packet without the CC itself, though CPL and CHL count
 * it, and for a response what its dialect puts before. */
void scp80_command_cc_input_write(struct writer *out, enum scp80_transport transport,
                                  const struct scp80_command *command);
void scp80_response_cc_input_write(struct writer *out, enum scp80_transport transport,
                                   const struct scp80_response *response);

#endif
