"""A tenant check over the real gateway and the emulated Graph, with a memory that is a fake."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from activities.execution.tenant.checks import CheckMemory, Leftover, Running, TenantChecks
from activities.execution.tenant.findings import Checked
from activities.execution.tenant.subject import Subject
from activities.graph import permissions
from local.emulators.course_catalogue import READ_CONTENT
from local.emulators.people_emulator import READ_ALL, READ_BASIC
from local.emulators.tenant import LEARNING_CONTENT_ID
from local.environment import LEARNING_PROVIDER_ID
from tests.support.fakes import LEARNER_ID
from tests.support.gateways import Emulated

UNLICENSED_ID = "5c1f2d5e-9d3b-4c43-8a57-0c7f2f1b9e10"
FOREIGN_CONTENT_ID = "0f6e5a9b-52a4-4f5e-8f0e-6a4b4f0f7c11"
SUBJECT = Subject(
    LEARNING_PROVIDER_ID,
    LEARNER_ID,
    LEARNING_CONTENT_ID,
    unlicensed_learner_user_id=UNLICENSED_ID,
    foreign_learning_content_id=FOREIGN_CONTENT_ID,
)


@dataclass
class FakeCheckMemory:
    """Implements ``CheckMemory`` in memory; ``told`` has how far a check was each time."""

    running: Running | None = None
    checked: Checked | None = None
    left: dict[str, Leftover] = field(default_factory=dict)
    told: list[int] = field(default_factory=list)

    async def begin(self, running: Running, *, now: datetime) -> Running:
        """Remember that a check runs. See ``CheckMemory``."""
        if self.running is None or self.running.alive_until <= now:
            self.running = running
        return self.running

    async def advance(self, running: Running) -> None:
        """Remember how far it is. See ``CheckMemory``."""
        if self.running is not None:
            self.running = running
        self.told.append(running.done)

    async def end(self, checked: Checked) -> None:
        """Remember the result. See ``CheckMemory``."""
        self.running, self.checked = None, checked

    async def last(self) -> tuple[Running | None, Checked | None]:
        """Return both. See ``CheckMemory``."""
        return self.running, self.checked

    async def remember(self, leftover: Leftover) -> None:
        """Remember a run. See ``CheckMemory``."""
        self.left[leftover.run_id] = leftover

    async def forget(self, leftover: Leftover) -> None:
        """Forget a run. See ``CheckMemory``."""
        self.left.pop(leftover.run_id, None)

    async def leftovers(self) -> list[Leftover]:
        """Return the runs that may have left something. See ``CheckMemory``."""
        return list(self.left.values())

    async def expire(self, before: datetime) -> None:
        """Forget what is older. See ``CheckMemory``."""
        if self.checked is not None and self.checked.checked_at < before:
            self.checked = None
        self.left = {name: one for name, one in self.left.items() if one.started_at >= before}


def ready(emulated: Emulated, *, world: str = "") -> Emulated:
    """Return the tenant with all that the subject names, in a world."""
    tenant = emulated.emulator.tenant
    emulated.emulator.tenant = replace(
        tenant,
        roles=(*tenant.roles, READ_BASIC, READ_ALL, READ_CONTENT),
        unlicensed_learners=frozenset({UNLICENSED_ID}),
        content_providers={**tenant.content_providers, FOREIGN_CONTENT_ID: "13727311-e7bb-470d-8b20-6a23d9030d70"},
        world=world,
    )
    return emulated


def checks_of(emulated: Emulated, memory: CheckMemory, **more: Any) -> TenantChecks:
    """Return the use case over the emulated Graph; a message that it puts goes nowhere."""
    return TenantChecks(
        more.pop("graph", emulated.gateway),
        lambda: emulated.gateway.names.directory,
        memory,
        more.pop("put", _put),
        permissions.NEEDED_FOR,
        **more,
    )


async def _put(_: str) -> None:
    """Put a message nowhere."""
