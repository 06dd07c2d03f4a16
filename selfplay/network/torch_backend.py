"""The folded network in torch: on a CPU directly, on a GPU by CUDA graphs."""

import copy
import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfplay.network.network import Network, expected_value

TORCH = {"fp32": torch.float32, "bf16": torch.bfloat16}  # what torch computes in

# held while work is put in line for a GPU: while one thread records its own, nobody else may
CAPTURE_LOCK = threading.Lock()


class TorchBackend:
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
        """planes f32[n, P, C] and scalars f32[n, K] -> logits f32[n, A] and values f32[n], all on
        the network's device."""
        shape, dtype = self.shape, self.model.stem[0].weight.dtype
        x = planes.view(-1, shape.planes, shape.rows, shape.columns).to(dtype)
        output = self.model(x.contiguous(memory_format=torch.channels_last), scalars.to(dtype))
        return output.policy.float(), expected_value(output.outcome)


class CapturedGraph(NamedTuple):
    """A network's work on a batch of one size, and where its numbers lie: in pinned memory, then on
    the GPU, and back."""

    graph: torch.cuda.CUDAGraph
    asked: tuple[Tensor, Tensor]  # planes and scalars, pinned
    inputs: tuple[Tensor, Tensor]  # the same on the GPU, where the graph reads
    outputs: tuple[Tensor, Tensor]  # logits and values on the GPU, where the graph writes
    answered: tuple[Tensor, Tensor]  # the same, pinned


class CudaGraphBackend(TorchBackend):
    """The same on a GPU, by CUDA graphs: the some forty kernels of a small network take longer to
    launch than to run, so they are recorded once for each size of batch and launched as one.

    Each has a stream of its own (or, beyond torch's 32, shares one), so that the GPU copies for one
    thread while it computes for another; and a thread sleeps until its answer is there, because its
    processor is wanted for trees. New weights are written to where the recordings read.
    """

    def __init__(self, folded: Network, precision: str):
        super().__init__(folded, precision)
        self.graphs: dict[int, CapturedGraph] = {}
        self.stream = torch.cuda.Stream(self.device)
        self.done = torch.cuda.Event(blocking=True)
        with CAPTURE_LOCK:
            # in which the model was made
            self.stream.wait_stream(torch.cuda.default_stream(self.device))

    def load(self, folded: Network) -> None:
        with CAPTURE_LOCK, torch.cuda.stream(self.stream):
            self.stream.wait_stream(torch.cuda.default_stream(self.device))
            super().load(folded)
            # `folded` may be forgotten now
            torch.cuda.default_stream(self.device).wait_stream(self.stream)

    @torch.inference_mode()
    def __call__(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(planes) not in self.graphs:
            self.graphs[len(planes)] = self.record(
                torch.from_numpy(planes), torch.from_numpy(scalars)
            )
        captured = self.graphs[len(planes)]
        for host, array in zip(captured.asked, (planes, scalars)):
            host.copy_(torch.from_numpy(array))
        with CAPTURE_LOCK, torch.cuda.stream(self.stream):
            copy_async(captured.asked, captured.inputs)
            captured.graph.replay()
            copy_async(captured.outputs, captured.answered)
            self.done.record()
        self.done.synchronize()
        policy, value = captured.answered
        # the next answer overwrites this one's memory
        return (
            policy.numpy().copy(),
            value.numpy().copy(),
        )

    def record(self, planes: Tensor, scalars: Tensor) -> CapturedGraph:
        with CAPTURE_LOCK, torch.cuda.stream(self.stream):
            asked = planes.pin_memory(), scalars.pin_memory()
            inputs = planes.to(self.device), scalars.to(self.device)
            for _ in range(3):  # plans its convolutions, which must not be part of what is recorded
                self.compute(*inputs)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                outputs = self.compute(*inputs)
            return CapturedGraph(
                graph,
                asked,
                inputs,
                outputs,
                tuple(output.cpu().pin_memory() for output in outputs),
            )


def copy_async(sources: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> None:
    """Copies between pinned memory and the GPU are put in line behind its other work, and not
    waited for."""
    for source, target in zip(sources, targets):
        target.copy_(source, non_blocking=True)
