# The two shared libraries, made of the layers' archives:
#
#   libtc_runtime.so    what compiled programs need; sharing it shares the thread pool
#   libtc_compiler.so   all layers of the compiler, with LLVM inside and hidden
#
# Executables that need code generation (tests, tools) link tc_compiler: LLVM is
# then linked once, and what users get is what the tests run.

# tc_shared(TARGET OUTPUT name LAYERS layers... PUBLIC targets... PRIVATE targets...)
function(tc_shared TARGET)
  cmake_parse_arguments(S "" "OUTPUT" "LAYERS;PUBLIC;PRIVATE" ${ARGN})
  add_library(${TARGET} SHARED ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  set(MAP ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  set(ARCHIVES)
  foreach(LAYER ${S_LAYERS})
    list(APPEND ARCHIVES $<TARGET_FILE:tc_${LAYER}>)
    add_dependencies(${TARGET} tc_${LAYER})
  endforeach()
  # By file and not by target, for a target would bring its own link list along.
  target_link_libraries(${TARGET} PUBLIC ${S_PUBLIC} PRIVATE
    -Wl,--whole-archive ${ARCHIVES} -Wl,--no-whole-archive -Wl,--as-needed ${S_PRIVATE})
  target_link_options(${TARGET} PRIVATE LINKER:--version-script=${MAP} LINKER:--gc-sections)
  if(NOT TC_SANITIZE)   # the executable brings the sanitizer's symbols
    target_link_options(${TARGET} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${TARGET} PROPERTIES
    OUTPUT_NAME ${S_OUTPUT} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    INSTALL_RPATH $ORIGIN LINK_DEPENDS "${MAP};${ARCHIVES}")
  target_include_directories(${TARGET} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
endfunction()

tc_shared(tc_runtime_shared OUTPUT tc_runtime LAYERS runtime PUBLIC Threads::Threads)
tc_shared(tc_compiler OUTPUT tc_compiler LAYERS autotune codegen accelgen schedule te ir accel sim isa support
  PUBLIC tc_runtime_shared PRIVATE tc_llvm fmt::fmt nlohmann_json::nlohmann_json tc_xgboost)
# The headers are C++20. Those of the runtime may be used from C as well, by a project
# without C++, so cmake/tcConfig.cmake.in asks for it where there is C++.
target_compile_features(tc_compiler PUBLIC cxx_std_20)
foreach(TARGET tc_runtime tc_runtime_shared)
  target_compile_features(${TARGET} PUBLIC $<BUILD_INTERFACE:cxx_std_20>)
endforeach()

add_library(tc::runtime ALIAS tc_runtime)
add_library(tc::runtime_shared ALIAS tc_runtime_shared)
add_library(tc::compiler ALIAS tc_compiler)
