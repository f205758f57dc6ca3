-- Functions of a user's that are VOLATILE, and everything that PostgreSQL may call them through. Each
-- run counts in a sequence, which no rollback takes back.
create sequence ran;
create function mark() returns void language plpgsql volatile as
  $$ begin perform pg_catalog.nextval('public.ran'); end $$;
create table orders (id int primary key, note text);
insert into orders values (1, 'a'), (2, 'b');
create function probe(arg text) returns text language plpgsql volatile as
  $$ begin perform public.mark(); return arg; end $$;
create function inlined(text) returns text language sql volatile as
  $$ select pg_catalog.nextval('public.ran')::text $$;
create function optional(text, int default 1) returns text language plpgsql volatile as
  $$ begin perform public.mark(); return $1; end $$;
create function variable(variadic text[]) returns text language plpgsql volatile as
  $$ begin perform public.mark(); return $1[1]; end $$;
create function several(text) returns setof text language plpgsql volatile as
  $$ begin perform public.mark(); return next $1; end $$;
create function anything(anyelement) returns text language plpgsql volatile as
  $$ begin perform public.mark(); return 'x'; end $$;
create function of_row(orders) returns text language plpgsql volatile as
  $$ begin perform public.mark(); return 'x'; end $$;
create function added(text, text) returns text language plpgsql volatile as
  $$ begin perform public.mark(); return $2; end $$;
create aggregate gathered(text) (sfunc = added, stype = text, initcond = '');
create aggregate placed(order by text) (sfunc = added, stype = text, initcond = '');
create function compared(text, text) returns bool language plpgsql volatile as
  $$ begin perform public.mark(); return true; end $$;
create operator @@@ (leftarg = text, rightarg = text, function = compared);
create function alone(text) returns bool language plpgsql volatile as
  $$ begin perform public.mark(); return true; end $$;
create operator @@@ (rightarg = text, function = alone);
-- Domains, and what has one as a part.
create domain checked as text check (alone(value));
create domain checked_outer as checked;
create domain operated as text check (@@@ value);
create domain counting as text check (pg_catalog.nextval('public.ran') > 0);
create type checked_pair as (a int, b checked);
create type checked_deep as (p checked_pair);
create domain checked_list as checked[];
create type checked_range as range (subtype = checked);
create table tagged (id int, kind checked, tags checked[], couple checked_pair);
create function takes(checked) returns text language plpgsql immutable as $$ begin return 'x'; end $$;
create function takes_list(checked[]) returns text language plpgsql immutable as
  $$ begin return 'x'; end $$;
create function alike(checked, checked) returns bool language plpgsql immutable as
  $$ begin return true; end $$;
create operator ### (leftarg = checked, rightarg = checked, function = alike);
-- Casts.
create type pair as (a int, b int);
create function made_pair(text) returns pair language plpgsql volatile as
  $$ begin perform public.mark(); return row(1, 2); end $$;
create cast (text as pair) with function made_pair(text);
create function pair_number(pair) returns int language plpgsql volatile as
  $$ begin perform public.mark(); return 1; end $$;
create cast (pair as int) with function pair_number(pair) as implicit;
create table paired (id int, p pair);
insert into paired values (1, row(1, 2));
-- An order of its own.
create type grade as (n int);
create function grade_order(grade, grade) returns int language plpgsql volatile as
  $$ begin perform public.mark(); return $1.n - $2.n; end $$;
create function grade_less(grade, grade) returns bool language plpgsql volatile as
  $$ begin perform public.mark(); return $1.n < $2.n; end $$;
create function grade_same(grade, grade) returns bool language plpgsql volatile as
  $$ begin perform public.mark(); return $1.n = $2.n; end $$;
create function grade_more(grade, grade) returns bool language plpgsql volatile as
  $$ begin perform public.mark(); return $1.n > $2.n; end $$;
-- By names of their own, or every statement with an equals sign would be suspect.
create operator <% (leftarg = grade, rightarg = grade, function = grade_less, commutator = >%);
create operator =% (leftarg = grade, rightarg = grade, function = grade_same, commutator = =%, merges);
create operator >% (leftarg = grade, rightarg = grade, function = grade_more, commutator = <%);
create operator class grade_ops default for type grade using btree as
  operator 1 <%, operator 3 =%, operator 5 >%, function 1 grade_order(grade, grade);
create table graded (id int, g grade);
insert into graded values (1, row(2)), (2, row(1)), (3, row(1));
create procedure proceed(text) language plpgsql as $$ begin perform public.mark(); end $$;
