/* One line of `starling packet`: read from JSON, sealed or opened in a batch, printed. */
#ifndef ENGINE_CLI_PACKET_LINE_H
#define ENGINE_CLI_PACKET_LINE_H

#include "base/fault.h"
#include "crypto/scp80_batch.h"

#include <jansson.h>

#define PACKET_BATCH 64u
#define PACKET_OCTETS_MAX 65600u /* the longest packet and what opening needs beyond */
#define PACKET_SEGMENTS_MAX 255u

struct packet_line {
    json_t *object; /* NULL: not JSON */
    struct fault fault;
    enum err verdict; /* of reassembly; ERR_OK: there is a packet to open */
    struct scp80_keys keys;
    bool is_response;
    unsigned ref_bits;
    uint16_t ref;
    uint8_t *octets; /* malloc: plaintext, or the packet as received */
    size_t octets_len;
    uint8_t *buf; /* malloc: where the batch works */
    size_t buf_cap;
    struct scp80_seal seal;
    struct scp80_open_response response;
    struct scp80_open_command command;
};

/* packet_member.c: members of a line. Each sets the fault and returns false when it is not as
 * wanted; never shows a value. */
bool packet_long(struct packet_line *line, const char *name, uint8_t **out, size_t *len);
bool packet_number(struct packet_line *line, const json_t *object, const char *name,
                   json_int_t most, json_int_t *out);
bool packet_keys(struct packet_line *line);
bool packet_transport(struct packet_line *line, enum scp80_transport *out);
/* spi, kic, kid, tar, cntr of a command. */
bool packet_security(struct packet_line *line, const json_t *object, struct scp80_security *out);
void packet_put_hex(json_t *out, const char *name, struct span octets);

/* Makes the line ready for the batch, or sets its fault. */
void packet_seal_read(struct packet_line *line);
void packet_open_read(struct packet_line *line);
/* After the batch: the members of the answer besides the id. */
void packet_seal_print(struct packet_line *line, json_t *out);
void packet_open_print(struct packet_line *line, json_t *out);
/* Runs those without fault. */
void packet_seal_run(struct lanes *lanes, struct packet_line *lines, uint32_t count);
void packet_open_run(struct lanes *lanes, struct packet_line *lines, uint32_t count);

#endif
