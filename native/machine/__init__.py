"""Numba and the processor: how kernels compile, take arguments and use vectors."""
