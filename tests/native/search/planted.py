"""A network whose answers are planted, for searches that are worked by hand."""

import numpy as np


class Planted:
    """A network that gives fixed logits and a fixed value for the mover at every position."""

    def __init__(self, logits, value):
        self.logits, self.value = np.array(logits, np.float32), value

    def evaluate(self, batch, rows):
        batch.logits[:rows], batch.value[:rows] = self.logits, self.value
