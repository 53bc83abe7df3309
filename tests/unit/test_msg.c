/* Channels: the set is the quota, a push cannot fail, answers come home. */
#include "engine/msg.h"
#include "io/idle.h"
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

/* Who waits at an end is woken by what reaches it, and by nothing else. */
static void whoever_sleeps_at_an_end_is_woken(void **state)
{
    (void)state;
    const struct idle_config config = { .is_rung = true, .nap_ns_max = 1 };
    struct fault fault = { "" };
    struct idle producer, consumer;
    assert_true(idle_open(&producer, &config, &fault));
    assert_true(idle_open(&consumer, &config, &fault));
    struct channel *channel = channel_create("wakes", 2, 8, 0);
    channel_wakes(channel, &producer, &consumer);
    struct msg *msg = channel_take(channel);
    assert_int_equal(idle_turned(&consumer, false, 1, UINT64_MAX), 0);
    channel_flush_producer(channel); /* nothing: rings nobody */
    channel_push(channel, msg);
    assert_true(atomic_load(&consumer.is_asleep));
    channel_flush_producer(channel);
    idle_wait(&consumer, 1, UINT64_MAX / 2); /* hangs where nobody rang */
    assert_int_equal(channel_receive(channel, &msg, 1), 1);
    assert_int_equal(idle_turned(&producer, false, 1, UINT64_MAX), 0);
    channel_return(channel, msg);
    channel_flush_consumer(channel);
    idle_wait(&producer, 1, UINT64_MAX / 2);
    assert_int_equal(channel_collect(channel, &msg, 1), 1);
    channel_untake(channel, msg);
    channel_destroy(channel);
    idle_close(&producer);
    idle_close(&consumer);
}

int main(void)
{
    eal_for_tests();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quota_bounds_what_is_under_way),
        cmocka_unit_test(taken_message_has_a_clean_header),
        cmocka_unit_test(whoever_sleeps_at_an_end_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
