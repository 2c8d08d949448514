// Several runs of one recipe (seeds) as one report: all their items together, and what each run says alone.
#pragma once

#include <string>
#include <vector>

#include "eval/report.h"

namespace linvox {

struct PooledRun {
    std::string name;  // of the run in tables and item ids
    Report report;
};

/// One report over the items of all runs, "<run>/<item>". A prompt that several runs share is one cluster:
/// it is resampled with all its runs, so the intervals speak of other prompts and these runs. A panel "runs"
/// speaks of other runs: every run's value and difference, their mean, and its 95 % interval by Student's t
/// over runs (at least two of them). Audio, curves and the runs' own panels stay with the runs.
/// DataError when there is no run, a name occurs twice, or systems or metrics differ, naming the run.
Report pool_reports(const std::vector<PooledRun>& runs);

}  // namespace linvox
