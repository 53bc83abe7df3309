/* Settings of starling-fleet: by words, by JSON, and what is refused how. */
#include "bench/fleet/fleet_options.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <unistd.h>

/* Splits at blanks. */
static bool read_words(struct fleet_options *options, const char *words, struct fault *fault)
{
    static char text[512];
    static char *argv[32]; /* eal_argv points into it */
    int argc = 0;
    char *rest;
    fault->text[0] = '\0';
    fleet_options_init(options);
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return fleet_options_read(options, argc, argv, fault);
}

static void words_set_what_they_name(void **state)
{
    (void)state;
    struct fleet_options options;
    struct fault fault;
    assert_true(read_words(&options,
                           "--devices 100000 --seed=0x10 --socket 127.0.0.1:2775 --announce "
                           "--report receipt --por=submit --status 01=5,0b=1000 --second-rate 7 "
                           "--system-id a --json -- -m 64",
                           &fault));
    assert_int_equal(options.config.device_count, 100000);
    assert_int_equal(options.config.seed, 16);
    assert_string_equal(options.socket, "127.0.0.1:2775");
    assert_true(options.config.announce && options.json);
    assert_int_equal(options.config.report, FLEET_REPORT_RECEIPT);
    assert_int_equal(options.config.por, FLEET_POR_SUBMIT);
    assert_int_equal(options.config.status_per_mille[1], 5);
    assert_int_equal(options.config.status_per_mille[11], 1000);
    assert_int_equal(options.config.account[1].rate, 7);
    assert_string_equal(options.config.account[0].system_id, "a");
    assert_int_equal(options.eal_argc, 2);
    assert_string_equal(options.eal_argv[0], "-m");
}

static void what_cannot_be_is_refused_with_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *words, *said;
    } cases[] = {
        { "--bogus 1", "--bogus" },
        { "devices 1", "devices" },
        { "--devices", "wants a value" },
        { "--devices -1", "devices" },
        { "--devices 1x", "1x" },
        { "--devices 4294967296", "4294967296" },
        { "--lose-per-mille 1001", "0 to 1000" },
        { "--json=1", "takes no value" },
        { "--report maybe", "drop deliver receipt" },
        { "--status 10=1", "10=1" },
        { "--status 01=1;02=1", "01=1" },
        { "--password 1234567890123", "at most 9" },
        { "--config /nonexistent.json", "/nonexistent.json" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fleet_options options;
        struct fault fault;
        if (read_words(&options, cases[i].words, &fault) ||
            strstr(fault.text, cases[i].said) == NULL)
            fail_msg("%s: %s", cases[i].words, fault.text);
    }
}

static void file_sets_by_the_same_names(void **state)
{
    (void)state;
    static const struct {
        const char *json, *said; /* NULL: taken */
    } cases[] = {
        { "{\"devices\":7,\"announce\":true,\"report\":\"deliver\",\"seed\":3}", NULL },
        { "{\"devcies\":7}", "devcies" },
        { "{\"devices\":true}", "devices" },
        { "{\"devices\":-1}", "-1" },
        { "{\"announce\":1}", "true or false" },
        { "{\"config\":\"x\"}", "config" },
        { "{\n\"devices\":7,\n}", "line 3" },
        { "[]", "not an object" },
        { "{\"seed\":1,\"seed\":2}", "duplicate" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[] = "/tmp/test_fleet_options.XXXXXX";
        char words[64];
        struct fleet_options options;
        struct fault fault;
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].json, strlen(cases[i].json)), strlen(cases[i].json));
        close(fd);
        snprintf(words, sizeof words, "--config %s --devices 9", path);
        bool good = read_words(&options, words, &fault);
        unlink(path);
        if (good != (cases[i].said == NULL) || (!good && strstr(fault.text, cases[i].said) == NULL))
            fail_msg("%s: %s", cases[i].json, fault.text);
        if (!good)
            continue;
        assert_int_equal(options.config.device_count, 9); /* later options win */
        assert_int_equal(options.config.seed, 3);
        assert_int_equal(options.config.report, FLEET_REPORT_DELIVER);
        assert_true(options.config.announce);
    }
}

static void impossible_settings_are_refused(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    struct fault fault = { "" };
    config.device_count = 0;
    assert_null(fleet_create(&config, 0, &fault));
    assert_string_not_equal(fault.text, "");
    fault.text[0] = '\0';
    config = fleet_config_default();
    config.account[1] = config.account[0];
    assert_null(fleet_create(&config, 0, &fault));
    assert_non_null(strstr(fault.text, "starling"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_set_what_they_name),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_name),
        cmocka_unit_test(file_sets_by_the_same_names),
        cmocka_unit_test(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
