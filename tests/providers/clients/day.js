// An ordinary day of node-postgres, as a user of it would write it. What it sees is printed as JSON.
const { Client, Pool } = require('pg');

async function day() {
  const seen = [];
  const client = new Client();
  client.on('notification', (came) => seen.push(['notified', came.channel, came.payload]));
  client.on('notice', (said) => seen.push(['notice', said.message]));
  await client.connect();
  const ask = async (...words) => {
    try {
      const got = await client.query(...words);
      seen.push([got.command, got.rowCount, got.rows, got.fields.map((each) => each.dataTypeID)]);
    } catch (error) {
      seen.push(['error', error.code, error.message, error.position]);
    }
  };
  await ask('CREATE TEMP TABLE things (id int, name text, made timestamptz, body jsonb)');
  await ask('INSERT INTO things VALUES ($1, $2, $3, $4)', [1, 'one', '2026-01-02T03:04:05Z', { a: 1 }]);
  for (let n = 0; n < 3; n += 1) {
    await ask({ name: 'by-id', text: 'SELECT * FROM things WHERE id = $1', values: [n] });
  }
  await ask({ text: 'SELECT id, name FROM things', rowMode: 'array' });
  await ask('SELECT 1 AS one; SELECT 2 AS two').catch(() => seen.push(['several']));
  await ask('SELEC 1');
  await ask('SELECT 1 / 0');
  await ask("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
  await ask('BEGIN');
  await ask('SELECT nothing_there');
  await ask('SELECT 1');
  await ask('ROLLBACK');
  await ask('LISTEN news');
  await ask("SELECT pg_notify('news', 'it works')");
  await ask('SELECT 1');
  await client.end();
  const pool = new Pool({ max: 4 });
  const sums = await Promise.all(
    Array.from({ length: 20 }, (_, n) => pool.query('SELECT $1::int * 2 AS twice', [n])),
  );
  seen.push(sums.map((each) => each.rows[0].twice));
  await pool.end();
  return seen;
}

day().then(
  (seen) => console.log(JSON.stringify(seen)),
  (error) => { console.error(error.message); process.exit(1); },
);
