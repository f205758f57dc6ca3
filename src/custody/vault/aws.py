"""AWS Secrets Manager: ``aws:SECRET#KEY``, or ``aws:SECRET`` for a secret that is one text.

Law: the SDK finds the gateway's own credentials in its usual order (role, profile, environment);
a value is read anew at each lease. The SDK is an extra: ``pip install 'custody[aws]'``.
"""

import asyncio
import threading
from typing import Annotated, Any, Final

import msgspec

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.errors import CustodyError
from custody.model.identity import Credential
from custody.model.secret import Secret
from custody.vault.store import (
    READ_SECONDS,
    ReferenceForm,
    StoreHost,
    StoreKind,
    StoreSettings,
    UnleasedStore,
    empty,
)


class AwsSettings(StoreSettings, frozen=True, kw_only=True):
    """``[aws]``. Without a table, what the SDK knows by itself."""

    name: str = "aws"
    region: Annotated[str, ConfigKey(read.text, "The region.", "the SDK's own")] = ""
    profile: Annotated[str, ConfigKey(read.text, "A profile of the SDK's.", "none")] = ""
    endpoint: Annotated[
        str, ConfigKey(read.text, "Another address of the service.", "the region's", form="URL")
    ] = ""

    def open(self, host: StoreHost) -> "AwsStore":
        del host
        return AwsStore(self)


class AwsStore(UnleasedStore):
    def __init__(self, settings: AwsSettings) -> None:
        self._settings: Final = settings
        self._client: Any = None
        self._making: Final = threading.Lock()

    async def read(self, place: str) -> Credential:
        """Raises ``vault.no-sdk``, ``vault.refused``, ``vault.empty``, ``vault.unreachable``."""
        secret, _, key = place.partition("#")
        source = f"{self._settings.name}:{place}"
        answer = await self._ask(source, "get_secret_value", SecretId=secret)
        text = answer.get("SecretString")
        if not isinstance(text, str) or not text:
            raise empty(source, "Only secrets that are text (`SecretString`) can be used.")
        if not key:
            return Credential(Secret(text), source=source)
        try:
            fields = msgspec.json.decode(text, type=dict[str, object])
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise empty(source, f"It is not a JSON object, so it has no key {key!r}.") from None
        value = fields.get(key)
        if not isinstance(value, str) or not value:
            raise empty(source, f"The secret has no text under the key {key!r}.")
        return Credential(Secret(value), source=source)

    async def check(self) -> str:
        await self._ask(self._settings.name, "list_secrets", MaxResults=1)
        return "reached AWS Secrets Manager"

    async def close(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    async def _ask(self, source: str, call: str, **arguments: object) -> dict[str, Any]:
        # The SDK blocks; its own time-outs bound the thread.
        return await asyncio.to_thread(self._call, source, call, arguments)

    def _call(self, source: str, call: str, arguments: dict[str, object]) -> dict[str, Any]:
        client = self._made()
        from botocore import exceptions  # noqa: PLC0415 - an extra; ``_made`` has found it

        try:
            answer: dict[str, Any] = getattr(client, call)(**arguments)
        except exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise CustodyError(
                "vault.no-secret" if code == "ResourceNotFoundException" else "vault.refused",
                f"`{source}` was refused by AWS: {code}.",
                "Check the name and region, and that the gateway's role may "
                "`secretsmanager:GetSecretValue`.",
            ) from None
        except exceptions.BotoCoreError as error:
            raise CustodyError(
                "vault.unreachable",
                f"`{source}`: AWS was not reached: {type(error).__name__}.",
                "Check region, network and the gateway's own AWS credentials.",
            ) from None
        return answer

    def _made(self) -> Any:  # noqa: ANN401 - the SDK makes its clients' classes at run time
        with self._making:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> Any:  # noqa: ANN401 - as above
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore.config import Config  # noqa: PLC0415 - an extra
        except ImportError:
            raise CustodyError(
                "vault.no-sdk",
                "`aws:` references need the AWS SDK, which is not installed.",
                "Install it beside Custody: pip install 'custody[aws]'.",
            ) from None
        settings = self._settings
        session = boto3.Session(
            region_name=settings.region or None, profile_name=settings.profile or None
        )
        bounds = Config(
            connect_timeout=READ_SECONDS / 2,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 2},
        )
        return session.client(
            "secretsmanager", endpoint_url=settings.endpoint or None, config=bounds
        )


KIND: Final = StoreKind(
    scheme="aws",
    forms=(
        ReferenceForm(
            ("SECRET#KEY", "SECRET"),
            "AWS Secrets Manager (`pip install 'custody[aws]'`)",
            "at the next session",
        ),
    ),
    table="aws",
    settings=AwsSettings,
    unconfigured=AwsSettings().open,
)
