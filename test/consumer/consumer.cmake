# The consumer project is run, not added: it must see what was installed only.
set(FLAGS)
if(TC_SANITIZE)
  set(FLAGS -fsanitize=${TC_SANITIZE})
endif()
add_test(NAME consumer COMMAND ${CMAKE_COMMAND} -DTC_BUILD=${PROJECT_BINARY_DIR} -DTC_SOURCE=${PROJECT_SOURCE_DIR}
  -DCOMPILER_C=${CMAKE_C_COMPILER} -DCOMPILER_CXX=${CMAKE_CXX_COMPILER} -DFLAGS=${FLAGS}
  -P ${CMAKE_CURRENT_LIST_DIR}/run.cmake)
