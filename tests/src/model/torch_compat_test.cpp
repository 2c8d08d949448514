// The process-wide switches of LibTorch that a number cannot show.
#include "src/model/torch_compat.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace linvox
