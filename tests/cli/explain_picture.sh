# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq explain 4 2 3
t packseq explain 6 4 4 3 3
t packseq explain --ascii --width 40 4 2 3
