# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# packseq_jansson, the JSON library for those who link it. A wheel takes the archive, since its
# reader's machine may have no jansson; without an archive it goes without io and the command.
add_library(packseq_jansson INTERFACE)
if(PACKSEQ_JANSSON_STATIC)
  find_library(JANSSON_ARCHIVE libjansson.a)
  find_path(JANSSON_INCLUDE_DIR jansson.h)
  if(JANSSON_ARCHIVE AND JANSSON_INCLUDE_DIR)
    target_include_directories(packseq_jansson INTERFACE ${JANSSON_INCLUDE_DIR})
    target_link_libraries(packseq_jansson INTERFACE ${JANSSON_ARCHIVE})
  else()
    message(WARNING "libjansson.a and jansson.h (Debian: libjansson-dev) are not both here: "
                    "the package is made without the packseq command")
    set(PACKSEQ_IO OFF)
  endif()
else()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
  target_link_libraries(packseq_jansson INTERFACE PkgConfig::JANSSON)
endif()
