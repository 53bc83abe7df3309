/* The key-encryption key: what files are taken, what wraps and unwraps; secret memory. */
#include "crypto/kek.h"
#include "crypto/secret.h"
#include "tests/support/lanes_ref.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static char folder[] = "/tmp/kek-test-XXXXXX";
static char path[sizeof folder + 8];
static struct lanes *lanes;
static uint8_t key[KEK_LEN];

static int start(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < KEK_LEN; i++)
        key[i] = i;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/kek", folder);
    lanes = lanes_create();
    assert_non_null(lanes);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    lanes_destroy(lanes);
    return 0;
}

static void put_file(const void *octets, size_t len, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* Loads, and the key is `key`: the oracle opens what it wraps. */
static void check_loads(const char *name)
{
    struct fault fault = { .text = "" };
    struct kek *kek = kek_load(path, &fault);
    if (kek == NULL)
        fail_msg("%s: %s", name, fault.text);
    uint8_t out[3 + KEK_OVERHEAD], wanted[3], tag[LANES_GCM_TAG];
    struct span in = span_text("abc"), aad = span_text("record");
    check_err(name, kek_wrap(kek, lanes, aad, in, out), ERR_OK);
    lanes_ref_gcm_seal(key, out, aad, in, wanted, tag);
    assert_memory_equal(out + LANES_GCM_NONCE, wanted, 3);
    assert_memory_equal(out + LANES_GCM_NONCE + 3, tag, sizeof tag);
    kek_drop(kek);
}

static void check_refused(const char *name, const char *said)
{
    struct fault fault = { .text = "" };
    assert_null(kek_load(path, &fault));
    if (strstr(fault.text, said) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", name, fault.text, said);
    assert_non_null(strstr(fault.text, folder));   /* where */
    assert_null(strstr(fault.text, "0405060708")); /* never what */
}

static void files_of_32_octets_or_64_digits_load(void **state)
{
    (void)state;
    put_file(key, KEK_LEN, 0600);
    check_loads("raw");
    put_file(key, KEK_LEN, 0400);
    check_loads("raw, read-only");
    put_file(DIGITS, 64, 0600);
    check_loads("digits");
    put_file(DIGITS "\n", 65, 0600);
    check_loads("digits and a newline");
}

static void other_files_are_refused_with_what_to_do(void **state)
{
    (void)state;
    put_file(key, KEK_LEN, 0640);
    check_refused("group-readable", "chmod 600");
    put_file(key, KEK_LEN, 0604);
    check_refused("world-readable", "mode 604");
    put_file(key, KEK_LEN - 1, 0600);
    check_refused("31 octets", "it has 31 octets");
    put_file(key, 0, 0600);
    check_refused("empty", "it has 0 octets");
    put_file(DIGITS "\n\n", 66, 0600);
    check_refused("two newlines", "at least 66");
    put_file(DIGITS " ", 65, 0600);
    check_refused("a blank", "not all digits");
    put_file("0x" DIGITS, 64, 0600);
    check_refused("0x", "not all digits");
    unlink(path);
    check_refused("missing", "starling kek create");
    assert_int_equal(mkdir(path, 0700), 0);
    check_refused("a folder", "not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes: must not wait */
    check_refused("a pipe", "not a regular file");
}

static void what_was_wrapped_unwraps_and_nothing_else(void **state)
{
    (void)state;
    struct fault fault = { .text = "" };
    struct kek *kek = kek_from(key, &fault);
    assert_non_null(kek);
    for (size_t len = 0; len < 70; len++) {
        uint8_t in[70], wrapped[70 + KEK_OVERHEAD], again[70 + KEK_OVERHEAD], out[70];
        memset(in, (int)len, sizeof in);
        struct span aad = span_text("EID 1");
        check_err("wraps", kek_wrap(kek, lanes, aad, span_of(in, len), wrapped), ERR_OK);
        check_err("wraps", kek_wrap(kek, lanes, aad, span_of(in, len), again), ERR_OK);
        assert_memory_not_equal(wrapped, again, LANES_GCM_NONCE);
        struct span all = guarded_copy(span_of(wrapped, len + KEK_OVERHEAD));
        check_err("unwraps", kek_unwrap(kek, lanes, aad, all, out), ERR_OK);
        assert_memory_equal(out, in, len);
        check_err("another record's", kek_unwrap(kek, lanes, span_text("EID 2"), all, out),
                  ERR_CORRUPT);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(out[i], 0);
        for (size_t at = 0; at < all.len; at++) {
            wrapped[at] ^= 0x10;
            check_err("altered", kek_unwrap(kek, lanes, aad, span_of(wrapped, all.len), out),
                      ERR_CORRUPT);
            wrapped[at] ^= 0x10;
        }
        for (size_t cut = 0; cut < all.len; cut++)
            check_err("cut", kek_unwrap(kek, lanes, aad, span_first(all, cut), out),
                      cut < KEK_OVERHEAD ? ERR_SHORT : ERR_CORRUPT);
    }
    kek_drop(kek);
    kek_drop(NULL);
}

static void secret_memory_is_zero_and_its_own_pages(void **state)
{
    (void)state;
    struct fault fault = { .text = "" };
    static const size_t lens[] = { 0, 1, 4096, 4097, 100000 };
    for (size_t i = 0; i < COUNT(lens); i++) {
        uint8_t *secret = secret_alloc(lens[i], &fault);
        assert_non_null(secret);
        assert_int_equal((uintptr_t)secret % 4096, 0);
        for (size_t at = 0; at < lens[i]; at++)
            assert_int_equal(secret[at], 0);
        memset(secret, 0x5A, lens[i]);
        secret_free(secret, lens[i]);
    }
    secret_free(NULL, 1);
}

static void secret_memory_is_locked_and_not_dumped(void **state)
{
    (void)state;
    struct fault fault = { .text = "" };
    uint8_t *secret = secret_alloc(5000, &fault);
    assert_non_null(secret);
    check_secret_memory(secret, 5000);
    secret_free(secret, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_32_octets_or_64_digits_load),
        cmocka_unit_test(other_files_are_refused_with_what_to_do),
        cmocka_unit_test(what_was_wrapped_unwraps_and_nothing_else),
        cmocka_unit_test(secret_memory_is_zero_and_its_own_pages),
        cmocka_unit_test(secret_memory_is_locked_and_not_dumped),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
