/* Feeds a corpus to a harness without libFuzzer: every file below the directories given, whole and
 * cut short at every octet, each with its last octet just before an unmapped page. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INPUT_LEN_MAX (1u << 20)

/* Longer inputs are cut at about so many places, evenly spread. */
#define CUT_COUNT_MAX 4096u

/* The end of INPUT_LEN_MAX octets, just before a page that faults. */
static uint8_t *guarded_end(void)
{
    static uint8_t *end;
    if (end != NULL)
        return end;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *map = mmap(NULL, INPUT_LEN_MAX + page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(map != MAP_FAILED && mprotect(map + INPUT_LEN_MAX, page, PROT_NONE) == 0);
    end = map + INPUT_LEN_MAX;
    return end;
}

static void replay_part(struct span part)
{
    uint8_t *bytes = guarded_end() - part.len;
    if (part.len > 0)
        memcpy(bytes, part.bytes, part.len);
    LLVMFuzzerTestOneInput(bytes, part.len);
}

static void replay(struct span in)
{
    size_t step = 1 + in.len / CUT_COUNT_MAX;
    for (size_t cut = 0; cut < in.len; cut += step)
        replay_part(span_first(in, cut));
    replay_part(in);
}

/* False, with a line on stderr, when the file cannot be read. */
static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    static uint8_t bytes[INPUT_LEN_MAX];
    size_t len = fread(bytes, 1, sizeof bytes, file);
    bool whole = ferror(file) == 0 && feof(file) != 0;
    fclose(file);
    if (!whole) {
        fprintf(stderr, "%s: unreadable, or longer than %zu octets\n", path, sizeof bytes);
        return false;
    }
    printf("%s\n", path);
    fflush(stdout); /* after a crash the last line names the input */
    replay(span_of(bytes, len));
    return true;
}

/* How many files were replayed; 0, with a line on stderr, when something was wrong. */
static size_t replay_dir(const char *dir)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, NULL, alphasort);
    if (count < 0) {
        perror(dir);
        return 0;
    }
    size_t replayed = 0;
    bool sound = true;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            sound = replay_file(path) && sound;
            replayed++;
        }
        free(entries[i]);
    }
    free(entries);
    if (replayed == 0)
        fprintf(stderr, "%s: no corpus: a harness needs at least one seed\n", dir);
    return sound ? replayed : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS_DIR...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        size_t replayed = replay_dir(argv[i]);
        if (replayed == 0)
            return 1;
        printf("%zu inputs replayed from %s\n", replayed, argv[i]);
    }
    return 0;
}
