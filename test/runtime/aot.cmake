# C programs against the runtime: a compiled library that runtime_test loads, and
# a deployed program, each built by the C compiler.
if(TC_SANITIZE)
  set(RUNTIME_TEST_SANITIZER stdc++)  # what they add to the runtime needs it
endif()
add_library(runtime_test_kernel MODULE ${CMAKE_CURRENT_LIST_DIR}/scale_kernel.c)
target_include_directories(runtime_test_kernel PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(runtime_test_kernel PRIVATE -Wall -Wextra -pedantic -Werror -fvisibility=hidden)

# The kernel takes the runtime's symbols from the program that loads it.
set_target_properties(runtime_test PROPERTIES ENABLE_EXPORTS ON)
add_dependencies(runtime_test runtime_test_kernel)
target_compile_definitions(runtime_test PRIVATE TC_TEST_KERNEL="$<TARGET_FILE:runtime_test_kernel>")

# The same library with a runtime of its own, pool included.
add_library(runtime_test_own_kernel MODULE ${CMAKE_CURRENT_LIST_DIR}/scale_kernel.c)
target_include_directories(runtime_test_own_kernel PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(runtime_test_own_kernel PRIVATE $<TARGET_FILE:tc_runtime> Threads::Threads ${RUNTIME_TEST_SANITIZER})
target_link_options(runtime_test_own_kernel PRIVATE -Wl,-Bsymbolic)
set_target_properties(runtime_test_own_kernel PROPERTIES LINKER_LANGUAGE C)
add_dependencies(runtime_test_own_kernel tc_runtime)
add_dependencies(runtime_test runtime_test_own_kernel)
target_compile_definitions(runtime_test PRIVATE TC_TEST_OWN_KERNEL="$<TARGET_FILE:runtime_test_own_kernel>")

add_executable(runtime_c_consumer ${CMAKE_CURRENT_LIST_DIR}/c_consumer.c ${CMAKE_CURRENT_LIST_DIR}/scale_kernel.c)
target_include_directories(runtime_c_consumer PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(runtime_c_consumer PRIVATE -Wall -Wextra -pedantic -Werror)
target_link_libraries(runtime_c_consumer PRIVATE $<TARGET_FILE:tc_runtime> Threads::Threads ${CMAKE_DL_LIBS} ${RUNTIME_TEST_SANITIZER})
set_target_properties(runtime_c_consumer PROPERTIES LINKER_LANGUAGE C)
add_dependencies(runtime_c_consumer tc_runtime)
add_test(NAME runtime_c_consumer COMMAND runtime_c_consumer)
add_dependencies(runtime_test runtime_c_consumer)
