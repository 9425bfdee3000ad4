# parse_fuzz gives mutated text to every parser, as long as it is told; ctest runs a
# little of it. The long runs are of the asan preset.
add_executable(parse_fuzz ${CMAKE_CURRENT_LIST_DIR}/parse_fuzz.cpp)
target_include_directories(parse_fuzz PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(parse_fuzz PRIVATE tc_schedule)
add_test(NAME parse_fuzz COMMAND parse_fuzz ${CMAKE_CURRENT_SOURCE_DIR}/golden ${CMAKE_CURRENT_SOURCE_DIR}/property/cases
                                 ${PROJECT_SOURCE_DIR}/bench/workloads.txt --count 2000)
