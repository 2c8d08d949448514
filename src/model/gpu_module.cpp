#include "src/model/gpu_module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <vector>

#include "src/base/error.h"
#include "src/model/gpu_sources.h"

namespace linvox {
namespace {

// The functions of the CUDA driver and of NVRTC that are used, declared here: their headers belong to the
// toolkit. Both interfaces are stable (docs.nvidia.com/cuda: cuda-driver-api, nvrtc).
struct Cuda {
    using Handle = void*;
    int (*initialise)(unsigned);
    int (*context)(Handle*);
    int (*set_context)(Handle);
    int (*retain_context)(Handle*, int device);
    int (*device_name)(char* name, int size, int device);
    int (*attribute)(int* value, int attribute, int device);
    int (*load_module)(Handle*, const void* image);
    int (*module_function)(Handle*, Handle module, const char* name);
    int (*launch)(Handle function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                  unsigned shared, Handle stream, void** arguments, void** extra);
    int (*error_text)(int error, const char** text);
    int (*create_program)(Handle*, const char* source, const char* name, int, const char* const*,
                          const char* const*);
    int (*destroy_program)(Handle*);
    int (*add_name)(Handle, const char* expression);
    int (*compile)(Handle, int count, const char* const* options);
    int (*lowered_name)(Handle, const char* expression, const char** name);
    int (*log_size)(Handle, std::size_t*);
    int (*log)(Handle, char*);
    int (*image_size)(Handle, std::size_t*);
    int (*image)(Handle, char*);
};

template <typename Function>
void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    LINVOX_REQUIRE(
        function, UserError,
        "the CUDA libraries lack {}: the driver or LibTorch is damaged or too old; compute on the CPU "
        "(--device cpu)",
        name);
}

Cuda load_cuda() {
    // LibTorch's stub depends on the driver and on its NVRTC, so that one handle finds both.
    void* library = dlopen("libcaffe2_nvrtc.so", RTLD_NOW | RTLD_GLOBAL);
    LINVOX_REQUIRE(library, UserError, "cannot load LibTorch's NVRTC: {}; compute on the CPU (--device cpu)",
                   dlerror());
    Cuda cuda{};
    find(library, "cuInit", cuda.initialise);
    find(library, "cuCtxGetCurrent", cuda.context);
    find(library, "cuCtxSetCurrent", cuda.set_context);
    find(library, "cuDevicePrimaryCtxRetain", cuda.retain_context);
    find(library, "cuDeviceGetName", cuda.device_name);
    find(library, "cuDeviceGetAttribute", cuda.attribute);
    find(library, "cuModuleLoadData", cuda.load_module);
    find(library, "cuModuleGetFunction", cuda.module_function);
    find(library, "cuLaunchKernel", cuda.launch);
    find(library, "cuGetErrorString", cuda.error_text);
    find(library, "nvrtcCreateProgram", cuda.create_program);
    find(library, "nvrtcDestroyProgram", cuda.destroy_program);
    find(library, "nvrtcAddNameExpression", cuda.add_name);
    find(library, "nvrtcCompileProgram", cuda.compile);
    find(library, "nvrtcGetLoweredName", cuda.lowered_name);
    find(library, "nvrtcGetProgramLogSize", cuda.log_size);
    find(library, "nvrtcGetProgramLog", cuda.log);
    find(library, "nvrtcGetCUBINSize", cuda.image_size);
    find(library, "nvrtcGetCUBIN", cuda.image);
    cuda.initialise(0);  // LibTorch has done so before, or does it again
    return cuda;
}

const Cuda& cuda() {
    static const Cuda loaded = load_cuda();
    return loaded;
}

void require_done(int result, const std::string& what) {
    if (result == 0) return;
    const char* text = nullptr;
    cuda().error_text(result, &text);
    throw UserError(fmt::format("GPU: {}: {} ({})", what, text ? text : "unknown error", result));
}

/// Autograd's threads may come here before LibTorch has made the context theirs.
void enter_context() {
    Cuda::Handle context = nullptr;
    cuda().context(&context);
    if (context) return;
    require_done(cuda().retain_context(&context, 0), "its context");
    require_done(cuda().set_context(context), "its context");
}

struct Capability {
    int major = 0, minor = 0;
};

Capability capability() {
    constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    Capability found;
    require_done(cuda().attribute(&found.major, kMajor, 0), "its compute capability");
    require_done(cuda().attribute(&found.minor, kMinor, 0), "its compute capability");
    return found;
}

struct Image {
    std::vector<char> bytes;
    std::string function;  // as the image names it
};

Image compile(const std::string& source, const std::string& kernel) {
    Cuda::Handle program = nullptr;
    LINVOX_REQUIRE(cuda().create_program(&program, source.c_str(), "linvox.cu", 0, nullptr, nullptr) == 0,
                   UserError, "NVRTC does not take the kernels");
    const std::unique_ptr<void, void (*)(void*)> guard(program, [](void* p) { cuda().destroy_program(&p); });
    cuda().add_name(program, kernel.c_str());
    const auto [major, minor] = capability();
    const std::string target = fmt::format("--gpu-architecture=sm_{}{}", major, minor);
    const std::array<const char*, 2> options{target.c_str(), "--std=c++17"};
    if (cuda().compile(program, static_cast<int>(options.size()), options.data()) != 0) {
        std::size_t size = 0;
        cuda().log_size(program, &size);
        std::string log(size, '\0');
        cuda().log(program, log.data());
        throw UserError(fmt::format("NVRTC cannot compile '{}' for {}:\n{}", kernel, target, log));
    }
    Image image;
    std::size_t size = 0;
    const char* name = nullptr;
    LINVOX_REQUIRE(
        cuda().image_size(program, &size) == 0 && cuda().lowered_name(program, kernel.c_str(), &name) == 0,
        UserError, "NVRTC has no code of '{}'", kernel);
    image.bytes.resize(size);
    cuda().image(program, image.bytes.data());
    image.function = name;
    return image;
}

}  // namespace

struct GpuModule::Compiled {
    std::string source;
    std::mutex mutex;
    std::map<std::string, Cuda::Handle> functions;  // by kernel; they live as long as the process

    Cuda::Handle function(const std::string& kernel) {
        const std::lock_guard lock(mutex);
        const auto found = functions.find(kernel);
        if (found != functions.end()) return found->second;
        const Image image = compile(source, kernel);
        Cuda::Handle module = nullptr, function = nullptr;
        require_done(cuda().load_module(&module, image.bytes.data()), "loading " + kernel);
        require_done(cuda().module_function(&function, module, image.function.c_str()), "loading " + kernel);
        return functions[kernel] = function;
    }
};

GpuModule::GpuModule(const char* source) : compiled_(std::make_unique<Compiled>()) {
    compiled_->source = std::string(gpu_prelude_source) + source;
}

GpuModule::~GpuModule() = default;

void GpuModule::launch_pointers(const std::string& kernel, std::int64_t blocks, unsigned threads,
                                void** arguments) const {
    if (blocks == 0) return;
    enter_context();
    require_done(
        cuda().launch(compiled_->function(kernel), static_cast<unsigned>(blocks), 1, 1, threads, 1, 1,
                      /*shared=*/0, /*stream=*/nullptr, arguments, nullptr),
        "starting " + kernel);
}

std::string gpu_name() {
    std::array<char, 256> name{};
    require_done(cuda().device_name(name.data(), static_cast<int>(name.size()), 0), "its name");
    return name.data();
}

bool gpu_multiplies_bfloat16() { return capability().major >= 8; }

}  // namespace linvox
