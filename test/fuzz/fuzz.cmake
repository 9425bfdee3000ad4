# Fuzzers run as long as they are told, for long in the asan preset; ctest runs a little
# of them. parse_fuzz gives mutated text to every parser, accel_fuzz malformed and random
# input to the accelerator's simulator and runtime.
set(DIR ${CMAKE_CURRENT_LIST_DIR})
add_library(fuzz_harness STATIC ${DIR}/harness.cpp)
target_include_directories(fuzz_harness PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(fuzz_harness PUBLIC tc_support)

add_executable(parse_fuzz ${DIR}/parse_fuzz.cpp)
target_link_libraries(parse_fuzz PRIVATE fuzz_harness tc_schedule)
add_test(NAME parse_fuzz COMMAND parse_fuzz ${CMAKE_CURRENT_SOURCE_DIR}/golden ${CMAKE_CURRENT_SOURCE_DIR}/property/cases
                                 ${PROJECT_SOURCE_DIR}/bench/workloads.txt --count 2000)

add_executable(accel_fuzz ${DIR}/accel_fuzz.cpp ${DIR}/machine_cases.cpp ${DIR}/runtime_cases.cpp)
target_link_libraries(accel_fuzz PRIVATE fuzz_harness tc_accel fmt::fmt)
add_test(NAME accel_fuzz COMMAND accel_fuzz --count 3000)
