/* The ledger: written and read back, and every planted violation found. */
#include "bench/fleet/ledger.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <unistd.h>

#define EID_A "89990001123450000000000000000075"
#define EID_B "89990001123450000000000000000172"

static char *temporary(const char *text)
{
    static char paths[8][32];
    static unsigned turn;
    char *path = paths[turn++ % COUNT(paths)];
    snprintf(path, sizeof paths[0], "/tmp/test_ledger.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

struct step {
    uint8_t eid; /* 'A' or 'B'; 0 ends */
    uint8_t kvn;
    uint64_t cntr;
    uint8_t packet;
    uint8_t script;
    bool run;
    bool forged;
};

static char *write_ledger(const struct step *steps)
{
    struct fault fault = { "" };
    char *path = temporary("");
    struct ledger *ledger = ledger_open(path, &fault);
    assert_non_null(ledger);
    for (; steps->eid != 0; steps++) {
        struct fleet_entry entry = {
            .kvn = steps->kvn,
            .cntr = steps->cntr,
            .authentic = !steps->forged,
            .run = steps->run,
            .status = steps->run ? 0 : 2,
            .command_count = 2,
            .sw_count = 2,
            .sw = { 0x9000, 0x6A88 },
            .packet_hash = { steps->packet },
            .script_hash = { steps->script },
            .reason = steps->run ? "" : "status",
        };
        fleet_eid(steps->eid == 'A' ? 0 : 1, &entry.eid);
        ledger_write(ledger, &entry);
    }
    assert_true(ledger_close(ledger));
    return path;
}

static const struct {
    const char *name;
    struct step steps[5];
    const char *results; /* NULL: none */
    bool unique_scripts, idempotent;
    uint64_t violations;
    const char *said;
} cases[] = {
    { "nothing at all", { { 0 } }, "", false, false, 0, "" },
    { "sound",
      { { 'A', 1, 1, 1, 1, true, false }, { 'B', 1, 1, 2, 1, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n"
      "{\"eid\":\"" EID_B "\",\"outcome\":\"unconfirmed\",\"extra\":[1]}\n\n"
      "{\"heartbeat\":true}\n",
      false,
      false,
      0,
      "" },
    { "an identical repetition that was refused",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 1, 1, 1, false, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n",
      false,
      false,
      0,
      "" },
    { "the same counter in two key sets",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 2, 1, 2, 2, true, false } },
      NULL,
      false,
      false,
      0,
      "" },
    { "forged packets claim any counter",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 1, 9, 0, false, true } },
      NULL,
      false,
      false,
      0,
      "" },
    { "two packets under one counter",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 1, 2, 1, false, false } },
      NULL,
      false,
      false,
      1,
      "two different packets" },
    { "ran twice",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 1, 1, 1, true, false } },
      NULL,
      false,
      false,
      1,
      "ran twice (ledger lines 1, 2)" },
    { "ran twice, others between",
      { { 'A', 1, 1, 1, 1, true, false },
        { 'B', 1, 1, 1, 1, true, false },
        { 'A', 1, 1, 1, 1, false, false },
        { 'A', 1, 1, 1, 1, true, false } },
      NULL,
      false,
      false,
      1,
      "ran twice (ledger lines 1, 4)" },
    { "one script under two counters, unique scripts",
      { { 'A', 1, 1, 1, 5, true, false }, { 'A', 1, 2, 2, 5, true, false } },
      NULL,
      true,
      false,
      1,
      "ran twice" },
    { "one script under two counters may be two jobs",
      { { 'A', 1, 1, 1, 5, true, false }, { 'A', 1, 2, 2, 5, true, false } },
      NULL,
      false,
      false,
      0,
      "" },
    { "executed, never ran",
      { { 'A', 1, 1, 1, 1, false, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n",
      false,
      false,
      1,
      "never ran" },
    { "executed, never seen",
      { { 0 } },
      "{\"eid\":\"" EID_B "\",\"outcome\":\"executed\"}\n",
      false,
      false,
      1,
      "never ran" },
    { "failed, though run",
      { { 'A', 1, 1, 1, 1, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"failed\"}\n",
      false,
      false,
      1,
      "job is failed" },
    { "failed, not run",
      { { 'A', 1, 1, 1, 1, false, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"failed\"}\n",
      false,
      false,
      0,
      "" },
    { "expired, though something arrived",
      { { 'A', 1, 1, 1, 1, false, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"expired\"}\n",
      false,
      false,
      1,
      "something arrived" },
    { "cancelled, though something arrived, beside a sound one",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 2, 2, 2, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n"
      "{\"eid\":\"" EID_A "\",\"outcome\":\"cancelled\"}\n",
      false,
      false,
      1,
      "something arrived" },
    { "expired, nothing arrived",
      { { 'A', 1, 1, 1, 1, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n"
      "{\"eid\":\"" EID_A "\",\"outcome\":\"expired\"}\n",
      false,
      false,
      0,
      "" },
    { "sealed again: more runs than jobs",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 2, 2, 1, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n",
      false,
      false,
      1,
      "more commands ran" },
    { "the same, idempotent",
      { { 'A', 1, 1, 1, 1, true, false }, { 'A', 1, 2, 2, 1, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n",
      false,
      true,
      0,
      "" },
    { "one command for two jobs",
      { { 'A', 1, 1, 1, 1, true, false } },
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n"
      "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n",
      false,
      false,
      0,
      "" },
    { "ran, and nobody has a result",
      { { 'A', 1, 1, 1, 1, true, false } },
      "{\"eid\":\"" EID_B "\",\"outcome\":\"unconfirmed\"}\n",
      false,
      false,
      1,
      "more commands ran" },
};

static void planted_violations_are_found_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault fault = { "" };
        struct ledger_summary summary;
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        struct ledger_check_options options = {
            .ledger_path = write_ledger(cases[i].steps),
            .results_path = cases[i].results != NULL ? temporary(cases[i].results) : NULL,
            .unique_scripts = cases[i].unique_scripts,
            .idempotent = cases[i].idempotent,
        };
        if (!ledger_check(&options, out, &summary, &fault))
            fail_msg("%s: %s", cases[i].name, fault.text);
        fclose(out);
        if (summary.violations != cases[i].violations || strstr(text, cases[i].said) == NULL)
            fail_msg("%s: %s", cases[i].name, text);
        unlink(options.ledger_path);
        if (options.results_path != NULL)
            unlink(options.results_path);
        free(text);
    }
}

static void broken_lines_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *ledger, *results, *said;
    } broken[] = {
        { "{}\n", "", "line 1" },
        { "not json\n", "", "line 1" },
        { "", "{\"eid\":\"" EID_A "\",\"outcome\":\"executed\"}\n{\n", "line 2" },
        { "", "{\"eid\":\"123\",\"outcome\":\"executed\"}\n", "line 1" },
    };
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct fault fault = { "" };
        struct ledger_summary summary;
        struct ledger_check_options options = { .ledger_path = temporary(broken[i].ledger),
                                                .results_path = temporary(broken[i].results) };
        assert_false(ledger_check(&options, stderr, &summary, &fault));
        assert_non_null(strstr(fault.text, broken[i].said));
        unlink(options.ledger_path);
        unlink(options.results_path);
    }
    struct fault fault = { "" };
    struct ledger_summary summary;
    struct ledger_check_options options = { .ledger_path = "/nonexistent/ledger" };
    assert_false(ledger_check(&options, stderr, &summary, &fault));
    assert_non_null(strstr(fault.text, "/nonexistent/ledger"));
    fault.text[0] = '\0';
    assert_null(ledger_open("/nonexistent/ledger", &fault));
    assert_non_null(strstr(fault.text, "/nonexistent/ledger"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_violations_are_found_and_nothing_else),
        cmocka_unit_test(broken_lines_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
