# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# Turns the four word lists into C source with the table that cli/words_data.h declares. Plain
# CMake, so that a build needs no other tool. In cli/CMakeLists.txt:
#
#   set(words_data ${PROJECT_BINARY_DIR}/words_data.c)
#   set(words_dir ${PROJECT_SOURCE_DIR}/data/words)
#   add_custom_command(
#     OUTPUT ${words_data}
#     COMMAND ${CMAKE_COMMAND} -DDIR=${words_dir} -DOUT=${words_data}
#             -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
#     DEPENDS ${PROJECT_SOURCE_DIR}/cmake/embed.cmake ${words_dir}/english.txt
#             ${words_dir}/dutch.txt ${words_dir}/spanish.txt ${words_dir}/polish.txt
#     VERBATIM)
#   target_sources(TARGET PRIVATE ${words_data}) # with cli/ on its include path

# The order of the labels in everything that the command prints.
set(names english dutch spanish polish)

set(arrays "")
set(rows "")
foreach(name ${names})
  file(READ ${DIR}/${name}.txt hex HEX)
  string(LENGTH "${hex}" digits)
  if(digits EQUAL 0)
    message(FATAL_ERROR "${DIR}/${name}.txt is empty")
  endif()
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const unsigned char ${name}[${size}] = {\n${hex}\n};\n\n")
  string(APPEND rows "    {\"${name}.txt\", ${name}, sizeof ${name}},\n")
endforeach()

file(WRITE ${OUT} "// Made by cmake/embed.cmake from data/words; notices are in data/NOTICE.md.
#include \"words_data.h\"

${arrays}const words_file words_data[] = {
${rows}};
const size_t words_data_n = sizeof words_data / sizeof *words_data;
")
