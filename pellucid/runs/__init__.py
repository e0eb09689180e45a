"""Runs: trainings that are kept in a folder, whole at any moment."""

from pellucid.runs.run import Run, SaveRun, free_name

__all__ = ["Run", "SaveRun", "free_name"]
