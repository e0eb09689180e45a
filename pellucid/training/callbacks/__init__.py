"""Callbacks: what is told how training goes, and may stop it."""

from pellucid.training.callbacks.base import Callback, History, Listeners, Logs, checked
from pellucid.training.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from pellucid.training.callbacks.saving import ModelCheckpoint
from pellucid.training.callbacks.stopping import EarlyStopping, TerminateOnNaN
from pellucid.training.callbacks.telling import CSVLogger, LambdaCallback

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Listeners",
    "Logs",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "checked",
]
