// The C wrapper round Google Benchmark, and the table of ratios; our only C++.
#include "bench/bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

struct bench {
    benchmark::State *state;
};

namespace
{

struct pair {
    std::string name, baseline;
};

std::vector<pair> &pairs()
{
    static std::vector<pair> all;
    return all;
}

// The console's table as ever; keeps the least time an item of each row for the ratios.
class reporter : public benchmark::ConsoleReporter
{
  public:
    std::map<std::string, double> ns;

    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs) {
            auto figure = run.counters.find("per_item");
            if (run.run_type != Run::RT_Iteration || run.error_occurred ||
                figure == run.counters.end())
                continue;
            auto known = ns.emplace(run.run_name.function_name, figure->second.value * 1e9).first;
            known->second = std::min<double>(known->second, figure->second.value * 1e9);
        }
        ConsoleReporter::ReportRuns(runs);
    }
};

void print_ratios(const std::map<std::string, double> &ns)
{
    bool titled = false;
    for (const pair &p : pairs()) {
        auto mine = ns.find(p.name), base = ns.find(p.baseline);
        if (mine == ns.end() || base == ns.end() || mine->second <= 0)
            continue;
        if (!titled)
            std::printf("\n%-56s %10s %10s %8s   (least of the repetitions)\n", "row", "ns/item",
                        "baseline", "ratio");
        titled = true;
        std::printf("%-56s %10.1f %10.1f %7.2fx   %s\n", p.name.c_str(), mine->second, base->second,
                    base->second / mine->second, p.baseline.c_str());
    }
}

} // namespace

extern "C" void bench_row(const char *name, bench_fn *fn, void *arg)
{
    benchmark::RegisterBenchmark(name, [fn, arg](benchmark::State &state) {
        bench row{ &state };
        fn(&row, arg);
    });
}

extern "C" void bench_row_against(const char *name, const char *baseline, bench_fn *fn, void *arg)
{
    pairs().push_back({ name, baseline });
    bench_row(name, fn, arg);
}

extern "C" bool bench_more(struct bench *bench)
{
    return bench->state->KeepRunning();
}

extern "C" void bench_pause(struct bench *bench)
{
    bench->state->PauseTiming();
}

extern "C" void bench_resume(struct bench *bench)
{
    bench->state->ResumeTiming();
}

extern "C" void bench_items(struct bench *bench, uint64_t items_per_iteration)
{
    benchmark::State &state = *bench->state;
    double items =
        static_cast<double>(items_per_iteration) * static_cast<double>(state.iterations());
    state.SetItemsProcessed(static_cast<int64_t>(items));
    state.counters["per_item"] =
        benchmark::Counter(items, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

extern "C" void bench_figure(struct bench *bench, const char *name, double value)
{
    bench->state->counters[name] = value;
}

extern "C" void bench_skip(struct bench *bench, const char *reason)
{
    bench->state->SkipWithError(reason);
}

extern "C" int bench_main(int argc, char **argv)
{
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    reporter console;
    benchmark::RunSpecifiedBenchmarks(&console);
    print_ratios(console.ns);
    return 0;
}
