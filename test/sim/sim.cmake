# sim_fuzz runs malformed and random input for as long as it is told; ctest runs a
# little of it.
tc_test(sim tc_sim fmt::fmt)
