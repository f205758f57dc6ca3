{{ config(materialized="view") }}
select customer from {{ ref("customers") }} where spent > 11
