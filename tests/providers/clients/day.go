// An ordinary day of pgx in the query mode that is named. What it sees is printed as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var modes = map[string]pgx.QueryExecMode{
	"cache_statement": pgx.QueryExecModeCacheStatement,
	"cache_describe":  pgx.QueryExecModeCacheDescribe,
	"describe_exec":   pgx.QueryExecModeDescribeExec,
	"exec":            pgx.QueryExecModeExec,
	"simple_protocol": pgx.QueryExecModeSimpleProtocol,
}

func main() {
	ctx := context.Background()
	config, err := pgx.ParseConfig("")
	must(err)
	config.DefaultQueryExecMode = modes[os.Args[1]]
	var seen []any
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { seen = append(seen, []any{"notice", n.Message}) }
	conn, err := pgx.ConnectConfig(ctx, config)
	must(err)
	ask := func(sql string, args ...any) {
		rows, err := conn.Query(ctx, sql, args...)
		var got [][]any
		if err == nil {
			for rows.Next() {
				values, err := rows.Values()
				must(err)
				got = append(got, values)
			}
			rows.Close()
			err = rows.Err()
		}
		var fault *pgconn.PgError
		if errors.As(err, &fault) {
			seen = append(seen, []any{"error", fault.Code, fault.Message})
			return
		}
		must(err)
		seen = append(seen, []any{rows.CommandTag().String(), fmt.Sprint(got)})
	}
	ask("CREATE TEMP TABLE things (id int, name text, body jsonb)")
	for n := 0; n < 3; n++ {
		ask("INSERT INTO things VALUES ($1, $2, $3)", n, fmt.Sprint("name ", n), `{"a": 1}`)
	}
	for n := 0; n < 7; n++ {
		ask("SELECT id, name FROM things WHERE id = $1", n%3)
	}
	ask("SELEC 1")
	ask("SELECT 1 / $1::int", 0)
	ask("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
	tx, err := conn.Begin(ctx)
	must(err)
	ask("SELECT nothing_there")
	ask("SELECT 1")
	seen = append(seen, fmt.Sprint(tx.Rollback(ctx)))
	batch := &pgx.Batch{}
	for n := 0; n < 20; n++ {
		batch.Queue("SELECT $1::int * 2", n)
	}
	results := conn.SendBatch(ctx, batch)
	for n := 0; n < 20; n++ {
		var twice int
		must(results.QueryRow().Scan(&twice))
		seen = append(seen, twice)
	}
	must(results.Close())
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"things"}, []string{"id", "name"},
		pgx.CopyFromSlice(1000, func(n int) ([]any, error) { return []any{n, "copied"}, nil }))
	must(err)
	seen = append(seen, copied)
	ask("SELECT count(*) FROM things")
	must(conn.Close(ctx))
	out, err := json.Marshal(seen)
	must(err)
	fmt.Println(string(out))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
