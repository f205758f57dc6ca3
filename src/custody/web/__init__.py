"""The console's listener: the HTTP API by which browsers, tools and CI jobs come in.

Law: nothing is decided here. A request is bounded, read strictly and handed to the app; its result
is put into HTTP. Importing this package alone costs nothing: its modules import the web libraries,
and only where a console listener is configured.
"""

from typing import TYPE_CHECKING

from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.app.console_faces import Console, ConsoleParts


def console(parts: "ConsoleParts") -> "Console":
    """The ``ConsoleFactory`` of this door. Raises ``console.not-installed``."""
    try:
        from custody.web.listener import ConsoleListener  # noqa: PLC0415 - see the law
    except ModuleNotFoundError as error:
        raise CustodyError(
            "console.not-installed",
            f"[listen.console] needs {error.name}, which is not installed.",
            "Install the console beside the gateway: pip install 'custody[console]'.",
        ) from None

    return ConsoleListener(parts)


__all__ = ["console"]
