// An ordinary day of lib/pq under database/sql. What it sees is printed as JSON.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lib/pq"
)

var seen []any

func see(things ...any) { seen = append(seen, things) }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fault(err error) {
	var told *pq.Error
	if !errors.As(err, &told) {
		must(err)
	}
	see("error", string(told.Code), told.Message, told.Position)
}

type asker interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

func ask(on asker, text string, values ...any) {
	rows, err := on.QueryContext(context.Background(), text, values...)
	if err != nil {
		fault(err)
		return
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	must(err)
	for _, each := range columns {
		see(each.Name(), each.DatabaseTypeName())
	}
	for rows.Next() {
		row := make([]any, len(columns))
		places := make([]any, len(columns))
		for n := range row {
			places[n] = &row[n]
		}
		must(rows.Scan(places...))
		see(fmt.Sprintf("%v", row))
	}
	if err := rows.Err(); err != nil {
		fault(err)
	}
}

func copied(db *sql.DB, rows int, drop bool) {
	tx, err := db.Begin()
	must(err)
	copying, err := tx.Prepare(pq.CopyIn("things", "id", "name"))
	must(err)
	for n := 0; n < rows; n++ {
		_, err = copying.Exec(1000+n, "copied")
		must(err)
	}
	if drop {
		must(copying.Close())
		see("dropped", tx.Rollback() == nil)
		return
	}
	_, err = copying.Exec()
	must(err)
	must(copying.Close())
	see("copied", tx.Commit() == nil)
}

func main() {
	ctx := context.Background()
	base, err := pq.NewConnector(os.Getenv("DAY_WORDS"))
	must(err)
	db := sql.OpenDB(pq.ConnectorWithNoticeHandler(base, func(n *pq.Error) { see("notice", n.Message) }))
	db.SetMaxOpenConns(1)
	ask(db, "CREATE TABLE things (id int, name text, made timestamptz, body bytea)")
	for n := 0; n < 3; n++ {
		done, err := db.Exec("INSERT INTO things VALUES ($1, $2, $3, $4)", n, fmt.Sprint("name ", n),
			time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), []byte{0, 1, byte(n)})
		must(err)
		count, err := done.RowsAffected()
		must(err)
		see("inserted", count)
	}
	prepared, err := db.Prepare("SELECT id, name, body FROM things WHERE id = $1")
	must(err)
	for n := 0; n < 5; n++ {
		var id int
		var name string
		var body []byte
		err := prepared.QueryRow(n).Scan(&id, &name, &body)
		see(id, name, body, fmt.Sprint(err))
	}
	must(prepared.Close())
	ask(db, "SELECT id, name FROM things WHERE id = ANY($1)", pq.Array([]int{0, 2}))
	ask(db, "SELEC 1")
	ask(db, "SELECT 1 / $1::int", 0)
	ask(db, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
	several, err := db.Query("SELECT 1 AS one; SELECT 2 AS two")
	must(err)
	for more := true; more; more = several.NextResultSet() {
		for several.Next() {
			var n int
			must(several.Scan(&n))
			see("of several", n)
		}
	}
	must(several.Close())
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	must(err)
	ask(tx, "SELECT nothing_there")
	ask(tx, "SELECT 1")
	see("rolled back", tx.Rollback() == nil)
	copied(db, 1000, false)
	copied(db, 10, true)
	ask(db, "SELECT count(*), sum(id) FROM things")
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = db.ExecContext(soon, "SELECT pg_sleep(20)")
	see("cancelled", err != nil)
	cancel()
	ask(db, "SELECT 'lives on'")
	must(db.Close())
	must(json.NewEncoder(os.Stdout).Encode(seen))
}
