{{ config(materialized="incremental", unique_key="id") }}
select id, customer, total::numeric(10, 2) as total, placed::date as placed
from {{ ref("raw_orders") }}
{% if is_incremental() %}
where placed >= (select max(placed) from {{ this }})
{% endif %}
