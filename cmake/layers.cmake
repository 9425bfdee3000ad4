# tc_layer(NAME DIR dir DEPS targets...): the static library tc_NAME from every
# .cpp below DIR, found by glob so that adding a file touches no build file.
function(tc_layer NAME)
  cmake_parse_arguments(L "" "DIR" "DEPS" ${ARGN})
  file(GLOB_RECURSE SRC CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${L_DIR}/*.cpp)
  if(NOT SRC)
    set(SRC ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  endif()
  add_library(tc_${NAME} STATIC ${SRC})
  target_include_directories(tc_${NAME} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_compile_options(tc_${NAME} PRIVATE -Wall -Wextra -Wpedantic -Werror -Wno-dangling-pointer -Wno-missing-field-initializers -Wno-restrict)
  target_link_libraries(tc_${NAME} PUBLIC ${L_DEPS})
endfunction()
