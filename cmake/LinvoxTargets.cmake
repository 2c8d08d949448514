# linvox_library(NAME FOLDERS dirs... LINK targets...): a static library of every .cpp directly in the folders.
# linvox_program(NAME ...): the same, as an executable.
# linvox_test(NAME): tests/<folder>/*.cpp of the folder that linvox_<NAME> is made of, as test_<NAME>.

function(linvox_flags target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
  if(LINVOX_STRICT)
    # GCC 12 sees out-of-bounds copies in libstdc++'s strings and paths where there are none.
    target_compile_options(${target} PRIVATE -Werror -Wno-error=array-bounds -Wno-error=restrict)
  endif()
  if(LINVOX_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${LINVOX_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${LINVOX_SANITIZE})
  endif()
endfunction()

# Sources whose file-local names meet those of a neighbour in one unity file.
set(LINVOX_NOT_UNITY
  src/text/lexicon.cpp src/text/written_numbers.cpp eval/report_files.cpp eval/report_markup.cpp
  eval/report_page_data.cpp eval/speaker.cpp eval/spectral.cpp
  audio/codec/pca.cpp src/train/sft.cpp src/recipe/prepared.cpp src/recipe/stage_evaluate.cpp
  src/recipe/stage_pairs.cpp src/recipe/stage_prepare.cpp src/recipe/stage_synthesise.cpp)

function(linvox_unity target batch)
  if(LINVOX_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${batch})
    # Here every source is an included one, next to names that it does not see otherwise.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage -Wno-shadow)
    set_source_files_properties(${LINVOX_NOT_UNITY} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# GPU kernels are compiled by the program itself (src/model/gpu_module.h): their text becomes a constant,
# NAME.cu the string NAME_source.
function(linvox_gpu_source out file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  set(generated ${PROJECT_BINARY_DIR}/gpu/${name}.cpp)
  file(CONFIGURE OUTPUT ${generated} @ONLY CONTENT
"namespace linvox {
extern const char* const @name@_source;
const char* const @name@_source = R\"cuda(@text@)cuda\";
}  // namespace linvox
")
  set(${out} ${generated} PARENT_SCOPE)
endfunction()

function(linvox_sources out)
  set(sources)
  foreach(folder ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
    list(APPEND sources ${found})
    file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cu)
    foreach(file ${kernels})
      linvox_gpu_source(generated ${file})
      list(APPEND sources ${generated})
    endforeach()
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

function(linvox_library name)
  cmake_parse_arguments(arg "" "" "FOLDERS;LINK" ${ARGN})
  linvox_sources(sources ${arg_FOLDERS})
  if(NOT sources)  # a folder that has headers only
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${arg_LINK})
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${arg_LINK})
  linvox_flags(${name})
  linvox_unity(${name} 12)
  set_property(GLOBAL PROPERTY ${name}_folders ${arg_FOLDERS})
endfunction()

function(linvox_program name)
  cmake_parse_arguments(arg "" "" "FOLDERS;LINK" ${ARGN})
  linvox_sources(sources ${arg_FOLDERS})
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  target_compile_definitions(${name} PRIVATE LINVOX_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  linvox_flags(${name})
  linvox_unity(${name} 6)  # compiled last: two files, so that no core waits
endfunction()

function(linvox_test_settings target)
  target_link_libraries(${target} PRIVATE GTest::gtest_main GTest::gmock)
  target_compile_definitions(${target} PRIVATE LINVOX_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    LINVOX_BINARY_DIR="${PROJECT_BINARY_DIR}")
  linvox_flags(${target})
endfunction()

# linvox_pch(TARGET LINK targets... HEADERS headers...): a precompiled header for tests to reuse.
function(linvox_pch target)
  cmake_parse_arguments(arg "" "" "LINK;HEADERS" ${ARGN})
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${target}.cpp CONTENT "")
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/${target}.cpp)
  target_link_libraries(${target} PRIVATE ${arg_LINK})
  linvox_test_settings(${target})
  target_precompile_headers(${target} PRIVATE ${arg_HEADERS})
endfunction()

# One header for the tests below the tensor line and one for those above it.
function(linvox_test_pch name)
  set(headers <gmock/gmock.h> <gtest/gtest.h> <fmt/format.h> <nlohmann/json.hpp> <filesystem> <functional> <map> <string> <vector>)
  set(tensor_headers <ATen/core/Tensor.h> <ATen/TensorOperators.h> <ATen/ops/tensor.h> <ATen/ops/zeros.h>)
  if(NOT TARGET linvox_test_pch)
    linvox_pch(linvox_test_pch LINK linvox::fmt nlohmann_json::nlohmann_json HEADERS ${headers})
    linvox_pch(linvox_tensor_test_pch LINK linvox::fmt nlohmann_json::nlohmann_json linvox::torch
      HEADERS ${tensor_headers} ${headers})
  endif()
  if(name MATCHES "^(base|audio|text|eval|structure|cli)$")
    target_precompile_headers(test_${name} REUSE_FROM linvox_test_pch)
  else()
    target_precompile_headers(test_${name} REUSE_FROM linvox_tensor_test_pch)
  endif()
endfunction()

function(linvox_test name)
  get_property(folders GLOBAL PROPERTY linvox_${name}_folders)
  if(NOT folders)
    set(folders ${name})  # tests/structure and the like: no library of their own
  endif()
  set(sources)
  foreach(folder ${folders})
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  if(TARGET linvox_${name})
    target_link_libraries(test_${name} PRIVATE linvox_${name})
  else()
    target_link_libraries(test_${name} PRIVATE linvox_base)
  endif()
  linvox_test_settings(test_${name})
  if(LINVOX_PCH)
    linvox_test_pch(${name})
  endif()
  add_test(NAME ${name} COMMAND test_${name})
endfunction()
