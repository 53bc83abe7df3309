/* One TPDU as each of the types: what reads is written back to the same octets, or (a filler nibble
 * or reserved bits that differ) to octets that read the same. */
#include "tests/fuzz/fuzz.h"

#include "io/sms/sms_tpdu.h"

static void check_same(struct span first, struct span again)
{
    ASSERT(first.len == again.len);
    ASSERT(span_equal(first, again));
}

static void check_deliver(struct span in)
{
    struct sms_deliver deliver;
    size_t at;
    enum err err = sms_deliver_read(in, &deliver, &at);
    ASSERT(at <= in.len);
    if (err != ERR_OK)
        return;
    ASSERT(deliver.ud.len <= SMS_UD_MAX && deliver.origin.len <= SMS_DIGITS_MAX);
    (void)sms_msisdn(&deliver.origin);
    uint8_t buf[2][256];
    struct writer w = writer_over(buf[0], sizeof buf[0]);
    sms_deliver_write(&w, &deliver);
    ASSERT(w.err == ERR_OK || deliver.origin.ton == SMS_TON_ALPHANUMERIC);
    struct sms_deliver same;
    if (w.err != ERR_OK || sms_deliver_read(written(&w), &same, NULL) != ERR_OK)
        return;
    struct writer again = writer_over(buf[1], sizeof buf[1]);
    sms_deliver_write(&again, &same);
    check_same(written(&w), written(&again));
}

static void check_submit(struct span in)
{
    struct sms_submit submit;
    size_t at;
    enum err err = sms_submit_read(in, &submit, &at);
    ASSERT(at <= in.len);
    if (err != ERR_OK || submit.destination.ton == SMS_TON_ALPHANUMERIC)
        return;
    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    sms_submit_write(&w, &submit);
    ASSERT(w.err == ERR_OK);
    check_same(in, written(&w));
}

static void check_report(struct span in, bool error)
{
    struct sms_deliver_report report;
    size_t at;
    enum err err = sms_deliver_report_read(in, error, &report, &at);
    ASSERT(at <= in.len);
    if (err != ERR_OK)
        return;
    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    sms_deliver_report_write(&w, &report);
    ASSERT(w.err == ERR_OK && writer_len(&w) == in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    check_deliver(in);
    check_submit(in);
    check_report(in, false);
    check_report(in, true);
    return 0;
}
