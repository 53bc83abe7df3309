/* What tests share. */
#include "tests/support/support.h"

#include "base/hex.h"

#include <rte_eal.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARDED_SLOTS 4096 /* more than a test has octets to cut at */

struct span guarded_copy(struct span in)
{
    static struct {
        void *map;
        size_t len;
    } slots[GUARDED_SLOTS];
    static size_t turn;

    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (in.len + page - 1) / page * page;
    size_t slot = turn++ % GUARDED_SLOTS;
    uint8_t *map =
        mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(map != MAP_FAILED);
    ASSERT(mprotect(map + body, page, PROT_NONE) == 0);
    uint8_t *bytes = map + body - in.len;
    if (in.len > 0)
        memcpy(bytes, in.bytes, in.len);
    if (slots[slot].map != NULL)
        munmap(slots[slot].map, slots[slot].len); /* only now: `in` may lie there */
    slots[slot].map = map;
    slots[slot].len = body + page;
    return span_of(bytes, in.len);
}

struct span guarded_hex(const char *hex)
{
    size_t cap = strlen(hex);
    char *digits = malloc(cap + 1);
    uint8_t *bytes = malloc(cap / 2 + 1);
    ASSERT(digits != NULL && bytes != NULL);
    size_t count = 0;
    for (const char *c = hex; *c != '\0'; c++)
        if (*c != ' ' && *c != '\n')
            digits[count++] = *c;
    struct writer w = writer_over(bytes, cap / 2 + 1);
    ASSERT(hex_read(span_of(digits, count), &w) == ERR_OK);
    struct span out = guarded_copy(written(&w));
    free(digits);
    free(bytes);
    return out;
}

void check_err(const char *name, enum err got, enum err wanted)
{
    if (got != wanted)
        fail_msg("%s: got %s, wanted %s", name, err_label(got), err_label(wanted));
}

void check_bytes(const char *name, struct span got, struct span wanted)
{
    if (span_equal(got, wanted))
        return;
    size_t at = 0;
    while (at < got.len && at < wanted.len && got.bytes[at] == wanted.bytes[at])
        at++;
    char *text = malloc(2 * (got.len + wanted.len) + 2);
    ASSERT(text != NULL);
    char *wanted_text = text + 2 * got.len + 1;
    hex_write(got, text, 2 * got.len + 1);
    hex_write(wanted, wanted_text, 2 * wanted.len + 1);
    print_error("%s: differs at octet %zu\n  got    %s\n  wanted %s\n", name, at, text,
                wanted_text);
    free(text);
    fail_msg("%s: octets differ", name);
}

void eal_for_tests(void)
{
    static int started;
    if (started)
        return;
    started = 1;
    static char args[][20] = {
        "test",           "--no-huge",         "-m",          "512", "--no-shconf", "--no-pci",
        "--no-telemetry", "--log-level=error", "--lcores=0@0"
    };
    char *argv[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args); i++)
        argv[i] = args[i];
    ASSERT(rte_eal_init((int)COUNT(args), argv) >= 0);
}

char *test_file(const char *path)
{
    char full[1024];
    const char *root = getenv("STARLING_TESTS");
    snprintf(full, sizeof full, "%s/%s", root != NULL ? root : TESTS_DIR, path);
    FILE *file = fopen(full, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", full);
        return NULL;
    }
    ASSERT(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    ASSERT(size >= 0 && fseek(file, 0, SEEK_SET) == 0);
    char *text = malloc((size_t)size + 1);
    ASSERT(text != NULL);
    ASSERT(fread(text, 1, (size_t)size, file) == (size_t)size);
    text[size] = '\0';
    fclose(file);
    return text;
}

/* There when the address or the thread sanitizer is: both make mlock() do nothing. */
extern void __asan_init(void) __attribute__((weak)); /* NOLINT: the runtimes' own names */
extern void __tsan_init(void) __attribute__((weak)); /* NOLINT */

void check_secret_memory(const void *secret, size_t len)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[512];
    uintptr_t at = (uintptr_t)secret;
    bool inside = false, found = false;
    while (fgets(line, sizeof line, maps) != NULL) {
        char *after;
        unsigned long begin = strtoul(line, &after, 16); /* BEGIN-END: neighbours are joined */
        if (after != line && *after == '-')
            inside = begin <= at && at + len <= strtoul(after + 1, NULL, 16);
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = true;
            assert_true(__asan_init != NULL || __tsan_init != NULL || strstr(line, " lo") != NULL);
            assert_non_null(strstr(line, " dd"));
        }
    }
    fclose(maps);
    assert_true(found);
}
