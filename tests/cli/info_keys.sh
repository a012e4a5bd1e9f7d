# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq info
t packseq info --json
PSQ_CPU=ref PSQ_THREADS=3 t packseq info
PSQ_CPU=zebra t packseq info
PSQ_THREADS=257 t packseq info
