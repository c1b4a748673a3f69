"""One run through all that the app assumes about Graph, on activities of the run's own.

What cannot be tried, because something before it failed, stays without a finding.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from activities.errors import TransientError
from activities.execution import witness
from activities.execution.gateway import GraphGateway
from activities.execution.tenant import alterations, creations, namesakes, rejections, trial_bodies
from activities.execution.tenant.assumptions import ASSUMPTIONS, Name
from activities.execution.tenant.findings import Finding
from activities.execution.tenant.specimens import Specimens, external_id
from activities.execution.tenant.subject import Subject
from activities.execution.tenant.wording import Wording


@dataclass
class Trial:
    """One run.

    Args:
        graph: The way to Graph.
        directory: Opens what finds people and courses.
        subject: Whom and what everything is tried with.
        specimens: The activities that are made for it.
        permissions: What the app needs, and what for.
        progress: Told how many findings there are.
    """

    graph: GraphGateway
    directory: namesakes.OpenDirectory
    subject: Subject
    specimens: Specimens
    permissions: Mapping[str, str]
    progress: Callable[[int], Awaitable[None]]
    findings: dict[Name, Finding] = field(default_factory=dict)

    async def run(self) -> None:
        """Try everything."""
        roles = await self._token()
        if self.findings[Name.TOKEN_ROLES].holds is False and roles is None:
            return
        content_id = await self._look_names_up(roles)
        if content_id:
            await self._try_activities(content_id)

    async def _try_activities(self, content_id: str) -> None:
        specimens, wording = self.specimens, Wording(self.subject)
        tried, made = [], []
        for number, body_of in enumerate((trial_bodies.assignment, trial_bodies.course), start=1):
            body = body_of(self.subject, content_id, external_id(specimens.run_id, number))
            one, end = await creations.make(specimens, body)
            tried.append(end)
            if one:
                made.append(one)
            if one and len(made) == 1:
                await self._tell(await creations.looks(specimens, made[0], wording))
        await self._tell(creations.tell_creates(tried, wording))
        if not made:
            return
        await self._tell(creations.answered(made[0]))
        await self._tell(await creations.twice(specimens, made[0], wording))
        await self._tell(await alterations.update(specimens, made[0], wording))
        await self._tell(await creations.together(specimens, made, wording))
        await self._tell(await alterations.delete(specimens, made[-1], wording))
        await self._tell(await rejections.refusals(specimens, made[0].body, self.subject, wording))

    async def _tell(self, findings: Iterable[Finding]) -> None:
        self.findings |= {one.name: one for one in findings}
        await self.progress(len(self.findings))

    async def _token(self) -> frozenset[str] | None:
        """Look at the token; return the permissions in it, None if it does not tell or if there is none."""
        try:
            with witness.watching() as seen:
                roles = await self.graph.check_identity()
        except TransientError as error:
            await self._tell([Finding(Name.TOKEN_ROLES, error.message, holds=False)])
            return None
        whose = "".join(f"The token is that of {one.words}. " for one in seen[-1:] if one.words)
        if roles is None:
            await self._tell([Finding(Name.TOKEN_ROLES, f"{whose}It does not tell its permissions.", holds=None)])
            return None
        lacking = [role for role in self.permissions if role not in roles]
        told = (("It has", [role for role in self.permissions if role in roles]), ("It lacks", lacking))
        words = " ".join(
            f"{verb} {', '.join(f'{role} ({self.permissions[role]})' for role in some)}." for verb, some in told if some
        )
        await self._tell([Finding(Name.TOKEN_ROLES, f"{whose}{words}", holds=not lacking)])
        return roles

    async def _look_names_up(self, roles: frozenset[str] | None) -> str:
        """Try the look-ups; return the id of the course, "" if there is none."""
        looked_up = await namesakes.look_up(self.directory, self.subject, self.specimens.run_id)
        await self._tell(_unless_not_granted(one, roles) for one in looked_up.findings)
        return self.subject.learning_content_id or looked_up.content_id


def _unless_not_granted(finding: Finding, roles: frozenset[str] | None) -> Finding:
    permission = ASSUMPTIONS[finding.name].permission
    if finding.holds is False and roles is not None and permission not in roles:
        return Finding(finding.name, f"Not tried: the token lacks the optional permission {permission}.", holds=None)
    return finding
