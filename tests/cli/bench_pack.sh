# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
small="--pack --seconds 0 --threads 1 --large 1"
t packseq bench $small
