"""Windows over contexts that are longer than the model takes, as SQuAD's baseline cuts them.

A window is `<s> question </s></s> stretch of the context </s>`; the next one begins `stride`
tokens later. All arrays are int64, tokens are counted from the context's first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.learning.batches import ends_of, runs


@dataclass(frozen=True)
class Windows:
    """The windows of n questions: window i shows tokens begins[i] .. begins[i] + lengths[i] - 1.

    `ends` : cumulative windows of the questions (n + 1). `owners` : the question of each window.
    """

    ends: np.ndarray
    owners: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray

    def take(self, questions: np.ndarray) -> Windows:
        """The windows of the given questions only."""
        counts = np.diff(self.ends)[questions]
        which = runs(self.ends[questions], counts)
        owners = np.repeat(np.arange(len(questions)), counts)
        return Windows(ends_of(counts), owners, self.begins[which], self.lengths[which])

    def best_context(self) -> tuple[np.ndarray, np.ndarray]:
        """The tokens, from and to (exclusive), that each window shows with the most context.

        The rule of SQuAD's baseline: the smaller of the tokens to the left and to the right, plus
        a hundredth of the window's length, decides; the earlier of two equal windows keeps the
        token. An answer may only begin where this is the window to read it in.
        """
        first, last = self.begins.copy(), self.begins + self.lengths
        a, b = np.arange(len(self.owners) - 1), np.arange(1, len(self.owners))
        same = self.owners[a] == self.owners[b]
        a, b = a[same], b[same]
        end_a, end_b = last[a], last[b]
        shorter = self.lengths[a] - self.lengths[b]
        # from here on the later window's left side is longer than the earlier one's right side,
        # in hundredths of a token; unless it is too short to win anywhere
        border = (100 * (first[a] + first[b] + self.lengths[a] - 1) + shorter) // 200 + 1
        border = np.where(100 * (end_b - end_a) > shorter, border, end_a)
        last[a] = first[b] = np.minimum(border, end_a)
        return first, last


def windows(questions: np.ndarray, contexts: np.ndarray, max_length: int, stride: int) -> Windows:
    """Cut contexts into windows.

    questions, contexts : tokens of each question as the model sees it, and of each context.
    max_length : tokens of a window with question and special tokens; at least questions + 5.
    """
    rooms = max_length - 4 - questions
    strides = np.minimum(stride, rooms)
    counts = 1 + -(-np.maximum(contexts - rooms, 0) // strides)
    owners = np.repeat(np.arange(len(counts)), counts)
    begins = runs(np.zeros(len(counts), dtype=np.int64), counts) * strides[owners]
    lengths = np.minimum(rooms[owners], contexts[owners] - begins)
    return Windows(ends_of(counts), owners, begins, lengths)
