"""What PostgreSQL says of the configuration's tables."""

from typing import Final

from custody.model.config.protocol_settings import ProtocolSettings

SETTINGS: Final = ProtocolSettings(target_needs=frozenset({"database", "user"}))
