"""An ordinary day of Django: migrations, the ORM, transactions. What it sees goes out as JSON."""
# mypy: ignore-errors
# ruff: noqa: ICN001, DJ008, E402

import contextlib
import datetime
import decimal
import io
import json
import os
from typing import Any

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
        }
    },
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.postgres",
    ],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    SECRET_KEY="of no use",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVector
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

seen: list[Any] = []


class Thing(models.Model):
    name = models.CharField(max_length=40, unique=True)
    owner = models.ForeignKey(User, models.CASCADE)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    body = models.JSONField(default=dict)
    tags = ArrayField(models.TextField(), default=list)
    made = models.DateTimeField()

    class Meta:
        app_label = "things"


def look(what: str, value: Any) -> None:
    seen.append([what, repr(value)])


def told(command: str, *words: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *words, stdout=out, no_color=True, **options)
    return out.getvalue()


def fails(what: str, act: Any) -> None:
    try:
        with transaction.atomic():
            act()
    except DatabaseError as fault:
        look(what, [type(fault).__name__, getattr(fault.__cause__, "sqlstate", None)])


def ask(text: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


def objects() -> None:
    made = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
    group = Group.objects.create(name="buyers")
    for number in range(5):
        user = User.objects.create(username=f"user {number}", password="!", date_joined=made)
        user.groups.add(group)
    owner = User.objects.get(username="user 1")
    Thing.objects.bulk_create(
        [
            Thing(
                name=f"thing {number}",
                owner=owner,
                price=decimal.Decimal(number) / 4,
                body={"n": number, "deep": [None, "ü"]},
                tags=["a", f"t{number % 3}"],
                made=made,
            )
            for number in range(300)
        ]
    )
    look("get or create", Group.objects.get_or_create(name="buyers")[1])
    look(
        "update or create",
        Thing.objects.update_or_create(
            name="thing 7", defaults={"price": 1, "owner": owner, "made": made}
        )[1],
    )
    look(
        "joined",
        list(
            Thing.objects.select_related("owner")
            .order_by("id")
            .values_list("name", "owner__username", "price", "made")[:5]
        ),
    )
    look(
        "prefetched",
        [
            [g.name for g in u.groups.all()]
            for u in User.objects.prefetch_related("groups").order_by("id")
        ],
    )
    look(
        "aggregates",
        Thing.objects.aggregate(models.Sum("price"), models.Avg("price"), n=models.Count("*")),
    )
    look(
        "json",
        list(Thing.objects.filter(body__n__gt=297).order_by("id").values_list("body", flat=True)),
    )
    look("arrays", Thing.objects.filter(tags__contains=["t2"]).count())
    look("search", Thing.objects.annotate(v=SearchVector("name")).filter(v="42").count())
    look("updated", Thing.objects.filter(price__lt=5).update(price=models.F("price") + 1))
    look(
        "iterated", sum(each.price for each in Thing.objects.order_by("id").iterator(chunk_size=70))
    )
    look("dates", list(Thing.objects.dates("made", "month")))
    look("explained", "Scan" in Thing.objects.filter(price=1).explain())
    look("deleted", Thing.objects.filter(price__gt=70).delete())


def transactions() -> None:
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        Thing.objects.all().delete()
        raise ZeroDivisionError
    look("rolled back", Thing.objects.count())
    with transaction.atomic():
        locked = Thing.objects.select_for_update(skip_locked=True).order_by("id")[:2]
        look("locked", [each.name for each in locked])
        fails("unique", lambda: Thing.objects.filter(name="thing 1").update(name="thing 2"))
        fails("typo", lambda: ask("SELEC 1"))
        fails("no table", lambda: ask("SELECT * FROM nothing_there"))
        fails("division", lambda: ask("SELECT 1 / %s::int", 0))
        look("lives on", ask("SELECT %s, %s::jsonb, %s", 1, '{"a": 1}', None))
    committed: list[str] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append("done"))
    look("on commit", committed)


def main() -> None:
    look("migrate", told("migrate", verbosity=1))
    look("plan", told("showmigrations"))
    with connection.schema_editor() as editor:
        editor.create_model(Thing)
        editor.add_index(Thing, models.Index(fields=["price"], name="by_price"))
        editor.add_constraint(
            Thing, models.CheckConstraint(condition=models.Q(price__gte=0), name="no_debts")
        )
    objects()
    transactions()
    with connection.cursor() as cursor:
        tables = connection.introspection.get_table_list(cursor)
        look("tables", sorted(tables))
        look(
            "constraints",
            sorted(connection.introspection.get_constraints(cursor, "things_thing").items()),
        )
    look("inspected", told("inspectdb", "things_thing"))
    look("backwards", told("migrate", "auth", "0008", verbosity=1))
    with connection.schema_editor() as editor:
        editor.alter_field(Thing, Thing._meta.get_field("name"), _wider())
    connection.close()
    print(json.dumps(seen))


def _wider() -> Any:
    field = models.TextField()
    field.set_attributes_from_name("name")
    field.model = Thing
    return field


main()
