/* The table of settings and the three ways to read one: words, JSON, and for the help. */
#include "bench/fleet/fleet_options.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

enum kind { U32, U64, FLAG, TEXT, CHOICE, STATUS_RATES, CONFIG_FILE };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t cap;          /* TEXT: octets with the NUL. U32: the most it may be, 0 any */
    const char *choices; /* CHOICE: words in the order of the enum */
    const char *help;
};

#define AT(member) offsetof(struct fleet_options, member)
#define CONFIG(member) AT(config.member)
#define PER_MILLE(name, member, help)                                                              \
    {                                                                                              \
        name, U32, CONFIG(member), 1000, NULL, help                                                \
    }
#define NUMBER(name, member, help)                                                                 \
    {                                                                                              \
        name, U32, CONFIG(member), 0, NULL, help                                                   \
    }
#define WORDS(name, member, help)                                                                  \
    {                                                                                              \
        name, TEXT, AT(member), FLEET_TEXT_CAP, NULL, help                                         \
    }

/* clang-format off */
static const struct row rows[] = {
    { "config", CONFIG_FILE, 0, 0, NULL, "JSON object of settings by these names; later options win" },
    NUMBER("devices", device_count, "how many eUICCs"),
    NUMBER("first", first, "index of the first; identities follow from it"),
    { "seed", U64, CONFIG(seed), 0, NULL, "every key and every chance follows from it" },
    { "json", FLAG, AT(json), 0, NULL, "summary as JSON on stdout" },
    { "seconds", U32, AT(seconds), 0, NULL, "end after so long; 0: at SIGINT or SIGTERM" },
    WORDS("ledger", ledger, "file for the ledger"),

    WORDS("socket", socket, "listen on kernel sockets: ADDR:PORT, [::]:PORT of both families"),
    WORDS("port", port, "or on a DPDK device by our own stack: NAME,args"),
    WORDS("address", address, "our address on that port: 10.98.0.2/24"),
    WORDS("gateway", gateway, "its gateway"),
    { "listen-port", U32, AT(listen_port), 65535, NULL, "TCP port on that address" },

    { "system-id", TEXT, CONFIG(account[0].system_id), sizeof(((struct fleet_account *)0)->system_id), NULL, "account" },
    { "password", TEXT, CONFIG(account[0].password), sizeof(((struct fleet_account *)0)->password), NULL, "its password" },
    NUMBER("throttle-every", account[0].throttle_every, "every n-th submit_sm is throttled"),
    NUMBER("rate", account[0].rate, "submit_sm a second beyond which it throttles"),
    NUMBER("binds", account[0].bind_max, "binds at once"),
    { "second-system-id", TEXT, CONFIG(account[1].system_id), sizeof(((struct fleet_account *)0)->system_id), NULL, "a second account" },
    { "second-password", TEXT, CONFIG(account[1].password), sizeof(((struct fleet_account *)0)->password), NULL, "its password" },
    NUMBER("second-throttle-every", account[1].throttle_every, "likewise"),
    NUMBER("second-rate", account[1].rate, "likewise"),
    NUMBER("second-binds", account[1].bind_max, "likewise"),

    PER_MILLE("queue-full-per-mille", queue_full_per_mille, "submit_sm answered ESME_RMSGQFUL"),
    PER_MILLE("system-error-per-mille", system_error_per_mille, "submit_sm answered ESME_RSYSERR"),
    PER_MILLE("refuse-per-mille", refuse_per_mille, "submit_sm answered ESME_RINVDSTADR"),
    NUMBER("response-delay-ms", response_delay_ms, "before every submit_sm_resp"),
    PER_MILLE("late-response-per-mille", late_response_per_mille, "submit_sm_resp that come late"),
    NUMBER("late-response-ms", late_response_ms, "how late"),
    PER_MILLE("lose-response-per-mille", lose_response_per_mille, "messages taken, but never answered"),
    NUMBER("drop-connection-after", drop_connection_after, "reset a connection after so many submit_sm"),
    { "deliver-window", U32, CONFIG(deliver_window), 1024, NULL, "deliver_sm unanswered on one bind" },
    NUMBER("deliver-timeout-ms", deliver_timeout_ms, "an unanswered deliver_sm comes again"),
    NUMBER("deliver-retry-ms", deliver_retry_ms, "a refused one comes again, doubling to 32 times"),
    NUMBER("enquire-ms", enquire_ms, "enquire_link of an idle bind; 0 never"),
    { "receipt", CHOICE, CONFIG(receipt), 0, "both tlv text", "form of delivery receipts" },
    { "receipt-id-decimal", FLAG, CONFIG(receipt_id_decimal), 0, NULL, "receipts name the message id in decimal" },

    NUMBER("delay-ms", delay_ms, "of a short message, each way"),
    NUMBER("jitter-ms", jitter_ms, "more, evenly drawn"),
    PER_MILLE("lose-per-mille", lose_per_mille, "messages to cards that never arrive"),
    { "lose-silently", FLAG, CONFIG(lose_silently), 0, NULL, "without EXPIRED receipts" },
    NUMBER("unreachable-retry-ms", unreachable_retry_ms, "until a card that was off is tried again"),
    PER_MILLE("duplicate-per-mille", duplicate_per_mille, "messages to cards that arrive twice"),
    PER_MILLE("reorder-per-mille", reorder_per_mille, "messages that are held back"),
    NUMBER("reorder-ms", reorder_ms, "how long"),
    PER_MILLE("mo-lose-per-mille", mo_lose_per_mille, "messages from cards that never arrive"),
    PER_MILLE("mo-duplicate-per-mille", mo_duplicate_per_mille, "messages from cards that arrive twice"),
    { "report", CHOICE, CONFIG(report), 0, "drop deliver receipt", "what becomes of delivery report data" },
    { "report-tag", U32, CONFIG(report_tag), 0xFFFF, NULL, "TLV for it in a receipt" },

    { "key-sets", U32, CONFIG(key_sets), 2, NULL, "SCP80 key sets of a card" },
    { "por", CHOICE, CONFIG(por), 0, "as-asked submit report", "where cards put the PoR" },
    { "announce", FLAG, CONFIG(announce), 0, NULL, "0B in the delivery report first" },
    { "replay-silent", FLAG, CONFIG(replay_silent), 0, NULL, "replays are dropped instead of answered 02" },
    NUMBER("silent", silent_count, "the first so many devices are switched off"),
    NUMBER("por-delay-ms", por_delay_ms, "before a card answers"),
    NUMBER("segments-max", segments_max, "longer commands are answered 07"),
    PER_MILLE("pol1-per-mille", pol1_per_mille, "cards whose second profile may not be deleted"),
    { "status", STATUS_RATES, CONFIG(status_per_mille), 0, NULL, "error statuses, per mille: 01=5,07=2" },

    PER_MILLE("forge-per-mille", forge_per_mille, "made-up PoRs beside the true one"),
    PER_MILLE("alter-per-mille", alter_per_mille, "altered copies before it"),
    PER_MILLE("replay-per-mille", replay_per_mille, "the true one again"),
    PER_MILLE("cross-per-mille", cross_per_mille, "another device's PoR"),
    NUMBER("replay-ms", replay_ms, "how much later a replay comes"),
};
/* clang-format on */

void fleet_options_init(struct fleet_options *options)
{
    *options = (struct fleet_options){ .config = fleet_config_default(), .listen_port = 2775 };
}

static const struct row *find(const char *name)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static bool read_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *out = strtoull(text, &end, 0);
    return *end == '\0' && *out <= most;
}

/* Which of the words `text` is; how many there are when it is none. */
static uint32_t choose(const char *choices, const char *text)
{
    uint32_t index = 0;
    size_t len = strlen(text);
    for (const char *at = choices; *at != '\0'; index++) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, text, len) == 0)
            return index;
        at += word;
        at += *at == ' ';
    }
    return index;
}

static uint32_t choice_count(const char *choices)
{
    return choose(choices, "");
}

/* "01=5,07=2" */
static bool read_status_rates(const char *text, uint32_t rates[FLEET_STATUS_COUNT])
{
    for (const char *at = text; *at != '\0';) {
        char *end;
        unsigned long status = strtoul(at, &end, 16);
        if (end == at || *end != '=' || status == 0 || status >= FLEET_STATUS_COUNT)
            return false;
        at = end + 1;
        unsigned long rate = strtoul(at, &end, 10);
        if (end == at || rate > 1000 || (*end != ',' && *end != '\0'))
            return false;
        rates[status] = (uint32_t)rate;
        at = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool set(struct fleet_options *options, const struct row *row, const char *text,
                struct fault *fault)
{
    void *member = (char *)options + row->offset;
    uint64_t number;
    uint64_t most = row->kind == U64 ? UINT64_MAX : row->cap > 0 ? row->cap : UINT32_MAX;
    switch (row->kind) {
    case U32:
    case U64:
        if (!read_number(text, most, &number)) {
            fault_set(fault, "%s: \"%s\" is not a number of 0 to %" PRIu64, row->name, text, most);
            return false;
        }
        if (row->kind == U64)
            memcpy(member, &number, sizeof number);
        else
            memcpy(member, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t));
        return true;
    case FLAG:
        *(bool *)member = true;
        return true;
    case TEXT:
        if (strlen(text) >= row->cap) {
            fault_set(fault, "%s: at most %zu characters", row->name, row->cap - 1);
            return false;
        }
        memcpy(member, text, strlen(text) + 1);
        return true;
    case CHOICE:
        number = choose(row->choices, text);
        if (number == choice_count(row->choices)) {
            fault_set(fault, "%s: \"%s\" is none of: %s", row->name, text, row->choices);
            return false;
        }
        memcpy(member, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t));
        return true;
    case STATUS_RATES:
        if (!read_status_rates(text, member)) {
            fault_set(fault, "%s: \"%s\" is not like 01=5,07=2: statuses 01 to 0F, per mille",
                      row->name, text);
            return false;
        }
        return true;
    case CONFIG_FILE: /* only on the command line */
        break;
    }
    return false;
}

static_assert(sizeof(enum fleet_por) == sizeof(uint32_t), "choices are stored as 32 bits");

static bool read_config_file(struct fleet_options *options, const char *path, struct fault *fault)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        fault_set(fault, "%s line %d: %s", path, error.line,
                  root == NULL ? error.text : "not an object of settings");
        json_decref(root);
        return false;
    }
    const char *name;
    json_t *value;
    bool good = true;
    json_object_foreach(root, name, value)
    {
        const struct row *row = find(name);
        char number[24];
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        const char *text = json_is_integer(value) ? number : json_string_value(value);
        if (row == NULL || row->kind == CONFIG_FILE) {
            fault_set(fault, "%s: unknown setting \"%s\"; see --help", path, name);
            good = false;
        } else if (row->kind == FLAG && json_is_boolean(value)) {
            *(bool *)((char *)options + row->offset) = json_is_true(value);
        } else if (text == NULL || row->kind == FLAG) {
            fault_set(fault, "%s: \"%s\" wants %s", path, name,
                      row->kind == FLAG ? "true or false" : "a number or a text");
            good = false;
        } else {
            good = set(options, row, text, fault);
        }
        if (!good)
            break;
    }
    json_decref(root);
    return good;
}

bool fleet_options_read(struct fleet_options *options, int argc, char **argv, struct fault *fault)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            options->eal_argc = argc - i - 1;
            options->eal_argv = argv + i + 1;
            return true;
        }
        char name[64] = "";
        const char *value = strchr(argv[i], '=');
        size_t len = value != NULL ? (size_t)(value - argv[i]) : strlen(argv[i]);
        if (strncmp(argv[i], "--", 2) == 0 && len - 2 < sizeof name)
            snprintf(name, sizeof name, "%.*s", (int)(len - 2), argv[i] + 2);
        const struct row *row = find(name);
        if (row == NULL) {
            fault_set(fault, "unknown option %s; see starling-fleet --help", argv[i]);
            return false;
        }
        if (row->kind == FLAG && value != NULL) {
            fault_set(fault, "--%s takes no value", row->name);
            return false;
        }
        if (row->kind != FLAG && value == NULL && i + 1 == argc) {
            fault_set(fault, "--%s wants a value: %s", row->name, row->help);
            return false;
        }
        const char *text = value != NULL ? value + 1 : row->kind == FLAG ? "" : argv[++i];
        if (!(row->kind == CONFIG_FILE ? read_config_file(options, text, fault)
                                       : set(options, row, text, fault)))
            return false;
    }
    return true;
}

void fleet_options_help(FILE *out)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        static const char *const value[] = {
            [U32] = "N",           [U64] = "N",     [FLAG] = "",
            [TEXT] = "TEXT",       [CHOICE] = NULL, [STATUS_RATES] = "SS=N,...",
            [CONFIG_FILE] = "FILE"
        };
        char what[80];
        const char *choices = rows[i].kind == CHOICE ? rows[i].choices : value[rows[i].kind];
        snprintf(what, sizeof what, "--%s %s", rows[i].name, choices);
        for (char *c = rows[i].kind == CHOICE ? what + strlen(rows[i].name) + 3 : NULL;
             c != NULL && *c != '\0'; c++)
            if (*c == ' ')
                *c = '|';
        fprintf(out, "  %-38s %s\n", what, rows[i].help);
    }
}
