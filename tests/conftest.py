"""What all tests share: one backend for Keras, and a cache that is nobody's own."""

from __future__ import annotations

import os
import tempfile

import pytest

# Read when Keras is imported, and by the processes that tests start.
os.environ["KERAS_BACKEND"] = "torch"


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.TemporaryDirectory(prefix="pellucid-tests-")
    config.add_cleanup(folder.cleanup)
    os.environ["PELLUCID_CACHE"] = folder.name
