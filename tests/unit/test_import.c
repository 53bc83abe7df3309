/* Import through the real API: good lines are taken, each bad one is named by its line in the file,
 * also beyond the first chunk. The control thread's part is a directory and the EIS reader. */
#include "engine/api/api.h"
#include "engine/cli/import.h"
#include "engine/device/eis.h"
#include "tests/support/devices.h"
#include "tests/support/secret_file.h"
#include "tests/support/support.h"

#include <pthread.h>

#define LINES 4500u /* three chunks */
#define TOKEN "0123456789abcdef0123456789abcdef"

struct rig {
    struct api *api;
    struct directory *directory;
    struct lanes *lanes;
    bool stop;
};

static enum err put(void *ctx, const struct eid *eid, struct span text, uint64_t cookie,
                    struct fault *fault)
{
    struct rig *rig = ctx;
    struct eis_options options = { .lanes = rig->lanes };
    struct eis eis;
    assert_null(eid);
    enum err err = eis_line_read(text, 0, &options, &eis, fault);
    if (err != ERR_OK)
        return err;
    struct device_ref ref;
    struct eid other;
    bool known = directory_find_eid(rig->directory, &eis.device.eid, &ref) == ERR_OK;
    err = directory_put(rig->directory, &eis.device, &ref, &other);
    eis_drop(&eis);
    api_answer(rig->api, cookie, err == ERR_CONFLICT ? ERR_OK : err, !known);
    return ERR_OK;
}

static void *serve(void *arg)
{
    struct rig *rig = arg;
    while (!__atomic_load_n(&rig->stop, __ATOMIC_ACQUIRE))
        api_turn(rig->api, 10);
    return NULL;
}

/* One EIS of the number, of one AES set; its own EID, ICCID and MSISDN. */
static void line_write(FILE *out, uint32_t number, const char *tar)
{
    struct eid eid = device_eid(number);
    char digits[EID_DIGITS + 1];
    eid_write(&eid, digits);
    fprintf(
        out,
        "{\"eid\":\"%s\",\"isd-r\":{\"aid\":\"A0000005591010FFFFFFFF8900000100\",\"tar\":[\"%s\"]"
        ",\"keySets\":[{\"version\":\"01\",\"type\":\"SCP80\",\"keys\":[{\"index\":1,"
        "\"keyComponents\":[{\"type\":\"88\",\"value\":\"000102030405060708090a0b0c0d0e0f\"}]},"
        "{\"index\":2,\"keyComponents\":[{\"type\":\"88\",\"value\":"
        "\"101112131415161718191a1b1c1d1e1f\"}]}]}]}}\n",
        digits, tar);
}

static void start(struct rig *rig, char *token_path, struct api_client **client)
{
    struct fault fault = { "" };
    static char host[] = "127.0.0.1", name[] = "test";
    static struct config_api config;
    static struct config_jobs jobs;
    config = (struct config_api){ .host = host, .client_count = 1 };
    config.clients[0] = (struct config_client){ .name = name, .token_file = token_path };
    static struct api_ops ops;
    ops = (struct api_ops){ .ctx = rig, .device_put = put };
    rig->lanes = lanes_create();
    assert_non_null(rig->lanes);
    check_err(fault.text, directory_create(LINES, 1, &rig->directory, &fault), ERR_OK);
    check_err(fault.text, api_create(&config, &jobs, &ops, &rig->api, &fault), ERR_OK);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", api_port(rig->api));
    struct api_client_options options = { .url = url, .token_file = token_path };
    check_err(fault.text, api_client_open(&options, client, &fault), ERR_OK);
}

static void broken_lines_are_named_and_good_ones_taken(void **state)
{
    (void)state;
    struct rig rig = { 0 };
    struct secret_file token = secret_file_make(TOKEN "\n");
    char said[4096] = "";
    struct api_client *client = NULL;
    start(&rig, token.path, &client);
    FILE *in = tmpfile(), *report = tmpfile();
    assert_true(in != NULL && report != NULL);
    for (uint32_t line = 1; line <= LINES; line++)
        if (line == 3412)
            fputs("{\"eid\":\n", in);
        else
            line_write(in, line == 4321 ? 17 : line, line == 2001 ? "0001" : "000001");
    rewind(in);

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, &rig), 0);
    struct import_totals totals;
    struct fault fault = { "" };
    enum err err = import_run(client, in, "fleet.jsonl", report, false, &totals, &fault);
    __atomic_store_n(&rig.stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);

    check_err(fault.text, err, ERR_OK);
    assert_int_equal(totals.lines, LINES);
    assert_int_equal(totals.registered, LINES - 3);
    assert_int_equal(totals.refused, 3);
    assert_int_equal(directory_count(rig.directory), LINES - 3);
    rewind(report);
    said[fread(said, 1, sizeof said - 1, report)] = '\0';
    static const char *const words[] = {
        "fleet.jsonl:2001: isd-r.tar[0]: has 4 characters; accepted: 6 hex digits\n",
        "fleet.jsonl:3412: is no JSON at character ",
        "fleet.jsonl:4321: eid is that of line 17 too",
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (strstr(said, words[i]) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", words[i], said);
    assert_null(strstr(said, "00010203"));
    fclose(in);
    fclose(report);
    api_client_close(client);
    api_destroy(rig.api);
    directory_destroy(rig.directory);
    lanes_destroy(rig.lanes);
    secret_file_close(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_lines_are_named_and_good_ones_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
