"""The network as an OpenVINO graph: on a CPU it is often faster than torch, most of all in 8-bit
integers.

OpenVINO is an extra (`pip install selfplay[openvino]`); without it nothing here is offered. In
8-bit integers every convolution gets its input and its weights as whole numbers: the input in 256
steps over what the network's `ranges` say that it spans, the weights in 255 steps over what each
output channel spans (Jacob et al. 2018, section 2; Krishnamoorthi 2018, section 3). All between the
convolutions stays in fp32, and so does all that follows them in the heads.
"""

import functools
import importlib.util
import threading

import numpy as np
import torch
from torch import Tensor, nn

from selfplay.network.network import LOSS, WIN, Block, Network, PolicyHead

HINT = "(OpenVINO's need a CPU and its package: pip install openvino)"
STEPS = 256  # values of 8 bits


@functools.cache
def precisions() -> tuple[str, ...]:
    """What OpenVINO is used in on this machine's CPU, if it is installed: "fp32", and "int8" where
    its sums are right.

    Not in bf16: it would take the outcome's last layers with it, which have to tell close values
    apart.
    """
    if importlib.util.find_spec("openvino") is None:
        return ()
    return ("fp32", "int8") if int8_sums_are_exact() else ("fp32",)


class OpenVINOBackend:
    """The folded network, compiled by OpenVINO for as many threads as torch has now. Questions of
    several threads are answered one after the other."""

    def __init__(self, folded: Network, precision: str):
        """precision: one of `precisions()`; "int8" needs the network's `ranges`."""
        self.shape, self.precision, self.asking = folded.shape, precision, threading.Lock()
        self.load(folded)

    def load(self, folded: Network) -> None:
        with torch.inference_mode():
            graph = Graph(folded.ranges.tolist() if self.precision == "int8" else None).of(folded)
        self.request = compiled(graph).create_infer_request()

    def __call__(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape, request = self.shape, self.request
        inputs = [planes.reshape(-1, shape.planes, shape.rows, shape.columns), scalars][
            : 2 if shape.scalars else 1
        ]
        # alive until the answer is there
        inputs = [np.ascontiguousarray(values) for values in inputs]
        with self.asking:
            for index, values in enumerate(inputs):
                request.set_input_tensor(index, tensor(values))
            request.infer()
            return request.get_output_tensor(0).data.copy(), request.get_output_tensor(
                1
            ).data.copy()


def tensor(values: np.ndarray):
    """OpenVINO's view of an array, which must lie in one piece and live as long as it is asked
    about: nothing is copied."""
    from openvino import Tensor

    return Tensor(values, shared_memory=True)


@functools.cache
def _core():
    from openvino import Core

    return Core()


def compiled(graph):
    """A graph made ready for this machine. Its threads are not bound to cores: all actors would
    choose the same one."""
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",  # for what is not in integers
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,
        "NUM_STREAMS": 1,
    }
    return _core().compile_model(graph, "CPU", settings)


class Graph:
    """Writes a folded network down in OpenVINO's operations, layer by layer as
    `selfplay.network.network` has them."""

    def __init__(self, ranges: list[tuple[float, float]] | None):
        """ranges: lowest and highest input of each kernel, in their order; None: no integers."""
        import openvino.opset13 as op

        self.op, self.ranges = op, None if ranges is None else iter(ranges)

    def of(self, network: Network):
        """Inputs planes [?, P, H, W] and, where there are any, scalars [?, K]; outputs policy [?,
        A] and value [?]."""
        from openvino import Model

        op, shape = self.op, network.shape
        planes = op.parameter([-1, shape.planes, shape.rows, shape.columns], np.float32)
        scalars = op.parameter([-1, shape.scalars], np.float32)
        x = op.add(self.convolve(network.stem[0], planes), array(network.place))
        if network.scalar_bias is not None:
            x = op.add(x, self.on_board(self.multiply(network.scalar_bias, scalars)))
        x = op.relu(x)
        for block in network.blocks:
            x = self.block(block, x)
        outputs = [self.policy(network.policy, x), self.value(network, x)]
        return Model(outputs, [planes, scalars] if shape.scalars else [planes])

    def block(self, block: Block, x):
        op = self.op
        h = op.relu(self.convolve(block.first[0], x))
        if block.summary is not None:
            h = op.add(h, self.on_board(self.multiply(block.summary[1], self.pooled(h))))
        return op.relu(op.add(x, self.convolve(block.second[0], h)))

    def policy(self, head: PolicyHead, x):
        op = self.op
        h = op.relu(self.convolve(head.mix[0], x))
        channels, rows, columns = (
            x.get_output_partial_shape(0)[axis].get_length() for axis in (1, 2, 3)
        )
        if head.by_column:
            places = op.reshape(
                op.transpose(h, np.int64([0, 3, 2, 1])),
                np.int64([0, columns, rows * channels]),
                True,
            )
        else:
            places = op.reshape(
                op.transpose(h, np.int64([0, 2, 3, 1])),
                np.int64([0, rows * columns, channels]),
                True,
            )
        logits = op.transpose(self.multiply(head.places, places), np.int64([0, 2, 1]))
        logits = op.reshape(logits, np.int64([0, -1]), True)
        if head.extra is None:
            return logits
        return op.concat([logits, self.multiply(head.extra[1], self.pooled(h))], 1)

    def value(self, network: Network, x):
        op, decide = self.op, network.outcome.decide
        h = op.reshape(op.relu(self.convolve(network.outcome.mix[0], x)), np.int64([0, -1]), True)
        outcome = op.softmax(self.multiply(decide[2], op.relu(self.multiply(decide[0], h))), 1)
        signs = np.zeros(3, np.float32)
        signs[WIN], signs[LOSS] = 1, -1
        return op.reduce_sum(op.multiply(outcome, signs), np.int64([1]))

    def convolve(self, kernel: nn.Conv2d, x):
        op, weight, padding = self.op, array(kernel.weight), list(kernel.padding)
        if self.ranges is not None:
            x = self.quantize(x, *next(self.ranges))
            largest = np.maximum(np.abs(weight).max((1, 2, 3), keepdims=True), np.float32(1e-6))
            weight = op.fake_quantize(
                op.constant(weight), -largest, largest, -largest, largest, STEPS - 1
            )
        y = op.convolution(x, weight, [1, 1], padding, padding, [1, 1])
        return op.add(y, array(kernel.bias)[None, :, None, None])

    def quantize(self, x, low: float, high: float):
        """`x` in 256 steps of which one is exactly zero, as what lies beyond the board is."""
        high = max(high, -low, 1e-6)
        low = 0.0 if low >= 0 else -high * (STEPS // 2) / (STEPS // 2 - 1)
        low, high = np.float32(low), np.float32(high)
        return self.op.fake_quantize(x, low, high, low, high, STEPS)

    def multiply(self, layer: nn.Linear, x):
        return self.op.add(self.op.matmul(x, array(layer.weight), False, True), array(layer.bias))

    def pooled(self, x):
        op, board = self.op, np.int64([2, 3])
        return op.concat([op.reduce_mean(x, board), op.reduce_max(x, board)], 1)

    def on_board(self, x):
        """[?, C] -> [?, C, 1, 1]."""
        return self.op.unsqueeze(x, np.int64([2, 3]))


def array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().float().contiguous().numpy()


def matrix_product(side: int, precision: str):
    """A call that multiplies two square matrices of ones in `precision` and returns the product,
    f32[side, side]."""
    import openvino.opset13 as op
    from openvino import Model

    ones = np.ones((side, side), np.float32)
    x, weight = op.parameter([side, side], np.float32), op.constant(ones)
    left = x
    if precision == "int8":
        none, one = np.float32(0), np.float32(1)
        left = op.fake_quantize(x, none, one, none, one, STEPS)
        weight = op.fake_quantize(weight, -one, one, -one, one, STEPS - 1)
    request = compiled(Model([op.matmul(left, weight, False, True)], [x])).create_infer_request()

    def product() -> np.ndarray:
        request.set_input_tensor(0, tensor(ones))
        request.infer()
        return request.get_output_tensor(0).data

    return product


def int8_sums_are_exact() -> bool:
    """Are sums of 8-bit products right here? Processors without an instruction for them (VNNI or
    its like) go through 16 bits on the way, and two products of the largest numbers do not fit
    there."""
    return np.allclose(matrix_product(64, "int8")(), 64, rtol=0.01)
