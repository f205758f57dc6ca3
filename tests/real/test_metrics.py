"""An operator's figures of a real gateway."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import errors
from tests.conftest import StartGateway
from tests.real.configs import HEAD, RULES, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

METRICS = '[listen.metrics]\naddress = "127.0.0.1:0"\n'


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("figures")
    postgres.execute("CREATE TABLE things (id int)", database="figures")
    folder = tmp_path_factory.mktemp("figures") / "gateway"
    config = HEAD + METRICS + target(postgres, "figures") + RULES
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


def get(gateway: RunningGateway, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.ports['metrics']}{path}") as answer:
        return str(answer.read().decode())


def figures(gateway: RunningGateway) -> dict[str, float]:
    """Each sample as Prometheus' own parser reads it, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(get(gateway, "/metrics")):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_what_happens_is_counted_under_closed_words(gateway: RunningGateway) -> None:
    ticket = gateway.ticket(subject="very-secret-name")
    with psycopg.connect(gateway.dsn(ticket, "orders"), autocommit=True) as connection:
        connection.execute("SELECT 1 AS private")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DELETE FROM things")
        during = figures(gateway)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(gateway.dsn("ct_wrong", "orders"))
    after = figures(gateway)
    assert during["custody_sessions{}"] == 1
    assert during["custody_loops{}"] == 1
    assert during["custody_commands_total{protocol=postgres,verdict=allow}"] >= 1
    assert during["custody_commands_total{protocol=postgres,verdict=deny}"] == 1
    assert during["custody_refusals_total{code=denied}"] == 1
    assert after["custody_logins_refused_total{protocol=postgres}"] == 1
    assert after["custody_record_sync_seconds_count{}"] > 0
    assert after["custody_log_size{}"] >= after["custody_log_durable_size{}"] > 5
    assert after["custody_log_accepting{}"] == 1
    assert after["custody_resident_memory_bytes{}"] > 10_000_000
    assert any(name.startswith("custody_build_info{version=") for name in after)
    said = get(gateway, "/metrics")
    for word in ("very-secret-name", "private", "things", "loop_", "ses_", ticket):
        assert word not in said


def test_health_and_readiness_are_one_word_each(gateway: RunningGateway) -> None:
    assert get(gateway, "/healthz") == "ok\n"
    assert get(gateway, "/readyz") == "ready\n"


def test_off_loopback_it_speaks_tls_and_asks_for_a_token(
    postgres: ScratchPostgres, database: str, start_gateway: StartGateway
) -> None:
    base = HEAD + target(postgres, database)
    open_to_all = '[listen.metrics]\naddress = "0.0.0.0:0"\n'
    gateway = start_gateway(base)
    gateway.config.write_text(base + open_to_all)
    refused = gateway.custody("policy", "check", expect=3)
    assert "must bring a token" in refused.stderr
    gateway.stop()
    (gateway.folder / "token").write_text("0123456789abcdef\n")
    gateway.config.write_text(base + open_to_all + 'token = "file:token"\n')
    gateway.start()
    url = f"https://127.0.0.1:{gateway.ports['metrics']}/readyz"
    trusted = ssl.create_default_context(cafile=str(gateway.authority))
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, context=trusted)
    asked = urllib.request.Request(url, headers={"authorization": "Bearer 0123456789abcdef"})
    with urllib.request.urlopen(asked, context=trusted) as answer:
        assert answer.read() == b"ready\n"
