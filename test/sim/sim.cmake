# sim_fuzz gives malformed and random input to the accelerator's layers, as long as it
# is told; ctest runs a little of it.
tc_test(sim tc_sim fmt::fmt)
add_executable(sim_fuzz ${CMAKE_CURRENT_LIST_DIR}/programs/sim_fuzz.cpp)
target_compile_options(sim_fuzz PRIVATE -Wall -Wextra)
target_link_libraries(sim_fuzz PRIVATE tc_sim fmt::fmt)
add_test(NAME sim_fuzz COMMAND sim_fuzz --count 2000)
