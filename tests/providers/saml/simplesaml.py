"""SimpleSAMLphp as an identity provider on loopback, under PHP's own web server.

Law: it runs from a folder of the test's own; nothing of the machine's installation is written.
"""

import contextlib
import html
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

INSTALLED: Final = Path("/usr/share/simplesamlphp")
CONFIG: Final = Path("/etc/simplesamlphp")
_START_SECONDS: Final = 20.0
_USER: Final = "ada"
_PASSWORD: Final = "lovelace"

_HEAD = """\
<?php
$config = [
    'baseurlpath' => 'http://127.0.0.1:@PORT@/', 'certdir' => '@HOME@/cert/',
    'loggingdir' => '@HOME@/log/', 'datadir' => '@HOME@/data/', 'tempdir' => '@HOME@/tmp',
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
    'metadatadir' => '@HOME@/config/metadata/',
    'metadata.sources' => [['type' => 'flatfile', 'directory' => '@HOME@/config/metadata/']],
    'secretsalt' => 'only-a-test', 'auth.adminpassword' => 'only-a-test', 'timezone' => 'UTC',
    'technicalcontact_name' => 'nobody', 'technicalcontact_email' => 'na@example.org',
    'logging.handler' => 'file', 'logging.level' => 7, 'logging.logfile' => 'log',
    'showerrors' => true, 'errorreporting' => false, 'admin.checkforupdates' => false,
    'enable.saml20-idp' => true, 'authproc.idp' => [], 'authproc.sp' => [],
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => false, 'session.cookie.samesite' => null,
    'session.cookie.path' => '/', 'language.cookie.secure' => false,
    'language.cookie.samesite' => null, 'language.available' => ['en'],
    'language.default' => 'en', 'store.type' => 'phpsession', 'theme.use' => 'default',
    'session.phpsession.cookiename' => 'SimpleSAML',
    'session.phpsession.savepath' => '@HOME@/sessions', 'session.phpsession.httponly' => true,
];
"""
_SOURCES = """\
<?php
$config = ['users' => ['exampleauth:UserPass',
    '@USER@:@PASSWORD@' => ['uid' => ['ada'], 'groups' => ['agents', 'größe & <dba>']]]];
"""
_PARSER = """\
require '/usr/share/simplesamlphp/lib/_autoload.php';
$found = SimpleSAML\\Metadata\\SAMLParser::parseString(stream_get_contents(STDIN));
echo json_encode($found->getMetadata20SP());
"""


class Posted(msgspec.Struct, frozen=True):
    """The form that the browser would post to us."""

    address: str
    response: bytes
    relay: str


def missing() -> str:
    """Why it cannot run here; empty where it can."""
    if shutil.which("php") is None or not (INSTALLED / "www").is_dir():
        return "no SimpleSAMLphp here: apt-get install simplesamlphp php-cli php-xml"
    return ""


class SimpleSaml:
    """A running identity provider. Its configuration is read anew with each request."""

    def __init__(self, home: Path, port: int) -> None:
        self._home: Final = home
        self._address: Final = f"http://127.0.0.1:{port}"
        self.entity_id: Final = f"{self._address}/idp"
        for name in ("config/metadata", "cert", "log", "data", "tmp", "sessions"):
            (home / name).mkdir(parents=True)
        head = _HEAD.replace("@PORT@", str(port)).replace("@HOME@", str(home))
        self._write("config/config.php", head)
        sources = _SOURCES.replace("@USER@", _USER).replace("@PASSWORD@", _PASSWORD)
        self._write("config/authsources.php", sources)
        self.make_key("first")
        self.be("first")

    def make_key(self, name: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        found = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (self._home / f"cert/{name}.crt").write_bytes(found)
        (self._home / f"cert/{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )

    def certificate(self, name: str) -> str:
        pem = (self._home / f"cert/{name}.crt").read_text(encoding="ascii")
        return "".join(line for line in pem.splitlines() if "-----" not in line)

    def be(self, key: str, *, announced: str = "", more: str = "") -> None:
        """Sign with this key; ``announced`` stands in the metadata beside it."""
        rollover = (
            f"'new_privatekey' => '{announced}.key', 'new_certificate' => '{announced}.crt',"
            if announced
            else ""
        )
        self._write(
            "config/metadata/saml20-idp-hosted.php",
            f"<?php $metadata['{self.entity_id}'] = ['host' => '__DEFAULT__',"
            f" 'privatekey' => '{key}.key', 'certificate' => '{key}.crt', {rollover}"
            f" 'auth' => 'users', {more}];",
        )

    def knows(self, *services: tuple[str, str], more: str = "") -> None:
        """Service providers: entity id and the address of its assertion consumer."""
        rows = "".join(
            f"$metadata['{name}'] = ['AssertionConsumerService' => '{address}', {more}];\n"
            for name, address in services
        )
        self._write("config/metadata/saml20-sp-remote.php", "<?php\n" + rows)

    def understood(self, metadata: bytes) -> dict[str, object]:
        """A service provider's metadata, as this program reads it."""
        done = subprocess.run(
            ["php", "-r", _PARSER], input=metadata, capture_output=True, check=True, timeout=30,
            env={"SIMPLESAMLPHP_CONFIG_DIR": str(self._home / "config"), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        found: dict[str, object] = msgspec.json.decode(done.stdout, type=dict[str, object])
        return found

    def metadata(self) -> bytes:
        answer = httpx.get(f"{self._address}/saml2/idp/metadata.php", timeout=20)
        answer.raise_for_status()
        return answer.content

    def log_in(self, url: str) -> Posted:
        """What a person does with a browser, from the redirect to the form that comes back."""
        with httpx.Client(follow_redirects=True, timeout=20) as browser:
            page = browser.get(url)
            page.raise_for_status()
            state = _field(page.text, "AuthState")
            fields = {"AuthState": state, "username": _USER, "password": _PASSWORD}
            back = browser.post(str(page.url).partition("?")[0], data=fields)
            back.raise_for_status()
        action = re.search(r'<form[^>]*action="([^"]*)"', back.text)
        assert action is not None, back.text
        return Posted(
            html.unescape(action[1]),
            _field(back.text, "SAMLResponse").encode(),
            _field(back.text, "RelayState"),
        )

    def _write(self, path: str, text: str) -> None:
        # Renamed into place: a request never reads half a file.
        half = self._home / f"{path}.half"
        half.write_text(text, encoding="utf-8")
        half.rename(self._home / path)


def _field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, f"no {name} in: {page}"
    return html.unescape(found[1])


@contextlib.contextmanager
def simple_saml(home: Path) -> Iterator[SimpleSaml]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = SimpleSaml(home, port)
    with (home / "php.log").open("wb") as log:
        server = subprocess.Popen(
            # Its own cache would miss for two seconds that a file changed.
            ["php", "-d", "opcache.enable=0", "-t", str(INSTALLED / "www"), "-S",
             f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"SIMPLESAMLPHP_CONFIG_DIR": str(home / "config"), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    try:
        _wait(running)
        yield running
    finally:
        server.kill()
        server.wait()


def _wait(running: SimpleSaml) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            running.metadata()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
