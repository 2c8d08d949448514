// The texts of this folder's .cu files; the build writes their definitions (cmake/LinvoxTargets.cmake).
#pragma once

namespace linvox {

extern const char* const gpu_prelude_source;
extern const char* const gpu_kernels_source;

}  // namespace linvox
