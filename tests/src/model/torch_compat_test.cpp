// The process-wide switches of LibTorch that a number cannot show.
#include "src/model/torch_compat.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace linvox {
namespace {

#if defined(__x86_64__)
TEST(TorchCompat, MklAsksThisProgramWhetherItsFastKernelsMayRun) {
    configure_threads(0);
    void* found = dlsym(RTLD_DEFAULT, "mkl_serv_intel_cpu_true");
    ASSERT_NE(found, nullptr);
    Dl_info owner{}, program{};
    static int anchor = 0;
    ASSERT_NE(dladdr(found, &owner), 0);
    ASSERT_NE(dladdr(&anchor, &program), 0);
    EXPECT_EQ(owner.dli_fbase, program.dli_fbase) << "LibTorch's own answer comes first: " << owner.dli_fname;
}
#endif

// CUDA builds of LibTorch 2.11 export one that crashes outside of them.
TEST(TorchCompat, FilesAreRemovedByTheCppLibraryAndNotByLibTorch) {
    const auto function =
        static_cast<std::uintmax_t (*)(const std::filesystem::path&)>(std::filesystem::remove_all);
    Dl_info owner{};
    ASSERT_NE(dladdr(reinterpret_cast<void*>(function), &owner), 0);
    EXPECT_NE(std::string(owner.dli_fname).find("libstdc++"), std::string::npos) << owner.dli_fname;
}

}  // namespace
}  // namespace linvox
