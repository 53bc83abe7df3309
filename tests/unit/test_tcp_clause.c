/* TCP by clause: each case of tests/vectors/tcp_clauses.txt, over either family and around the wrap of sequence
 * numbers. */
#include "tests/support/support.h"
#include "tests/support/tcp_play.h"

#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX 16u

/* Steps of the file, and what is before them. */
struct steps {
    const char *name;
    const char *script;
};

struct clause {
    char *name;
    const char *place;
    const char *script;
};

/* A test each, so that one that fails hides no other. */
static struct CMUnitTest tests[600];
static size_t test_count;

static void play_one(void **state)
{
    const struct clause *clause = *state;
    tcp_play_after(clause->name, clause->place, clause->script);
}

static void add(const struct steps *place, const struct steps *steps)
{
    struct clause *clause = malloc(sizeof *clause);
    size_t cap = strlen(place->name) + strlen(steps->name) + 3;
    ASSERT(clause != NULL && test_count < COUNT(tests));
    *clause = (struct clause){ malloc(cap), place->script, steps->script };
    ASSERT(clause->name != NULL);
    snprintf(clause->name, cap, "%s%s%s", place->name, place->name[0] != '\0' ? ", " : "",
             steps->name);
    tests[test_count++] =
        (struct CMUnitTest){ .name = clause->name, .test_func = play_one, .initial_state = clause };
}

/* The next steps: a line "MARK NAME" and those after it up to the next mark. Returns the mark; NUL at the end.
 * Cuts the text. */
static char steps_next(char **text, struct steps *out)
{
    while (**text == '#' || **text == '\n') {
        *text += strcspn(*text, "\n");
        *text += **text != '\0';
    }
    char mark = **text;
    if (mark == '\0')
        return mark;
    ASSERT(strchr("=@*", mark) != NULL);
    char *at = strchr(*text, '\n');
    ASSERT(at != NULL);
    *at++ = '\0';
    *out = (struct steps){ *text + 2, at };
    while (*at != '\0' && strchr("=@*#\n", *at) == NULL)
        at += strcspn(at, "\n") + 1;
    if (*at != '\0')
        *at++ = '\0';
    *text = at;
    return mark;
}

static void read_all(char *text)
{
    static const struct steps nowhere = { "", "" };
    struct steps places[PLACES_MAX];
    size_t place_count = 0;
    bool used = false;
    struct steps steps;
    for (char mark; (mark = steps_next(&text, &steps)) != '\0';) {
        if (mark == '=') {
            add(&nowhere, &steps);
        } else if (mark == '@') {
            place_count = used ? 0 : place_count;
            used = false;
            ASSERT(place_count < PLACES_MAX);
            places[place_count++] = steps;
        } else {
            used = true;
            for (size_t i = 0; i < place_count; i++)
                add(&places[i], &steps);
        }
    }
}

int main(void)
{
    char *text = test_file("vectors/tcp_clauses.txt");
    read_all(text);
    eal_for_tests();
    int failed = _cmocka_run_group_tests("clauses", tests, test_count, NULL, NULL);
    for (size_t i = 0; i < test_count; i++) {
        struct clause *clause = tests[i].initial_state;
        free(clause->name);
        free(clause);
    }
    free(text);
    return failed;
}
