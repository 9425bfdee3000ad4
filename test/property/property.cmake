# property_fuzz runs random cases (./dev fuzz); property_test those that once
# failed. ctest runs 5,000 random cases in two processes, one for each of two cores.
set(DIR ${CMAKE_CURRENT_LIST_DIR})
add_library(property_cases STATIC ${DIR}/check.cpp ${DIR}/shrink.cpp ${DIR}/coverage.cpp)
target_include_directories(property_cases PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(property_cases PUBLIC tc_compiler fmt::fmt)

add_executable(property_fuzz ${DIR}/property_fuzz.cpp)
target_link_libraries(property_fuzz PRIVATE property_cases)
add_test(NAME property_1 COMMAND property_fuzz --count 2500 --first 1)
add_test(NAME property_2 COMMAND property_fuzz --count 2500 --first 2501)

add_executable(property_test ${DIR}/property_test.cpp)
target_compile_definitions(property_test PRIVATE TC_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(property_test PRIVATE property_cases GTest::gtest_main)
add_test(NAME property COMMAND property_test)
set_tests_properties(property PROPERTIES ENVIRONMENT GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/test-results/gtest-property.xml)

# What the generator covers needs no code generator, so it is linked without.
add_executable(coverage_test ${DIR}/coverage_test.cpp ${DIR}/coverage.cpp)
target_include_directories(coverage_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(coverage_test PRIVATE tc_schedule fmt::fmt GTest::gtest_main)
add_test(NAME coverage COMMAND coverage_test)
set_tests_properties(coverage PROPERTIES ENVIRONMENT GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/test-results/gtest-coverage.xml)

add_executable(passes_fuzz ${DIR}/passes_fuzz.cpp)
target_include_directories(passes_fuzz PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(passes_fuzz PRIVATE tc_schedule fmt::fmt)

# The seeded faults (faults.py) are tried by hand; that they can be is seen here.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME faults_list COMMAND ${Python3_EXECUTABLE} ${DIR}/faults.py --list)
endif()
