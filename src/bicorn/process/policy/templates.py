"""The processes of ``--preload``: each imports the application of one generation, and workers are forked from it.

Pure; a part of the policy, see ``plan``.
"""

from __future__ import annotations

from .boot import failed
from .events import Action, Discard, Log, Prepare, TemplateDied, TemplateFailed, TemplateReady
from .fleet import Fleet, Template
from .roll import begin, roll_back, setback
from .states import Stage

# -- Facts -----------------------------------------------------------------------------------------------------


def ready(fleet: Fleet, event: TemplateReady, now: float) -> list[Action]:
    """The application is imported: go on with what waited for it."""
    template = fleet.templates.get(event.generation)
    if template is None:
        return []
    template.ready, template.deadline = True, None
    roll = fleet.roll
    if roll is not None and roll.generation == event.generation and roll.stage is Stage.PREPARING:
        return begin(fleet, roll, now)
    return []


def could_not(fleet: Fleet, event: TemplateFailed, now: float) -> list[Action]:
    """The application cannot be imported: what follows is what follows from a worker that cannot start."""
    if fleet.templates.pop(event.generation, None) is None:
        return []
    if fleet.roll is not None and fleet.roll.stage is Stage.PREPARING and fleet.roll.generation == event.generation:
        return roll_back(fleet, event.message)
    return failed(fleet, "the application", event.generation, event.code, event.message, now)


def died(fleet: Fleet, event: TemplateDied, now: float) -> list[Action]:
    """Those that were forked from it live on; the next ones need another."""
    if fleet.templates.pop(event.generation, None) is None:
        return []
    text = f"the process that workers are forked from {event.how}"
    if fleet.trial() == event.generation:
        return roll_back(fleet, text)
    return [Log("warning", f"T{text[1:]}; it is replaced"), *setback(fleet, event.generation, text, False, now)]


# -- Rules -----------------------------------------------------------------------------------------------------


def prepare(fleet: Fleet, now: float) -> list[Action]:
    """Start the template that is needed, and give up on one that takes too long."""
    actions: list[Action] = []
    for generation, template in list(fleet.templates.items()):
        if template.deadline is not None and now >= template.deadline:
            text = "the application was not imported in time (boot-timeout)"
            actions += [Discard(generation), *could_not(fleet, TemplateFailed(generation, 3, text), now)]
    for generation, want in fleet.unprepared().items():
        if generation != fleet.generation or now >= fleet.not_before:
            fleet.templates[generation] = Template(deadline=now + want.boot_timeout if want.boot_timeout else None)
            actions.append(Prepare(generation))
    return actions
