# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""packseq for torch: its functions and modules under their own names, and verbs under ours."""

from torch.nn import GRUCell as GRUCell
from torch.nn import LSTMCell as LSTMCell
from torch.nn import RNNCell as RNNCell

from packseq.torch.accelerate import accelerate as accelerate
from packseq.torch.accelerate import restore as restore
from packseq.torch.ddp import global_mean as global_mean
from packseq.torch.files import SequenceModel as SequenceModel
from packseq.torch.files import load as load
from packseq.torch.files import save as save
from packseq.torch.modules import GRU as GRU
from packseq.torch.modules import LSTM as LSTM
from packseq.torch.modules import RNN as RNN
from packseq.torch.modules import freeze as freeze
from packseq.torch.modules import unfreeze as unfreeze
from packseq.torch.rnn_utils import PackedSequence as PackedSequence
from packseq.torch.rnn_utils import invert_permutation as invert_permutation
from packseq.torch.rnn_utils import pack_padded_sequence as pack_padded_sequence
from packseq.torch.rnn_utils import pack_sequence as pack_sequence
from packseq.torch.rnn_utils import pad_packed_sequence as pad_packed_sequence
from packseq.torch.rnn_utils import pad_sequence as pad_sequence
from packseq.torch.rnn_utils import unpack_sequence as unpack_sequence
from packseq.torch.rnn_utils import unpad_sequence as unpad_sequence
from packseq.torch.verbs import collate as collate
from packseq.torch.verbs import concat as concat
from packseq.torch.verbs import final as final
from packseq.torch.verbs import last as last
from packseq.torch.verbs import map as map
from packseq.torch.verbs import pack as pack
from packseq.torch.verbs import pack_like as pack_like
from packseq.torch.verbs import pad as pad
from packseq.torch.verbs import pool as pool
from packseq.torch.verbs import ragged_mean as ragged_mean
from packseq.torch.verbs import unpack as unpack
