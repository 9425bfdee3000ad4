# Installs tc into a prefix of the build folder, builds test/consumer against it,
# runs what it made, and looks at what the library exports. Called with -P and
# TC_BUILD, TC_SOURCE, COMPILER_C, COMPILER_CXX, FLAGS.
set(WORK ${TC_BUILD}/test/consumer)
set(PREFIX ${WORK}/prefix)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE CODE OUTPUT_VARIABLE OUT ERROR_VARIABLE OUT)
  if(NOT CODE EQUAL 0)
    list(JOIN ARGV " " LINE)
    message(FATAL_ERROR "${LINE}\n${OUT}\nresult: ${CODE}")
  endif()
  set(OUT "${OUT}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${TC_BUILD} --prefix ${PREFIX})
run(${CMAKE_COMMAND} -S ${TC_SOURCE}/test/consumer -B ${WORK}/build -G Ninja
  -DCMAKE_PREFIX_PATH=${PREFIX} -DCMAKE_BUILD_TYPE=Debug
  -DCMAKE_C_COMPILER=${COMPILER_C} -DCMAKE_CXX_COMPILER=${COMPILER_CXX}
  -DCMAKE_C_FLAGS=${FLAGS} -DCMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${WORK}/build)
foreach(PROGRAM compile deploy deploy_shared host)
  run(${WORK}/build/${PROGRAM})
  message("${OUT}")
endforeach()

# The project that README.md shows, with the program that it shows.
file(READ ${TC_SOURCE}/README.md README)
string(REGEX MATCH "```cmake\n([^`]*)```" SHOWN "${README}")
if(NOT CMAKE_MATCH_1)
  message(FATAL_ERROR "README.md shows no CMakeLists.txt")
endif()
file(WRITE ${WORK}/readme/CMakeLists.txt "${CMAKE_MATCH_1}")
file(COPY ${TC_SOURCE}/examples/matmul.cpp DESTINATION ${WORK}/readme)
run(${CMAKE_COMMAND} -S ${WORK}/readme -B ${WORK}/readme/build -G Ninja -DCMAKE_PREFIX_PATH=${PREFIX}
  -DCMAKE_CXX_COMPILER=${COMPILER_CXX} -DCMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${WORK}/readme/build)
run(${WORK}/readme/build/mine)

# A component that does not exist is named; a project in C alone finds the runtime.
file(WRITE ${WORK}/wrong/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)
project(wrong LANGUAGES C)
find_package(tc CONFIG REQUIRED COMPONENTS runtime)
find_package(tc CONFIG REQUIRED COMPONENTS runtime codegen)
")
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/wrong -B ${WORK}/wrong/build -G Ninja
  -DCMAKE_PREFIX_PATH=${PREFIX} -DCMAKE_C_COMPILER=${COMPILER_C} -DCMAKE_C_FLAGS=${FLAGS}
  RESULT_VARIABLE CODE OUTPUT_VARIABLE OUT ERROR_VARIABLE OUT)
string(REGEX REPLACE "[ \n]+" " " OUT "${OUT}")
if(CODE EQUAL 0 OR NOT OUT MATCHES "CMakeLists.txt:4" OR
   NOT OUT MATCHES "tc has no component codegen; its components are runtime and compiler")
  message(FATAL_ERROR "a wrong component is not refused as it should be: ${OUT}")
endif()

# Every exported name, from its mangled start, is of namespace tc or of the C API.
file(GLOB LIBRARIES ${PREFIX}/lib*/libtc_*.so ${PREFIX}/lib*/*/libtc_*.so)
list(LENGTH LIBRARIES COUNT)
if(NOT COUNT EQUAL 2)
  message(FATAL_ERROR "expected libtc_runtime.so and libtc_compiler.so, found: ${LIBRARIES}")
endif()
foreach(LIBRARY ${LIBRARIES})
  run(nm -D --defined-only --format=posix ${LIBRARY})
  string(REGEX MATCHALL "[^\n]+" SYMBOLS "${OUT}")
  list(FILTER SYMBOLS EXCLUDE REGEX "^(tc_|_Z(GV|T[ISVTWH]|T[hv][n0-9_]+)?Z?NK?[RO]?2tc)")
  if(SYMBOLS)
    message(FATAL_ERROR "${LIBRARY} exports more than tc:\n${SYMBOLS}")
  endif()
endforeach()
