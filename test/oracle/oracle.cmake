# oracle_fuzz judges random schedules by running them exhaustively; oracle_test tries
# the judge itself on schedules that are known to be right or wrong.
set(DIR ${CMAKE_CURRENT_LIST_DIR})
file(GLOB SRC CONFIGURE_DEPENDS ${DIR}/*.cpp)
list(FILTER SRC EXCLUDE REGEX "/oracle_[a-z]*.cpp$")
add_library(oracle STATIC ${SRC})
target_include_directories(oracle PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(oracle PUBLIC tc_schedule fmt::fmt)

add_executable(oracle_fuzz ${DIR}/oracle_fuzz.cpp)
target_link_libraries(oracle_fuzz PRIVATE oracle)

add_executable(oracle_test ${DIR}/oracle_test.cpp)
target_link_libraries(oracle_test PRIVATE oracle GTest::gtest_main)
add_test(NAME oracle COMMAND oracle_test)
set_tests_properties(oracle PROPERTIES ENVIRONMENT GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/test-results/gtest-oracle.xml)
