// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// packseq.h: all of packseq. The functions of io.h are in the library when it was built with
// PACKSEQ_IO, the default (it needs jansson).
#ifndef PACKSEQ_PACKSEQ_H
#define PACKSEQ_PACKSEQ_H

#include "packseq/base.h"
#include "packseq/batcher.h"
#include "packseq/io.h"
#include "packseq/layout.h"
#include "packseq/plan.h"
#include "packseq/pool.h"
#include "packseq/ragged.h"
#include "packseq/rnn.h"
#include "packseq/train.h"

#endif
