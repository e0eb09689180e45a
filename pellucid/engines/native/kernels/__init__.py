"""Kernels: one compiled function each, emitted for exactly one shape."""
