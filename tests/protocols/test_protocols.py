"""What every protocol that is built offers, whatever it is."""

import pytest

from custody import protocols
from custody.model.refusal import RefusalCode


@pytest.mark.parametrize("name", sorted(protocols.names()))
def test_a_protocol_has_its_folders_name_and_a_code_for_every_refusal(name: str) -> None:
    protocol = protocols.find_protocol(name)
    assert protocol.name == name
    assert set(protocol.codes) == set(RefusalCode)
    assert all(protocol.codes.values())
