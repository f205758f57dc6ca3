// Ordinary days of postgres.js, of Drizzle, and of node-postgres' cursor, stream and COPY: which one,
// the first word says. What it sees is printed as JSON.
const { finished } = require('node:stream/promises');
const { Readable } = require('node:stream');

const seen = [];
const told = (error) => seen.push(['error', (error.cause || error).code, (error.cause || error).message]);

async function lines(stream) {
  let found = '';
  for await (const part of stream) found += part;
  return found;
}

async function postgresJs() {
  const sql = require('postgres')(process.env.DATABASE_URL, {
    max: 2,
    onnotice: (said) => seen.push(['notice', said.message]),
  });
  await sql`CREATE TABLE things (id int, name text, made timestamptz, body jsonb, tags text[])`;
  const rows = [0, 1, 2].map((id) => ({
    id, name: `name ${id}`, made: new Date('2026-01-02T03:04:05Z'), body: sql.json({ id }), tags: ['a', 'b,c'],
  }));
  seen.push([(await sql`INSERT INTO things ${sql(rows)} RETURNING *`)]);
  for (let n = 0; n < 4; n += 1) {
    const found = await sql`SELECT * FROM things WHERE id = ${n} AND name = ANY(${['name 1', 'name 2']})`;
    seen.push([found.command, found.count, found.columns.map((each) => [each.name, each.type]), found]);
  }
  await sql`SELEC 1`.catch(told);
  await sql`SELECT 1 / ${0}::int`.catch(told);
  seen.push(await sql`SELECT 1 AS one; SELECT 2 AS two`.simple());
  await sql`DO $$ BEGIN RAISE NOTICE 'hello'; END $$`;
  await sql.begin(async (tx) => {
    await tx`UPDATE things SET name = 'changed'`;
    await tx.savepoint((point) => point`SELECT nothing_there`).catch(told);
    throw new Error('back');
  }).catch((error) => seen.push(['rolled back', error.message]));
  seen.push(await sql`SELECT name FROM things ORDER BY id`);
  for await (const part of sql`SELECT n FROM generate_series(1, 25) n`.cursor(10)) seen.push(['part', part.length]);
  await sql`SELECT n FROM generate_series(1, 3) n`.forEach((row) => seen.push(row));
  for (let n = 0; n < 4; n += 1) {
    const into = await sql`COPY things (id, name) FROM STDIN`.writable();
    Readable.from([`${100 + n}\tcopied\n`, `${200 + n}\ttoo\n`]).pipe(into);
    await finished(into);
    seen.push(await sql`SELECT count(*)::int FROM things`);
  }
  seen.push(await lines(await sql`COPY (SELECT id, name FROM things ORDER BY id) TO STDOUT`.readable()));
  let heard;
  const came = new Promise((done) => { heard = done; });
  const listening = await sql.listen('news', heard);
  await sql.notify('news', 'it works');
  seen.push(['notified', await came]);
  await listening.unlisten();
  const described = await sql`SELECT id, body FROM things WHERE id = ${1}`.describe();
  seen.push(described.columns.map((each) => [each.name, each.type]));
  const slow = sql`SELECT pg_sleep(20)`;
  slow.execute();
  setTimeout(() => slow.cancel(), 300);
  await slow.catch(told);
  await sql.end();
}

async function drizzle() {
  const { drizzle: over } = require('drizzle-orm/node-postgres');
  const { pgTable, serial, integer, text, jsonb, numeric, timestamp } = require('drizzle-orm/pg-core');
  const { relations, eq, gt, sql, count } = require('drizzle-orm');
  const people = pgTable('people', { id: serial('id').primaryKey(), name: text('name').notNull().unique(), body: jsonb('body') });
  const orders = pgTable('orders', {
    id: serial('id').primaryKey(), person: integer('person').references(() => people.id),
    total: numeric('total', { precision: 10, scale: 2 }), made: timestamp('made', { withTimezone: true }),
  });
  const schema = {
    people, orders,
    peopleRelations: relations(people, ({ many }) => ({ orders: many(orders) })),
    ordersRelations: relations(orders, ({ one }) => ({ person: one(people, { fields: [orders.person], references: [people.id] }) })),
  };
  const pool = new (require('pg').Pool)({ max: 2 });
  const db = over(pool, { schema });
  await db.execute(sql`CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL UNIQUE, body jsonb)`);
  await db.execute(sql`CREATE TABLE orders (id serial PRIMARY KEY, person int REFERENCES people, total numeric(10, 2), made timestamptz)`);
  seen.push(await db.insert(people).values([{ name: 'ada', body: { a: [1, null] } }, { name: 'grace' }]).returning());
  const made = new Date('2026-01-02T03:04:05.678Z');
  await db.insert(orders).values(Array.from({ length: 50 }, (_, n) => ({ person: 1 + (n % 2), total: `${n}.25`, made })));
  seen.push(await db.query.people.findMany({ with: { orders: { limit: 2, orderBy: orders.id } }, orderBy: people.id }));
  seen.push(await db.select({ name: people.name, n: count() }).from(orders).innerJoin(people, eq(orders.person, people.id))
    .groupBy(people.name).orderBy(people.name));
  seen.push(await db.update(orders).set({ total: '1.00' }).where(gt(orders.total, '45')).returning({ id: orders.id }));
  seen.push(await db.insert(people).values({ name: 'ada' }).onConflictDoUpdate({ target: people.name, set: { body: 7 } }).returning());
  const asked = db.select().from(people).where(eq(people.id, sql.placeholder('id'))).prepare('by_id');
  for (let n = 0; n < 3; n += 1) seen.push(await asked.execute({ id: n }));
  await db.insert(people).values({ name: 'ada' }).catch(told);
  await db.transaction(async (tx) => {
    await tx.delete(orders);
    await tx.transaction(async (inner) => { await inner.insert(people).values({ name: 'ada' }); }).catch(told);
    tx.rollback();
  }).catch((error) => seen.push(['rolled back', error.message]));
  seen.push(await db.select({ n: count() }).from(orders));
  await pool.end();
}

async function streams() {
  const { Client } = require('pg');
  const Cursor = require('pg-cursor');
  const QueryStream = require('pg-query-stream');
  const { from, to } = require('pg-copy-streams');
  const client = new Client();
  await client.connect();
  await client.query('CREATE TABLE things (id int, name text)');
  const into = client.query(from('COPY things FROM STDIN'));
  Readable.from(Array.from({ length: 500 }, (_, n) => `${n}\tname ${n}\n`)).pipe(into);
  await finished(into);
  seen.push(['copied', into.rowCount]);
  const left = client.query(from('COPY things FROM STDIN'));
  left.on('error', told);
  left.write('1000\tnot to stay\n');
  left.destroy(new Error('given up'));
  await client.query('SELECT 1').catch(told);
  const cursor = client.query(new Cursor('SELECT * FROM things WHERE id < $1 ORDER BY id', [25]));
  for (let rows = await cursor.read(10); rows.length; rows = await cursor.read(10)) seen.push(['read', rows.length]);
  const half = client.query(new Cursor('SELECT * FROM things'));
  seen.push((await half.read(3)).length);
  await half.close();
  for await (const row of client.query(new QueryStream('SELECT * FROM things WHERE id < $1 ORDER BY id', [7], { batchSize: 3 }))) seen.push(row);
  await new Promise((done) => { client.query(new Cursor('SELECT 1 / 0')).read(1, (error) => { told(error); done(); }); });
  seen.push((await lines(client.query(to('COPY things TO STDOUT')))).length);
  seen.push((await client.query('SELECT count(*)::int FROM things')).rows);
  await client.end();
}

({ 'postgres.js': postgresJs, drizzle, streams })[process.argv[2]]().then(
  () => console.log(JSON.stringify(seen)),
  (error) => { console.error(error); process.exit(1); },
);
