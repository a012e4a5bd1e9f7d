# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq explain 0 2 0 1
t packseq explain 0 0
printf '' >empty
t packseq explain - <empty
