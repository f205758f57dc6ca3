# What pg8000 sends by itself: start-up, types, reflection, transactions, reset.

begin transaction

select pg_catalog.version()

select current_schema()

show transaction isolation level

show standard_conforming_strings

rollback

select 1
