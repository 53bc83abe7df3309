/* The directory under a writer and two readers at once: no torn device is ever seen. Meant for the
 * thread sanitizer too. Bounded by the writer's steps, not by time. */
#include "engine/device/directory.h"
#include "tests/support/devices.h"
#include "tests/support/support.h"

#include "base/prng.h"

#include <pthread.h>
#include <sched.h>

#define CAP 64u
#define NUMBERS 96u
#define STEPS 20000u
#define READERS 2u
#define ROUNDS_LEAST 2000u /* of each reader, also when the writer is done first */

static struct directory *directory;
static bool writer_done;

struct reader_result {
    uint32_t id;
    uint64_t seen, torn;
    uint32_t rounds; /* written by the reader, read by the writer */
};

static void look(uint32_t number, struct reader_result *result)
{
    struct device_ref ref;
    struct device device;
    struct eid eid = device_eid(number);
    uint64_t msisdn = device_msisdn(number);
    bool found;
    if (number % 2 == 0)
        found = directory_find_eid(directory, &eid, &ref) == ERR_OK;
    else if (number % 4 == 1)
        found = directory_find_msisdn(directory, msisdn, &ref) == ERR_OK;
    else
        (void)directory_find_msisdns(directory, &msisdn, 1, &ref, &found);
    if (!found || directory_read(directory, ref, &device) != ERR_OK)
        return; /* not there at the moment */
    result->seen++;
    result->torn += !device_is_whole(&device, number);
}

static void *read_all(void *arg)
{
    struct reader_result *result = arg;
    struct prng prng;
    prng_init(&prng, 100 + result->id);
    directory_online(directory, result->id);
    for (uint32_t round = 0;
         round < ROUNDS_LEAST || !__atomic_load_n(&writer_done, __ATOMIC_ACQUIRE); round++) {
        for (uint32_t i = 0; i < 8; i++)
            look((uint32_t)prng_below(&prng, NUMBERS), result);
        directory_quiescent(directory, result->id);
        __atomic_store_n(&result->rounds, round + 1, __ATOMIC_RELEASE);
        if (prng_below(&prng, 50) == 0) { /* a nap */
            directory_offline(directory, result->id);
            directory_online(directory, result->id);
        }
    }
    directory_offline(directory, result->id);
    return NULL;
}

/* Until each reader was quiescent once more. One that the machine does not run for the whole test would
 * hold every removed record back, and at last find nothing but an empty directory. */
static void readers_move(struct reader_result results[READERS])
{
    for (uint32_t i = 0; i < READERS; i++) {
        uint32_t before = __atomic_load_n(&results[i].rounds, __ATOMIC_ACQUIRE);
        while (__atomic_load_n(&results[i].rounds, __ATOMIC_ACQUIRE) == before)
            sched_yield();
    }
}

static void readers_never_see_a_torn_device(void **state)
{
    (void)state;
    struct fault fault = { "" };
    check_err(fault.text, directory_create(CAP, READERS, &directory, &fault), ERR_OK);
    pthread_t threads[READERS];
    struct reader_result results[READERS] = { { .id = 0 }, { .id = 1 } };
    for (uint32_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &results[i]), 0);

    struct prng prng;
    prng_init(&prng, 1);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t number = (uint32_t)prng_below(&prng, NUMBERS);
        struct device device;
        struct device_ref ref;
        struct eid other;
        device_make(number, step, (uint8_t)(1 + prng_below(&prng, 4)), &device);
        bool removes = prng_below(&prng, 4) == 0;
        enum err err = removes ? directory_remove(directory, &device.eid)
                               : directory_put(directory, &device, &ref, &other);
        if (err == ERR_FULL && directory_count(directory) < CAP) /* a reader holds some back */
            readers_move(results);
        assert_true(err == ERR_OK || err == ERR_UNKNOWN || err == ERR_FULL);
    }
    __atomic_store_n(&writer_done, true, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(results[i].torn, 0);
        assert_true(results[i].seen > 0);
    }
    directory_destroy(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(readers_never_see_a_torn_device) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
