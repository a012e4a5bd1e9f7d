# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
printf '4, 2\n\t3\r\n' >lengths
t packseq explain --json - <lengths
t packseq explain --json 1 - 7 <lengths
printf '4 2 x3' >lengths
t packseq explain - <lengths
printf '4\0002' >lengths
t packseq explain - <lengths
t packseq explain - <.
