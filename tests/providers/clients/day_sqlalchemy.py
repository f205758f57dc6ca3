"""An ordinary day of SQLAlchemy's ORM, with the driver that is named. What it sees goes out as JSON."""
# mypy: ignore-errors
# ruff: noqa: E501, PLR0915, ICN001

import asyncio
import datetime
import decimal
import enum
import json
import sys
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

seen: list[Any] = []


class Base(orm.DeclarativeBase):
    pass


class State(enum.Enum):
    OPEN = "open"
    PAID = "paid"


class Customer(Base):
    __tablename__ = "customers"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(80), unique=True)
    notes: orm.Mapped[dict[str, Any]] = orm.mapped_column(pg.JSONB, default=dict)
    tags: orm.Mapped[list[str]] = orm.mapped_column(pg.ARRAY(sa.Text), default=list)
    orders: orm.Mapped[list["Order"]] = orm.relationship(back_populates="customer")


class Order(Base):
    __tablename__ = "orders"
    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(), primary_key=True)
    key: orm.Mapped[uuid.UUID] = orm.mapped_column(index=True)
    customer_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("customers.id"))
    total: orm.Mapped[decimal.Decimal] = orm.mapped_column(sa.Numeric(10, 2))
    state: orm.Mapped[State] = orm.mapped_column(default=State.OPEN)
    placed: orm.Mapped[datetime.datetime] = orm.mapped_column(sa.DateTime(timezone=True))
    customer: orm.Mapped[Customer] = orm.relationship(back_populates="orders")


def look(what: str, value: Any) -> None:
    seen.append([what, repr(value)])


def fails(what: str, session: orm.Session, statement: Any, **values: Any) -> None:
    """Inside a savepoint, so that the transaction lives on."""
    try:
        with session.begin_nested():
            session.execute(statement, values)
    except sa.exc.DBAPIError as fault:
        look(what, [type(fault).__name__, getattr(fault.orig, "sqlstate", None)])


def day(session: orm.Session) -> None:
    Base.metadata.create_all(session.connection())
    Base.metadata.create_all(session.connection())  # looks only
    session.commit()
    inspected = sa.inspect(session.connection())
    for table in sorted(inspected.get_table_names()):
        look(
            "columns", [(each["name"], str(each["type"])) for each in inspected.get_columns(table)]
        )
        look("foreign keys", inspected.get_foreign_keys(table))
        look("indexes", inspected.get_indexes(table))
    placed = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
    for number in range(30):
        customer = Customer(
            name=f"name {number}", notes={"n": number, "ü": None}, tags=["a", "b,c"]
        )
        for index in range(number % 3):
            key = uuid.UUID(int=number * 10 + index)
            total = decimal.Decimal(f"{number}.{index}5")
            customer.orders.append(Order(key=key, total=total, placed=placed))
        session.add(customer)
    session.commit()
    for customer in session.scalars(
        sa.select(Customer).where(Customer.id < 6).order_by(Customer.id)
    ):
        look(
            "lazy",
            [customer.name, customer.notes, [(o.key, o.total, o.placed) for o in customer.orders]],
        )
    session.expunge_all()
    eager = sa.select(Customer).options(orm.selectinload(Customer.orders)).order_by(Customer.id)
    look("eager", [len(each.orders) for each in session.scalars(eager)])
    joined = sa.select(Customer).options(orm.joinedload(Customer.orders)).order_by(Customer.id)
    look("joined", [len(each.orders) for each in session.scalars(joined).unique()])
    found = session.get_one(Customer, 3)
    found.notes = {"changed": True}
    session.flush()
    session.rollback()
    look("after a rollback", session.get_one(Customer, 3).notes)
    upsert = pg.insert(Customer).values(id=3, name="name 2", notes={}, tags=[])
    look(
        "upsert",
        session.execute(
            upsert.on_conflict_do_update(index_elements=["id"], set_={"tags": ["up"]}).returning(
                Customer.tags
            )
        ).all(),
    )
    raised = sa.update(Order).where(Order.total > 20).values(state=State.PAID).returning(Order.id)
    look("update", sorted(session.scalars(raised)))
    look("delete", session.execute(sa.delete(Order).where(Order.total < 3)).rowcount)
    session.commit()
    fails("unique", session, sa.insert(Customer).values(name="name 1"))
    fails("foreign key", session, sa.text("DELETE FROM customers WHERE id = 12"))
    fails("no table", session, sa.text("SELECT * FROM nothing_there"))
    fails("typo", session, sa.text("SELEC 1"))
    fails("division", session, sa.text("SELECT 1 / CAST(:by AS int)"), by=0)
    look("lives on", session.scalar(sa.select(sa.func.count()).select_from(Order)))
    locked = sa.select(Order.id).order_by(Order.id).limit(2).with_for_update(skip_locked=True)
    look("locked", session.scalars(locked).all())
    session.commit()
    stream = session.execute(
        sa.select(Order.id, Order.state).order_by(Order.id).execution_options(yield_per=5)
    )
    look("streamed", [row for part in stream.partitions() for row in part])
    session.commit()
    look(
        "isolation",
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"}).scalar(
            sa.text("SHOW transaction_isolation")
        ),
    )
    session.commit()
    session.execute(sa.insert(Customer), [{"name": f"many {number}"} for number in range(2500)])
    total = sa.func.sum(Order.total).over(partition_by=Order.customer_id, order_by=Order.id)
    look("window", session.execute(sa.select(Order.id, total).order_by(Order.id)).all())
    look(
        "types",
        session.execute(
            sa.text(
                "SELECT 1::int2, 1.5::float4, 'a'::bytea, '1 day 2 s'::interval, '2026-01-02'::date,"
                " ARRAY[1, NULL], '{\"a\": [1]}'::json, numrange(1, 2), NULL, true, '10.0.0.1'::inet"
            )
        ).one(),
    )
    session.commit()
    look("reflected", sorted(sa.MetaData().tables))
    reflected = sa.MetaData()
    reflected.reflect(session.connection())
    look("reflected", [(t.name, [c.name for c in t.c]) for t in reflected.sorted_tables])
    session.execute(sa.text("DROP TABLE orders"))
    session.commit()


async def asynchronous(url: str) -> None:
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        await session.run_sync(day)
    await engine.dispose()


def main() -> None:
    url = f"postgresql+{sys.argv[1]}://"
    if sys.argv[1] == "asyncpg":
        asyncio.run(asynchronous(url))
    else:
        engine = sa.create_engine(url)
        with orm.Session(engine) as session:
            day(session)
        engine.dispose()
    print(json.dumps(seen))


main()
