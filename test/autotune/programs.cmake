# The programs that autotune_test starts: a worker that misbehaves on command,
# and two victims of kill -9.
foreach(PROGRAM fake_worker log_hammer pool_parent)
  add_executable(autotune_${PROGRAM} ${CMAKE_CURRENT_LIST_DIR}/programs/${PROGRAM}.cpp)
  target_include_directories(autotune_${PROGRAM} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(autotune_${PROGRAM} PRIVATE tc_compiler)
  add_dependencies(autotune_test autotune_${PROGRAM})
  string(TOUPPER ${PROGRAM} MACRO)
  target_compile_definitions(autotune_test PRIVATE TC_${MACRO}="$<TARGET_FILE:autotune_${PROGRAM}>")
endforeach()
