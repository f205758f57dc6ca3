{{ config(indexes=[{"columns": ["customer"], "unique": true}]) }}
select customer, count(*) as orders, sum(total) as spent
from {{ ref("orders") }}
group by customer
