/* Channels: the set is the quota, a push cannot fail, answers come home. */
#include "engine/msg.h"
#include "tests/support/support.h"

#define QUOTA 100u

static void quota_bounds_what_is_under_way(void **state)
{
    (void)state;
    struct channel *channel = channel_create("quota", QUOTA, 32, 0);
    assert_non_null(channel);
    for (uint32_t i = 0; i < QUOTA; i++) {
        struct msg *msg = channel_take(channel);
        assert_non_null(msg);
        assert_true(msg->cap >= 32);
        msg->id = i;
        channel_push(channel, msg);
    }
    assert_null(channel_take(channel));
    channel_flush_producer(channel);

    struct msg *msgs[MSG_BURST];
    uint32_t seen = 0, count;
    while ((count = channel_receive(channel, msgs, MSG_BURST)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(msgs[i]->id, seen++); /* in order */
            msgs[i]->status = 7;
            channel_return(channel, msgs[i]);
        }
    assert_int_equal(seen, QUOTA);
    assert_int_equal(channel_room(channel), 0);
    channel_flush_consumer(channel);
    while ((count = channel_collect(channel, msgs, MSG_BURST)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(msgs[i]->status, 7);
            channel_untake(channel, msgs[i]);
        }
    assert_int_equal(channel_room(channel), QUOTA);
    channel_destroy(channel);
}

static void taken_message_has_a_clean_header(void **state)
{
    (void)state;
    struct channel *channel = channel_create("clean", 1, 8, 0);
    struct msg *msg = channel_take(channel);
    msg->err = ERR_SHORT;
    msg->len = 4;
    channel_untake(channel, msg);
    msg = channel_take(channel);
    assert_int_equal(msg->err, ERR_OK);
    assert_int_equal(msg->len, 0);
    channel_destroy(channel);
}

int main(void)
{
    eal_for_tests();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quota_bounds_what_is_under_way),
        cmocka_unit_test(taken_message_has_a_clean_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
