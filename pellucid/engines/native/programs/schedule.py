"""In which order blocks of samples go through the stages of a network that learns.

Where no stage needs sums over the batch, a block goes all the way forward and back at once, while
its numbers sit in a cache. A batch normalization cuts this: its output has to wait until every
sample has come so far, on both ways. So the work is cut into phases, with a barrier behind each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeAlias

from pellucid.engines.native.stages import Call, GatheringStage, Stage

Emit: TypeAlias = Callable[[Call], None]


@dataclass
class Phase:
    """What every block of samples goes through between two barriers, in this order.

    remade: stages whose output is made again first. measured: stages that gather from what went
    forward here; measured_back: that gather from gradients. loss: whether the losses are computed
    in between. head: whether a thread takes as many samples as there are for it, and not a block.
    """

    number: int
    remade: list[Stage] = field(default_factory=list)
    forward: list[Stage] = field(default_factory=list)
    measured: list[GatheringStage] = field(default_factory=list)
    loss: bool = False
    backward: list[Stage] = field(default_factory=list)
    measured_back: list[GatheringStage] = field(default_factory=list)
    head: bool = False

    @property
    def stages(self) -> list[Stage]:
        """All that take part."""
        work = [*self.remade, *self.forward, *self.backward]
        return [*work, *self.measured, *self.measured_back]

    @property
    def ahead(self) -> list[Emit]:
        """What is emitted for the way forward, by place; what is made again comes first."""
        work: list[tuple[int, Emit]] = [(stage.place, stage.forward) for stage in self.forward]
        work += [(stage.place, stage.measure) for stage in self.measured]
        ordered = sorted(work, key=itemgetter(0))
        return [*(stage.forward for stage in self.remade), *(emit for _, emit in ordered)]

    @property
    def back(self) -> list[Emit]:
        """What is emitted for the way back, from the last place to the first."""
        work: list[tuple[int, Emit]] = [(stage.place, stage.backward) for stage in self.backward]
        work += [(stage.place, stage.measure_back) for stage in self.measured_back]
        return [emit for _, emit in sorted(work, key=itemgetter(0), reverse=True)]


@dataclass
class Schedule:
    """The phases of a step, and when each value, each gradient and each stage is touched.

    remade: values that are made again where they are read, instead of being kept. A phase number
    one behind the last stands for the update of the weights.
    """

    phases: list[Phase]
    values: dict[int, set[int]]
    gradients: dict[int, set[int]]
    stages: dict[int, set[int]]
    remade: set[int]

    @property
    def update(self) -> int:
        """The number of the phase in which weights are updated."""
        return len(self.phases)


def make_schedule(stages: Sequence[Stage], outputs: Sequence[int], head: int) -> Schedule:
    """The phases for these stages; those from number `head` on are a head.

    Decides which gradient is the first of its value to be stored, so that others are added to it.
    """
    return _Scheduling(stages, outputs, head).schedule()


class _Scheduling:
    def __init__(self, stages: Sequence[Stage], outputs: Sequence[int], head: int) -> None:
        self.body, self.head = stages[:head], stages[head:]
        self.outputs = outputs
        self.phases: list[Phase] = [Phase(0)]
        self.values: defaultdict[int, set[int]] = defaultdict(set)
        self.gradients: defaultdict[int, set[int]] = defaultdict(set)
        self.stages: defaultdict[int, set[int]] = defaultdict(set)
        self.remade: set[int] = set()

    def schedule(self) -> Schedule:
        """Everything, forward and back."""
        self._forward()
        loss = len(self.phases) - 1 + bool(self.head)
        if self.head:
            self._through_head(loss)
        self._phase(loss).loss = True
        for value in self.outputs:
            self.values[value].add(loss)
            self.gradients[value].add(loss)
        self._backward(loss + bool(self.head))
        self._until_update()
        self._remake()
        self._share_gradients()
        self._share_parameters()
        return Schedule(
            self.phases,
            dict(self.values),
            dict(self.gradients),
            dict(self.stages),
            self.remade,
        )

    def _phase(self, number: int) -> Phase:
        while number >= len(self.phases):
            self.phases.append(Phase(len(self.phases)))
        return self.phases[number]

    def _forward(self) -> None:
        made: dict[int, int] = defaultdict(int)  # the phase in which a value is there
        for stage in self.body:
            now = max(made[value] for value in stage.inputs)
            if isinstance(stage, GatheringStage):
                first = made[stage.inputs[0]]
                self._phase(first).measured.append(stage)
                self.values[stage.inputs[0]].add(first)
                now = max(now, first + 1)
            self._phase(now).forward.append(stage)
            self._touch(stage, now)
            made[stage.output] = now

    def _touch(self, stage: Stage, phase: int) -> None:
        self.stages[stage.place].add(phase)
        for value in (*stage.inputs, stage.output):
            self.values[value].add(phase)

    def _through_head(self, phase: int) -> None:
        """The head goes there and back in one phase."""
        now = self._phase(phase)
        now.head = True
        for stage in self.head:
            now.forward.append(stage)
            self._touch(stage, phase)
            if stage.learns:
                now.backward.append(stage)
                self.gradients[stage.output].add(phase)
                for value in _needed(stage):
                    self.gradients[value].add(phase)

    def _backward(self, start: int) -> None:
        complete: dict[int, int] = defaultdict(lambda: start)  # when a gradient is whole
        for stage in reversed(self.body):
            if not stage.learns:
                continue
            now = complete[stage.output]
            if isinstance(stage, GatheringStage):
                self._phase(now).measured_back.append(stage)
                self._touch_back(stage, now)
                now += 1
            self._phase(now).backward.append(stage)
            self._touch_back(stage, now)
            for value in _needed(stage):
                self.gradients[value].add(now)
                complete[value] = max(complete[value], now)

    def _touch_back(self, stage: Stage, phase: int) -> None:
        self.stages[stage.place].add(phase)
        self.gradients[stage.output].add(phase)
        for value in stage.keeps:
            self.values[value].add(phase)

    def _until_update(self) -> None:
        """Gradients that are summed over the whole batch need both of their sides to last."""
        update = len(self.phases)
        for stage in (*self.body, *self.head):
            if stage.batch_gradient:
                self.values[stage.inputs[0]].add(update)
                self.gradients[stage.output].add(update)

    def _remake(self) -> None:
        """Make values again that cost little, in every phase but their first that reads them."""
        update = len(self.phases)
        fixed = {stage.inputs[0] for stage in (*self.body, *self.head) if stage.is_view}
        fixed.update(self.outputs)
        for stage in reversed(self.body):
            phases = self.values[stage.output]
            kept = update in phases or any(self.phases[phase].head for phase in phases)
            if not stage.cheap or kept or stage.output in fixed:
                continue
            self.remade.add(stage.output)
            for phase in phases - {min(phases)}:
                self.phases[phase].remade.insert(0, stage)
                for value in stage.inputs:
                    self.values[value].add(phase)

    def _share_gradients(self) -> None:
        """The first that gives a value its gradient stores it, any others add to it."""
        given = set(self.outputs)
        for phase in self.phases:
            for stage in sorted(phase.backward, key=lambda stage: stage.place, reverse=True):
                flags = []
                for value, needed in zip(stage.inputs, stage.needed, strict=True):
                    flags.append(needed and value in given)
                    if needed:
                        given.add(value)
                stage.accumulate = tuple(flags)

    def _share_parameters(self) -> None:
        """Of stages that gather gradients of the same parameters, all but the first add to them."""
        given: set[int] = set()
        for phase in self.phases:
            for stage in phase.measured_back:
                stage.adds = not given.isdisjoint(stage.parameters)
                given.update(stage.parameters)


def _needed(stage: Stage) -> Iterator[int]:
    """The inputs that need a gradient."""
    return (value for value, needed in zip(stage.inputs, stage.needed, strict=True) if needed)
