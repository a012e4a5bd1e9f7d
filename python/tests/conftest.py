# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of python/tests and python/tests/torch have in common.

Hypothesis draws the same examples in every run, so that a failure is one of the change at hand, and
has no deadline, since machines may be busy. HYPOTHESIS_PROFILE=long draws others, and many more.
"""

from __future__ import annotations

import importlib.util
import os

from hypothesis import HealthCheck, settings

# The folder of these tests is found as a torch without an origin.
_TORCH = importlib.util.find_spec("torch")
collect_ignore = [] if _TORCH is not None and _TORCH.origin else ["torch"]

settings.register_profile("packseq", deadline=None, derandomize=True)
settings.register_profile(
    "long", deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "packseq"))
