# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq help
t packseq --version
t packseq help explain
t packseq explain --help
t packseq help pack
t packseq train -h
t packseq help eval
t packseq help run
t packseq help bench
t packseq help info
