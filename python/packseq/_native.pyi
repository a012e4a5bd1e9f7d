# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The extension module: the C API as the public headers have it, made by build_native.py.

Functions, constants and the psq_x_init() functions are attributes of lib. What they take and return
is C data, which Python's types do not describe.
"""

from typing import Any

ffi: Any
lib: Any
