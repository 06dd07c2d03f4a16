"""A network made ready to be asked: normalisation folded into the convolutions, in the precision that is fastest here.

A precision also names who computes: "fp32" and "bf16" torch, "openvino-fp32" and "openvino-int8" OpenVINO
(`selfplay.network.openvino_backend`), where it is installed. All answer alike (`Answers`).
"""

import copy
import threading
import time
from statistics import median
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from selfplay.network import openvino_backend
from selfplay.network.network import Network, Shape, expected_value

TORCH = {"fp32": torch.float32, "bf16": torch.bfloat16}  # what torch computes in
INTEGERS = "openvino-int8"
WORTHWHILE = 1.1  # another precision must be this much faster than fp32, so that noise does not decide

QUEUE = threading.Lock()  # held while work is put in line for a GPU: while one thread records its own, nobody else may


class Answers(Protocol):
    def __call__(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """planes f32[n, P, C], scalars f32[n, K] -> policy logits f32[n, A] and values f32[n] for the mover."""

    def load(self, folded: Network) -> None:
        """Answer by the weights of `folded`, which has the same shape, from now on."""


class TorchAnswers:
    """The folded network in torch; the outcome's last layers stay in fp32."""

    def __init__(self, folded: Network, precision: str):
        self.shape = folded.shape
        self.device = next(folded.parameters()).device
        model = copy.deepcopy(folded).to(TORCH[precision])
        model.outcome.decide = copy.deepcopy(folded.outcome.decide)  # not rounded on the way
        self.model = model.to(memory_format=torch.channels_last)

    def load(self, folded: Network) -> None:
        self.model.load_state_dict(folded.state_dict())

    @torch.inference_mode()
    def __call__(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        policy, value = self.compute(torch.from_numpy(planes), torch.from_numpy(scalars))
        return policy.numpy(), value.numpy()

    def compute(self, planes: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
        """planes f32[n, P, C] and scalars f32[n, K] -> logits f32[n, A] and values f32[n], all on the network's device."""
        shape, dtype = self.shape, self.model.stem[0].weight.dtype
        x = planes.view(-1, shape.planes, shape.rows, shape.columns).to(dtype)
        output = self.model(x.contiguous(memory_format=torch.channels_last), scalars.to(dtype))
        return output.policy.float(), expected_value(output.outcome)


class Recording(NamedTuple):
    """A network's work on a batch of one size, and where its numbers lie: in pinned memory, then on the GPU, and back."""

    graph: torch.cuda.CUDAGraph
    asked: tuple[Tensor, Tensor]  # planes and scalars, pinned
    inputs: tuple[Tensor, Tensor]  # the same on the GPU, where the graph reads
    outputs: tuple[Tensor, Tensor]  # logits and values on the GPU, where the graph writes
    answered: tuple[Tensor, Tensor]  # the same, pinned


class GraphAnswers(TorchAnswers):
    """The same on a GPU, by CUDA graphs: the some forty kernels of a small network take longer to launch than to run, so they are
    recorded once for each size of batch and launched as one.

    Each has a stream of its own (or, beyond torch's 32, shares one), so that the GPU copies for one thread while it computes
    for another; and a thread sleeps until its answer is there, because its processor is wanted for trees. New weights are
    written to where the recordings read.
    """

    def __init__(self, folded: Network, precision: str):
        super().__init__(folded, precision)
        self.recordings: dict[int, Recording] = {}
        self.stream = torch.cuda.Stream(self.device)
        self.done = torch.cuda.Event(blocking=True)
        with QUEUE:
            self.stream.wait_stream(torch.cuda.default_stream(self.device))  # in which the model was made

    def load(self, folded: Network) -> None:
        with QUEUE, torch.cuda.stream(self.stream):
            self.stream.wait_stream(torch.cuda.default_stream(self.device))
            super().load(folded)
            torch.cuda.default_stream(self.device).wait_stream(self.stream)  # `folded` may be forgotten now

    @torch.inference_mode()
    def __call__(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(planes) not in self.recordings:
            self.recordings[len(planes)] = self.record(torch.from_numpy(planes), torch.from_numpy(scalars))
        recording = self.recordings[len(planes)]
        for host, array in zip(recording.asked, (planes, scalars)):
            host.copy_(torch.from_numpy(array))
        with QUEUE, torch.cuda.stream(self.stream):
            carry(recording.asked, recording.inputs)
            recording.graph.replay()
            carry(recording.outputs, recording.answered)
            self.done.record()
        self.done.synchronize()
        policy, value = recording.answered
        return policy.numpy().copy(), value.numpy().copy()  # the next answer overwrites this one's memory

    def record(self, planes: Tensor, scalars: Tensor) -> Recording:
        with QUEUE, torch.cuda.stream(self.stream):
            asked = planes.pin_memory(), scalars.pin_memory()
            inputs = planes.to(self.device), scalars.to(self.device)
            for _ in range(3):  # plans its convolutions, which must not be part of what is recorded
                self.compute(*inputs)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                outputs = self.compute(*inputs)
            return Recording(graph, asked, inputs, outputs, tuple(output.cpu().pin_memory() for output in outputs))


def carry(sources: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> None:
    """Copies between pinned memory and the GPU are put in line behind its other work, and not waited for."""
    for source, target in zip(sources, targets):
        target.copy_(source, non_blocking=True)


def is_gpu(device: str) -> bool:
    """Of a device as torch names it."""
    return torch.device(device).type == "cuda"


def answers(folded: Network, precision: str) -> Answers:
    """`folded` in a precision that `usable` names."""
    if precision in TORCH:
        on_gpu = next(folded.parameters()).device.type == "cuda"
        return (GraphAnswers if on_gpu else TorchAnswers)(folded, precision)
    return openvino_backend.OpenVINOAnswers(folded, precision.removeprefix("openvino-"))


def offered(device: str = "cpu") -> list[str]:
    """The precisions that this machine has, fp32 first."""
    there = () if is_gpu(device) else openvino_backend.precisions()
    return [*TORCH, *(f"openvino-{name}" for name in there)]


def usable(network: Network, device: str = "cpu") -> list[str]:
    """Those that this network can be asked in: one that is older than 8-bit integers here does not know its ranges."""
    known = network.ranges.isfinite().all()
    return [name for name in offered(device) if known or name != INTEGERS]


def check_precision(asked: str, names: list[str]) -> None:
    """ValueError if a precision cannot be had."""
    if asked != "auto" and asked not in names:
        raise ValueError(f"precision {asked!r} cannot be had here, {', '.join(names)} can. {openvino_backend.HINT}")


def fold_normalisation(network: Network) -> Network:
    """A copy for inference in which every convolution has taken over its normalisation's scale and shift."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


@torch.inference_mode()
def measure_ranges(network: Network, planes: Tensor, scalars: Tensor) -> Tensor:
    """What each kernel's input spans over these positions, f32[kernels, 2]: planes [B, P, C] or [B, P, H, W], scalars [B, K]."""
    folded, spans, shape = fold_normalisation(network), [], network.shape
    for kernel in folded.kernels():
        kernel.register_forward_pre_hook(lambda _, inputs: spans.append(torch.stack(torch.aminmax(inputs[0].float()))))
    folded(planes.view(-1, shape.planes, shape.rows, shape.columns), scalars)
    return torch.stack(spans)


def choose_precision(network: Network, rows: int, asked: str, device: str = "cpu") -> str:
    """As asked, or, for "auto", the fastest one here for batches of `rows` rows. ValueError if it cannot be had."""
    names = usable(network, device)
    check_precision(asked, names)
    return fastest_precision(fold_normalisation(network).to(device), rows, names) if asked == "auto" else asked


def learning_precision(network: Network, rows: int, asked: str, device: str = "cpu") -> str:
    """What learning computes in, "fp32" or "bf16": the one in the name of what is asked, or the faster one here."""
    for name in TORCH:
        if asked.endswith(name):
            return name
    return fastest_precision(fold_normalisation(network).to(device), rows, list(TORCH))


def fastest_precision(folded: Network, rows: int, names: list[str], repeats: int = 7) -> str:
    """Measure batches of `rows` rows in each precision on this machine: one must be clearly faster than fp32 to be taken."""
    ask = {name: answers(folded, name) for name in names}
    planes, scalars = made_up(folded.shape, max(rows, 1))
    seconds = {name: [] for name in names}
    for _ in range(repeats + 1):  # the first one plans the convolutions; in turn, so that other work meets all
        for name in names:
            begin = time.perf_counter()
            ask[name](planes, scalars)
            seconds[name].append(time.perf_counter() - begin)
    typical = {name: median(times[1:]) for name, times in seconds.items()}
    best = min(typical, key=typical.get)
    return best if typical[best] * WORTHWHILE < typical["fp32"] else "fp32"


def made_up(shape: Shape, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs like a game's, planes f32[rows, P, C] and scalars f32[rows, K], where there is no game: three cells of ten set."""
    planes = np.random.default_rng(0).random((rows, shape.planes, shape.rows * shape.columns)) < 0.3
    return planes.astype(np.float32), np.zeros((rows, shape.scalars), np.float32)
