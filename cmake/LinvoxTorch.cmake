# linvox::torch from LINVOX_TORCH: a folder with include/ and lib/ (a LibTorch archive, or the
# folder of an installed Python package torch). The libraries are imported directly, because the
# CUDA wheel's own CMake package stops without a CUDA toolkit (pytorch/pytorch#73427).
set(LINVOX_TORCH "$ENV{LINVOX_TORCH}" CACHE PATH "folder of LibTorch: holds include/ and lib/")
if(NOT LINVOX_TORCH)
  if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache_home "$ENV{XDG_CACHE_HOME}")
  else()
    set(cache_home "$ENV{HOME}/.cache")
  endif()
  file(GLOB found "${cache_home}/linvox/venv/lib/python3*/site-packages/torch")
  list(SORT found)
  list(POP_BACK found LINVOX_TORCH)
endif()

# The first of these that holds the numbers; 2.9 moved them to headeronly/.
set(torch_version)
foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h torch/version.h)
  if(NOT torch_version AND LINVOX_TORCH AND EXISTS "${LINVOX_TORCH}/include/${header}")
    file(READ "${LINVOX_TORCH}/include/${header}" text)
    if(text MATCHES "TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+).*TORCH_VERSION_PATCH ([0-9]+)")
      set(torch_version "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
    endif()
  endif()
endforeach()
if(NOT torch_version)
  message(FATAL_ERROR "no LibTorch at '${LINVOX_TORCH}'; run scripts/setup.sh, or set LINVOX_TORCH to a folder of LibTorch 2.7 or newer")
endif()
if(torch_version VERSION_LESS 2.7)
  message(FATAL_ERROR "LibTorch ${torch_version} at ${LINVOX_TORCH} is too old; 2.7 or newer is needed: unset LINVOX_TORCH and run scripts/setup.sh")
endif()

# Builds before 2.6 may use the old std::string; every call with a string would fail to link.
file(STRINGS "${LINVOX_TORCH}/lib/libc10.so" cxx11_symbols LIMIT_COUNT 1 REGEX "__cxx1112basic_string")
if(NOT cxx11_symbols)
  message(FATAL_ERROR "LibTorch at ${LINVOX_TORCH} has the pre-C++11 string ABI; take the 'cxx11 ABI' archive, or run scripts/setup.sh")
endif()
message(STATUS "LibTorch ${torch_version} at ${LINVOX_TORCH}")

add_library(linvox_torch INTERFACE)
add_library(linvox::torch ALIAS linvox_torch)
target_include_directories(linvox_torch SYSTEM INTERFACE ${LINVOX_TORCH}/include ${LINVOX_TORCH}/include/torch/csrc/api/include)
target_compile_definitions(linvox_torch INTERFACE AT_PER_OPERATOR_HEADERS)
set(torch_libraries ${LINVOX_TORCH}/lib/libtorch.so ${LINVOX_TORCH}/lib/libtorch_cpu.so ${LINVOX_TORCH}/lib/libc10.so)
if(EXISTS ${LINVOX_TORCH}/lib/libtorch_cuda.so)
  list(APPEND torch_libraries ${LINVOX_TORCH}/lib/libtorch_cuda.so ${LINVOX_TORCH}/lib/libc10_cuda.so)
endif()
# --no-as-needed: nothing calls libtorch_cuda by name, so the linker would drop it. The C++ library stands in front:
# CUDA builds export parts of their own one, among them a std::filesystem::remove_all that crashes outside of them.
# So does sentencepiece: its FLAGS_minloglevel is an object of 32 bytes, which it would else construct over LibTorch's int
# of that name and the flags behind it. It is given as a flag because CMake moves a library named twice to the end.
target_link_libraries(linvox_torch INTERFACE "-Wl,--no-as-needed,${SENTENCEPIECE_LIBRARY}" stdc++ ${torch_libraries} "-Wl,--as-needed" "-Wl,-rpath,${LINVOX_TORCH}/lib")
