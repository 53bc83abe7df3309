/* The store: directory, transactions, tables, logs, corruption, a full map, a full disk. */
#include "engine/store/blocks.h"
#include "engine/store/format.h"
#include "engine/store/log.h"
#include "engine/store/table.h"
#include "tests/support/spoil.h"
#include "tests/support/support.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct temp_dir dir;

static struct store *open_store(void)
{
    struct fault fault = { "" };
    struct store *store = store_open(dir.path, &fault);
    assert_string_equal(fault.text, "");
    assert_non_null(store);
    return store;
}

static struct store_txn *begin(struct store *store, enum store_mode mode)
{
    struct store_txn *txn;
    assert_int_equal(store_txn_begin(store, mode, &txn), ERR_OK);
    return txn;
}

static void put(struct store_txn *txn, enum table_id table, uint64_t number, const char *text)
{
    struct table_key key = table_key_u64(number);
    assert_int_equal(table_put(txn, table, table_key_span(&key), span_text(text)), ERR_OK);
}

static enum err get(struct store_txn *txn, enum table_id table, uint64_t number, struct span *value)
{
    struct table_key key = table_key_u64(number);
    return table_get(txn, table, table_key_span(&key), value);
}

static int make_dir(void **state)
{
    (void)state;
    dir = temp_dir_make();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    temp_dir_remove(&dir);
    return 0;
}

static void a_committed_record_survives_closing(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    put(txn, TABLE_JOBS, 7, "seven");
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);

    store = open_store();
    txn = begin(store, STORE_READ);
    struct span value;
    assert_int_equal(get(txn, TABLE_JOBS, 7, &value), ERR_OK);
    check_bytes("seven", value, span_text("seven"));
    assert_int_equal(get(txn, TABLE_JOBS, 8, &value), ERR_UNKNOWN);
    assert_int_equal(get(txn, TABLE_PENDING, 7, &value), ERR_UNKNOWN);
    store_txn_abort(txn);
    assert_true(store_used(store) > 0);
    store_close(store);
}

static void an_aborted_transaction_never_happened(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    uint64_t position;
    put(txn, TABLE_JOBS, 1, "one");
    assert_int_equal(log_append(txn, LOG_RESULTS, 0, span_text("x"), &position), ERR_OK);
    assert_int_equal(position, 1);
    store_txn_abort(txn);

    txn = begin(store, STORE_WRITE);
    struct span value;
    assert_int_equal(get(txn, TABLE_JOBS, 1, &value), ERR_UNKNOWN);
    assert_int_equal(log_append(txn, LOG_RESULTS, 0, span_text("x"), &position), ERR_OK);
    assert_int_equal(position, 1);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
}

static void a_put_replaces_a_create_does_not_a_removal_tells(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct span value;
    put(txn, TABLE_JOBS, 5, "old");
    put(txn, TABLE_JOBS, 9, "later");
    put(txn, TABLE_JOBS, 5, "new"); /* a key that does not rise */
    assert_int_equal(get(txn, TABLE_JOBS, 5, &value), ERR_OK);
    check_bytes("replaced", value, span_text("new"));
    struct table_key key = table_key_u64(5);
    struct span k = table_key_span(&key);
    assert_int_equal(table_create(txn, TABLE_JOBS, k, span_text("no")), ERR_CONFLICT);
    assert_int_equal(table_remove(txn, TABLE_JOBS, k), ERR_OK);
    assert_int_equal(table_remove(txn, TABLE_JOBS, k), ERR_UNKNOWN);
    assert_int_equal(table_create(txn, TABLE_JOBS, k, span_text("yes")), ERR_OK);
    assert_int_equal(table_count(txn, TABLE_JOBS), 2);
    assert_int_equal(table_last(txn, TABLE_JOBS, &key), ERR_OK);
    assert_int_equal(table_key_number(table_key_span(&key)), 9);
    assert_int_equal(table_last(txn, TABLE_UPLINK, &key), ERR_UNKNOWN);
    assert_int_equal(store_txn_err(txn), ERR_OK); /* verdicts on records do not spoil it */
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    static uint8_t octets[TABLE_VALUE_MAX + 1];
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    struct span key = span_of(octets, TABLE_KEY_MAX), long_key = span_of(octets, TABLE_KEY_MAX + 1);
    struct span value = span_of(octets, TABLE_VALUE_MAX), got;
    assert_int_equal(table_put(txn, TABLE_META, key, value), ERR_OK);
    assert_int_equal(table_get(txn, TABLE_META, key, &got), ERR_OK);
    check_bytes("longest", got, value);
    assert_int_equal(table_put(txn, TABLE_META, long_key, value), ERR_RANGE);
    assert_int_equal(table_put(txn, TABLE_META, span_of(NULL, 0), value), ERR_RANGE);
    assert_int_equal(table_create(txn, TABLE_META, key, span_of(octets, sizeof octets)), ERR_RANGE);
    store_txn_abort(txn);
    store_close(store);
}

struct seen {
    struct store_txn *txn;
    uint64_t numbers[64];
    uint32_t count, stop_after;
    bool removes;
};

static enum err note(void *arg, struct span key, struct span value)
{
    (void)value;
    struct seen *seen = arg;
    seen->numbers[seen->count++] = table_key_number(key);
    if (seen->removes)
        return table_remove(seen->txn, TABLE_JOBS, key);
    return seen->count == seen->stop_after ? ERR_CLOSED : ERR_OK;
}

static void a_scan_goes_in_order_from_where_it_is_told(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    for (uint64_t i = 40; i > 0; i--)
        put(txn, TABLE_JOBS, i * 10, "x");
    struct seen seen = { .txn = txn };
    struct table_key from = table_key_u64(95);
    assert_int_equal(table_scan(txn, TABLE_JOBS, table_key_span(&from), note, &seen), ERR_OK);
    assert_int_equal(seen.count, 31);
    assert_int_equal(seen.numbers[0], 100);
    assert_int_equal(seen.numbers[30], 400);
    seen = (struct seen){ .txn = txn, .stop_after = 3 };
    assert_int_equal(table_scan(txn, TABLE_JOBS, span_of(NULL, 0), note, &seen), ERR_CLOSED);
    assert_int_equal(seen.count, 3);
    seen = (struct seen){ .txn = txn, .removes = true };
    assert_int_equal(table_scan(txn, TABLE_JOBS, span_of(NULL, 0), note, &seen), ERR_OK);
    assert_int_equal(seen.count, 40);
    assert_int_equal(table_count(txn, TABLE_JOBS), 0);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
}

struct entries {
    uint64_t first, last;
    uint32_t count;
};

static enum err note_entry(void *arg, uint64_t position, struct span entry)
{
    struct entries *entries = arg;
    assert_int_equal(entry.len, 1);
    if (entries->count++ == 0)
        entries->first = position;
    entries->last = position;
    return ERR_OK;
}

static struct entries read_log(struct store_txn *txn, uint32_t stream, uint64_t from)
{
    struct entries entries = { 0 };
    assert_int_equal(log_read(txn, LOG_RESULTS, stream, from, note_entry, &entries), ERR_OK);
    return entries;
}

static void positions_of_a_log_never_start_again(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    uint64_t position;
    uint32_t removed;
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(log_append(txn, LOG_RESULTS, 3, span_text("a"), &position), ERR_OK);
        assert_int_equal(position, i);
        assert_int_equal(log_append(txn, LOG_RESULTS, 4, span_text("b"), &position), ERR_OK);
        assert_int_equal(position, i);
    }
    assert_int_equal(log_append(txn, LOG_RESULTS, LOG_STREAMS, span_text("c"), &position),
                     ERR_RANGE);
    assert_int_equal(store_txn_commit(txn), ERR_OK);

    txn = begin(store, STORE_WRITE);
    assert_int_equal(log_trim(txn, LOG_RESULTS, 3, 8, 4, &removed), ERR_OK);
    assert_int_equal(removed, 4);
    struct entries entries = read_log(txn, 3, 0);
    assert_int_equal(entries.first, 5);
    assert_int_equal(entries.count, 6);
    assert_int_equal(log_trim(txn, LOG_RESULTS, 3, 100, 100, &removed), ERR_OK);
    assert_int_equal(removed, 6);
    assert_int_equal(read_log(txn, 3, 0).count, 0);
    entries = read_log(txn, 4, 9); /* the neighbour is whole */
    assert_int_equal(entries.first, 9);
    assert_int_equal(entries.last, 10);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);

    store = open_store();
    txn = begin(store, STORE_WRITE);
    assert_int_equal(log_last(txn, LOG_RESULTS, 3, &position), ERR_OK);
    assert_int_equal(position, 10);
    assert_int_equal(log_last(txn, LOG_RESULTS, 5, &position), ERR_OK);
    assert_int_equal(position, 0);
    assert_int_equal(log_append(txn, LOG_RESULTS, 3, span_text("d"), &position), ERR_OK);
    assert_int_equal(position, 11);
    assert_int_equal(log_last(txn, LOG_RESULTS, 3, &position), ERR_OK);
    assert_int_equal(position, 11);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
}

static void create_once_succeeds_once(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    assert_int_equal(log_create_once(txn, 7, 1), ERR_OK);
    assert_int_equal(log_create_once(txn, 7, 1), ERR_CONFLICT);
    assert_int_equal(log_create_once(txn, 8, 1), ERR_OK);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    txn = begin(store, STORE_WRITE);
    assert_int_equal(log_create_once(txn, 7, 1), ERR_CONFLICT);
    store_txn_abort(txn);
    store_close(store);
}

static void a_corrupt_record_is_quarantined_and_the_others_served(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    put(txn, TABLE_JOBS, 1, "a sound record");
    put(txn, TABLE_JOBS, 2, "a record to be spoilt");
    put(txn, TABLE_JOBS, 3, "another sound record");
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
    assert_int_not_equal(spoil(&dir, span_text("a record to be spoilt")), 0);

    store = open_store();
    struct span value;
    txn = begin(store, STORE_READ);
    assert_int_equal(get(txn, TABLE_JOBS, 2, &value), ERR_CORRUPT);
    struct seen seen = { .txn = txn };
    assert_int_equal(table_scan(txn, TABLE_JOBS, span_of(NULL, 0), note, &seen), ERR_OK);
    assert_int_equal(seen.count, 2);
    store_txn_abort(txn);
    assert_int_equal(store_corrupt_count(store), 0); /* reading moves nothing */

    txn = begin(store, STORE_WRITE);
    assert_int_equal(get(txn, TABLE_JOBS, 2, &value), ERR_CORRUPT);
    assert_int_equal(get(txn, TABLE_JOBS, 2, &value), ERR_UNKNOWN);
    assert_int_equal(get(txn, TABLE_JOBS, 1, &value), ERR_OK);
    assert_int_equal(get(txn, TABLE_JOBS, 3, &value), ERR_OK);
    assert_int_equal(table_count(txn, TABLE_QUARANTINE), 1);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    assert_int_equal(store_corrupt_count(store), 1);

    txn = begin(store, STORE_READ);
    uint8_t name[9] = { TABLE_JOBS, 0, 0, 0, 0, 0, 0, 0, 2 };
    assert_int_equal(table_get(txn, TABLE_QUARANTINE, span_of(name, sizeof name), &value), ERR_OK);
    assert_int_equal(value.len, strlen("a record to be spoilt") + 4); /* with its old CRC */
    store_txn_abort(txn);
    store_close(store);
}

static void a_scan_that_writes_quarantines_and_goes_on(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    for (uint64_t i = 1; i <= 30; i++)
        put(txn, TABLE_JOBS, i, i % 10 == 0 ? "tenth of them" : "of the others");
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
    assert_int_not_equal(spoil(&dir, span_text("tenth of them")), 0);
    store = open_store();
    txn = begin(store, STORE_WRITE);
    struct seen seen = { .txn = txn };
    assert_int_equal(table_scan(txn, TABLE_JOBS, span_of(NULL, 0), note, &seen), ERR_OK);
    assert_int_equal(seen.count, 27);
    assert_int_equal(table_count(txn, TABLE_QUARANTINE), 3);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    assert_int_equal(store_corrupt_count(store), 3);
    store_close(store);
}

static void a_record_under_another_key_is_noticed(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_txn *txn = begin(store, STORE_WRITE);
    static const char key[] = "a key that will be altered";
    assert_int_equal(table_put(txn, TABLE_META, span_text(key), span_text("value")), ERR_OK);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
    assert_int_not_equal(spoil(&dir, span_text(key)), 0);
    store = open_store();
    txn = begin(store, STORE_READ);
    struct span value;
    assert_int_equal(table_get(txn, TABLE_META, span_text("a key that will be altereD"), &value),
                     ERR_CORRUPT);
    store_txn_abort(txn);
    store_close(store);
}

/* Fills until it is refused; then what was committed is there, and nothing of the last one. */
static void fill_until_refused(struct store *store)
{
    static uint8_t octets[4000];
    enum err err = ERR_OK;
    struct store_txn *txn = begin(store, STORE_READ);
    uint64_t committed = table_count(txn, TABLE_JOBS);
    store_txn_abort(txn);
    for (unsigned round = 0; err == ERR_OK; round++) {
        assert_true(round < 10000);
        txn = begin(store, STORE_WRITE);
        for (unsigned i = 1; i <= 50 && err == ERR_OK; i++) {
            struct table_key key = table_key_u64(committed + i);
            err = table_put(txn, TABLE_JOBS, table_key_span(&key), span_of(octets, sizeof octets));
        }
        if (err != ERR_OK) {
            assert_int_equal(store_txn_err(txn), err);
            assert_int_equal(store_txn_commit(txn), err); /* nothing of it */
        } else if ((err = store_txn_commit(txn)) == ERR_OK) {
            committed += 50;
        }
    }
    assert_true(err == ERR_FULL || err == ERR_IO);
    txn = begin(store, STORE_READ);
    struct span value;
    assert_true(committed > 0);
    assert_int_equal(get(txn, TABLE_JOBS, committed, &value), ERR_OK);
    assert_int_equal(get(txn, TABLE_JOBS, committed + 1, &value), ERR_UNKNOWN);
    assert_int_equal(table_count(txn, TABLE_JOBS), committed);
    store_txn_abort(txn);
}

static void a_full_map_spoils_nothing_and_a_restart_cures_it(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct store *store = store_open_sized(dir.path, 2 << 20, &fault);
    assert_non_null(store);
    fill_until_refused(store);
    store_close(store);
    store = store_open_sized(dir.path, 2 << 20, &fault);
    assert_non_null(store);
    struct store_txn *txn = begin(store, STORE_WRITE);
    static uint8_t octets[4000];
    for (uint64_t i = 0; i < 100; i++) {
        struct table_key key = table_key_u64(1000000 + i);
        assert_int_equal(
            table_put(txn, TABLE_JOBS, table_key_span(&key), span_of(octets, sizeof octets)),
            ERR_OK);
    }
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
}

static void a_full_disk_spoils_nothing_and_room_cures_it(void **state)
{
    (void)state;
    struct store *store = open_store();
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 3 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill_until_refused(store);
    fill_until_refused(store); /* and again: what was there stays there */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, before);
    struct store_txn *txn = begin(store, STORE_WRITE);
    put(txn, TABLE_PENDING, 1, "there is room");
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
    store_close(open_store());
}

static void a_second_process_is_refused_by_name(void **state)
{
    (void)state;
    struct store *store = open_store();
    pid_t child = fork();
    if (child == 0) {
        char owner[24];
        snprintf(owner, sizeof owner, "process %ld;", (long)getppid());
        struct fault fault = { "" };
        bool refused = store_open(dir.path, &fault) == NULL && strstr(fault.text, owner) != NULL;
        _exit(refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    store_close(store);
    store_close(open_store()); /* free again */
}

static void a_directory_that_others_may_enter_is_refused(void **state)
{
    (void)state;
    struct fault fault = { "" };
    assert_int_equal(chmod(dir.path, 0750), 0);
    assert_null(store_open(dir.path, &fault));
    assert_non_null(strstr(fault.text, "chmod 700"));
    assert_int_equal(chmod(dir.path, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(dir.path, 12345, (gid_t)-1), 0);
        fault = (struct fault){ "" };
        assert_null(store_open(dir.path, &fault));
        assert_non_null(strstr(fault.text, "belongs to user 12345"));
        assert_int_equal(chown(dir.path, 0, (gid_t)-1), 0);
    }
    char path[100];
    snprintf(path, sizeof path, "%s/not/there", dir.path);
    fault = (struct fault){ "" };
    assert_null(store_open(path, &fault));
    assert_non_null(strstr(fault.text, "cannot be made"));
}

static void a_file_that_is_no_store_is_refused(void **state)
{
    (void)state;
    char path[100];
    snprintf(path, sizeof path, "%s/data.mdb", dir.path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (unsigned i = 0; i < 20000; i++)
        fputc('x', file);
    fclose(file);
    struct fault fault = { "" };
    assert_null(store_open(dir.path, &fault));
    assert_non_null(strstr(fault.text, "cannot be opened"));
}

/* The number is there since the second format; whatever says another one is left alone. */
static void a_store_of_another_format_is_refused(void **state)
{
    (void)state;
    struct table_key other = table_key_u64(STORE_FORMAT + 1);
    const struct span name = span_text("format");
    for (unsigned way = 0; way < 2; way++) {
        struct store *store = open_store();
        struct store_txn *txn;
        assert_int_equal(store_txn_begin(store, STORE_WRITE, &txn), ERR_OK);
        assert_int_equal(table_put(txn, TABLE_DEVICES, span_text("eid"), span_text("1")), ERR_OK);
        assert_int_equal(way == 0 ? table_remove(txn, TABLE_META, name)
                                  : table_put(txn, TABLE_META, name, table_key_span(&other)),
                         ERR_OK);
        assert_int_equal(store_txn_commit(txn), ERR_OK);
        store_close(store);
        for (unsigned again = 0; again < 2; again++) {
            struct fault fault = { "" };
            assert_null(store_open(dir.path, &fault));
            assert_non_null(strstr(fault.text, dir.path));
            assert_non_null(strstr(fault.text, way == 0 ? "has format 1," : "has format 3,"));
            assert_non_null(strstr(fault.text, "this program reads format 2: start the version"));
        }
        temp_dir_remove(&dir);
        dir = temp_dir_make();
    }
}

#define ON_DIR cmocka_unit_test_setup_teardown

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DIR(a_committed_record_survives_closing, make_dir, remove_dir),
        ON_DIR(an_aborted_transaction_never_happened, make_dir, remove_dir),
        ON_DIR(a_put_replaces_a_create_does_not_a_removal_tells, make_dir, remove_dir),
        ON_DIR(what_is_too_long_is_refused, make_dir, remove_dir),
        ON_DIR(a_scan_goes_in_order_from_where_it_is_told, make_dir, remove_dir),
        ON_DIR(positions_of_a_log_never_start_again, make_dir, remove_dir),
        ON_DIR(create_once_succeeds_once, make_dir, remove_dir),
        ON_DIR(a_corrupt_record_is_quarantined_and_the_others_served, make_dir, remove_dir),
        ON_DIR(a_scan_that_writes_quarantines_and_goes_on, make_dir, remove_dir),
        ON_DIR(a_record_under_another_key_is_noticed, make_dir, remove_dir),
        ON_DIR(a_full_map_spoils_nothing_and_a_restart_cures_it, make_dir, remove_dir),
        ON_DIR(a_full_disk_spoils_nothing_and_room_cures_it, make_dir, remove_dir),
        ON_DIR(a_second_process_is_refused_by_name, make_dir, remove_dir),
        ON_DIR(a_directory_that_others_may_enter_is_refused, make_dir, remove_dir),
        ON_DIR(a_file_that_is_no_store_is_refused, make_dir, remove_dir),
        ON_DIR(a_store_of_another_format_is_refused, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
