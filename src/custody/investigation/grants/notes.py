"""What a suggestion of grants leaves out, and what it cannot know.

Law: every limit of a suggestion that an operator could overlook has a note: gaps in the evidence,
delegated loops, other people with the same grant.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from custody.investigation.grants.history import UsageHistory
from custody.investigation.grants.need import GrantSubject, Need, longest_asked, longest_loop
from custody.model.durations import duration_words
from custody.policy import Grant

MARGINS: Final = (
    "Margins: max_loop is the next usual length above the longest loop seen; a budget is twice "
    "what the busiest loop used (at least 10), rounded up to 1, 2 or 5 of a decimal; concurrency "
    "is half more than was seen at once, at least one more."
)


def notes(
    past: UsageHistory,
    who: GrantSubject,
    needs: Sequence[Need],
    targets: Sequence[str],
    grants: Sequence[Grant],
) -> Iterable[str]:
    days = past.days()
    missing = days["asked"] - days["looked_at"]
    if missing:
        yield (
            f"{missing} of {days['asked']} days have no index: nothing happened on them, or their "
            "evidence was pruned or is not indexed."
        )
    yield (
        "Work that comes round less often than the period is long (the end of a quarter, an "
        "emergency) is not in it."
    )
    yield MARGINS
    yield from _lengths(past, needs)
    yield from _gone(needs, targets)
    if not all(need.bytes_known for need in needs):
        yield "No budget of bytes: sessions are open, or their ends are not indexed."
    yield from _delegated(past, who, needs)
    if not who.group:
        yield from _others(past, who, needs, grants)
    yield "Rules stay as they are; grants are the ceiling above them."


def _lengths(past: UsageHistory, needs: Sequence[Need]) -> Iterable[str]:
    for need in needs:
        asked, used = longest_asked(past, need), longest_loop(past, need)
        if asked > 2 * used:
            yield (
                f"Loops were given up to {duration_words(asked // 60_000 * 60_000)} and used for "
                f"{duration_words(max(used // 60_000, 1) * 60_000)} at most: a loop that is asked "
                "for longer than max_loop is refused."
            )
            return


def _gone(needs: Sequence[Need], targets: Sequence[str]) -> Iterable[str]:
    gone = sorted({name for need in needs for name in need.targets} - set(targets))
    if gone:
        yield f"Left out, for the configuration has them no more: targets {', '.join(gone)}."


def _delegated(past: UsageHistory, who: GrantSubject, needs: Sequence[Need]) -> Iterable[str]:
    acting = [
        loop
        for need in needs
        for name in need.loops
        if (loop := past.loops.get(name)) is not None and loop.principal is not None
    ]
    if acting:
        others = {
            each.subject
            for loop in acting
            for each in (loop.identity, loop.principal)
            if each is not None and not who.match(each)
        }
        yield (
            f"{len(acting)} loops acted for somebody: {', '.join(sorted(others)) or 'themselves'} "
            "needs grants for the same, for a command must be within both."
        )


def _others(
    past: UsageHistory, who: GrantSubject, needs: Sequence[Need], grants: Sequence[Grant]
) -> Iterable[str]:
    granted = {group for grant in grants for group in grant.groups}
    mine = {
        group
        for need in needs
        for target in need.targets.values()
        for identity in target.people
        for group in identity.groups
    }
    members = past.members()
    for group in sorted(granted & mine):
        others = len(members.get(group, set()) - {(who.issuer, who.subject)})
        if others:
            yield (
                f"{others} others of group {group} were seen; what they need is not looked at "
                f"here: --group {group} looks at all of them."
            )
