/* A simulated card under octets of any kind: as a script, as a packet, and as a run of short
 * messages, each with its length in front. It answers in bounds, and gives every message back. */
#include "tests/fuzz/fuzz.h"

#include "bench/fleet/card.h"

static void check_scripts(struct span in, const struct fleet_config *config)
{
    for (int compact = 0; compact < 2; compact++) {
        uint8_t buf[640];
        struct writer w = writer_over(buf, sizeof buf);
        struct card card;
        struct card_tally tally;
        card_init(&card, config, 0);
        card_script_run(&card, 0, compact, in, &w, &tally);
        ASSERT(w.err == ERR_OK && writer_len(&w) >= 3);
        ASSERT(tally.sw_count <= COUNT(tally.sw));
    }
}

static void check_packet(struct span in, struct card_crypto *crypto)
{
    static const uint8_t sizes[] = { 8, 16, 24, 32 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct card_keys keys = { .kic.len = sizes[i], .kid.len = sizes[i], .cc_len = 8 };
        struct card_command command;
        if (card_command_open(crypto, in, &keys, &command) == ERR_OK)
            ASSERT(command.data.len <= in.len);
    }
}

static void check_messages(struct span in, const struct fleet_config *config,
                           struct card_crypto *crypto)
{
    static struct card_desk desk;
    static struct parcel parcels[64];
    struct prng prng;
    struct card card;
    prng_init(&prng, 1);
    card_init(&card, config, 0);
    desk = (struct card_desk){ .config = config, .crypto = crypto, .prng = &prng };
    struct reader r = reader_over(in);
    size_t held = 0;
    for (size_t i = 0; i < COUNT(parcels) && reader_more(&r); i++) {
        struct span ud = reader_bytes(&r, reader_u8(&r) % 141);
        parcels[i] = (struct parcel){ .udhi = true, .pid = 0x7F, .dcs = 0xF6 };
        parcels[i].ud_len = (uint8_t)ud.len;
        if (ud.len > 0)
            memcpy(parcels[i].ud, ud.bytes, ud.len);
        held++;
        for (struct parcel *done = card_receive(&desk, &card, 0, &parcels[i], i); done != NULL;
             done = done->next)
            held--;
        ASSERT(held == card.parts_count && held <= CARD_SEGMENTS_HELD);
        ASSERT(desk.reply_count <= CARD_REPLIES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct fleet_config config = fleet_config_default();
    static struct card_crypto *crypto; /* contexts only: no state between inputs */
    if (crypto == NULL)
        crypto = card_crypto_create();
    check_scripts(in, &config);
    check_packet(in, crypto);
    check_messages(in, &config, crypto);
    return 0;
}
