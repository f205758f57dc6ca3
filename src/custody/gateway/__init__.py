"""The gateway: listeners, sessions, the relay and the gate.

Law: only this package knows the order of things, and it knows rooms by their faces only.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.gateway.budget.meter import Meter, UsageCounter
    from custody.gateway.counts import GatewayCounts
    from custody.gateway.gate import Clock, Gate
    from custody.gateway.listener import Listener, make_listener, note_unrecorded, watch
    from custody.gateway.long_records import LongMasking
    from custody.gateway.lookups.advisor import NO_CATALOGUE, CodecAdvisor, Parser
    from custody.gateway.lookups.catalogue import Lease, Lookups, try_login
    from custody.gateway.lookups.parser.pool import ParserPool
    from custody.gateway.memory import MemoryShares
    from custody.gateway.registry import Registry
    from custody.gateway.services import ListenerSpec, SessionServices
    from custody.gateway.session import error_place
    from custody.gateway.session_refusals import MASKS_CHANGED
    from custody.gateway.target import Target

_NAMES: Final = {
    "budget.meter": ("Meter", "UsageCounter"),
    "counts": ("GatewayCounts",),
    "gate": ("Clock", "Gate"),
    "listener": ("Listener", "make_listener", "note_unrecorded", "watch"),
    "long_records": ("LongMasking",),
    "lookups.advisor": ("NO_CATALOGUE", "CodecAdvisor", "Parser"),
    "lookups.catalogue": ("Lease", "Lookups", "try_login"),
    "lookups.parser.pool": ("ParserPool",),
    "memory": ("MemoryShares",),
    "registry": ("Registry",),
    "services": ("ListenerSpec", "SessionServices"),
    "session": ("error_place",),
    "session_refusals": ("MASKS_CHANGED",),
    "target": ("Target",),
}

__all__ = [
    "MASKS_CHANGED",
    "NO_CATALOGUE",
    "Clock",
    "CodecAdvisor",
    "Gate",
    "GatewayCounts",
    "Lease",
    "Listener",
    "ListenerSpec",
    "LongMasking",
    "Lookups",
    "MemoryShares",
    "Meter",
    "Parser",
    "ParserPool",
    "Registry",
    "SessionServices",
    "Target",
    "UsageCounter",
    "error_place",
    "make_listener",
    "note_unrecorded",
    "try_login",
    "watch",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
