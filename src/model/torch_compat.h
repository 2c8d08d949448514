// What differs between LibTorch versions, and the process-wide switches of LibTorch.
#pragma once

namespace linvox {

/// Threads of one tensor operation (all of src/model and src/generate included); 0: every core this process
/// may use. The only place that sets them.
void configure_threads(int threads);

}  // namespace linvox
