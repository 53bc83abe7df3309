/* Google Benchmark for C: one executable per area; each registers its rows and calls bench_main().
 *
 *   static void seal(struct bench *bench, void *arg)
 *   {
 *       struct rig *rig = arg;
 *       while (bench_more(bench))
 *           run(rig);
 *       bench_items(bench, rig->count);
 *   }
 *
 * Prints the time of an iteration, items/s and, as `per_item`, the CPU time of one item. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench;
typedef void bench_fn(struct bench *bench, void *arg);

/* A row called `name` (copied). `arg` lives until bench_main returns. */
void bench_row(const char *name, bench_fn *fn, void *arg);

/* A row beside its baseline: after the run, "baseline / name" is printed as a ratio of ns an item.
 * `baseline` is the whole name of a row registered before. */
void bench_row_against(const char *name, const char *baseline, bench_fn *fn, void *arg);

/* The loop condition: true once an iteration. */
bool bench_more(struct bench *bench);

/* Leaves out what happens between the two (costs about 200 ns itself: not for short iterations). */
void bench_pause(struct bench *bench);
void bench_resume(struct bench *bench);

/* How many items one iteration did; after the loop. */
void bench_items(struct bench *bench, uint64_t items_per_iteration);

/* A figure of the row's own, printed beside it; after the loop. */
void bench_figure(struct bench *bench, const char *name, double value);

/* The row cannot run here, or computed something wrong. End the function without looping. */
void bench_skip(struct bench *bench, const char *reason);

/* Keeps the compiler from removing what nobody reads. */
static inline void bench_keep(const void *value)
{
    __asm__ volatile("" : : "g"(value) : "memory");
}

/* Runs all rows (--benchmark_filter=, --benchmark_min_time= and the like apply), then the ratios.
 * Returns the exit code. */
int bench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
