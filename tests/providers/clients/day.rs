// An ordinary day of tokio-postgres, with COPYs that are dropped half-way. What it sees goes out as
// JSON.
use bytes::Bytes;
use futures_util::{pin_mut, SinkExt, StreamExt, TryStreamExt};
use serde_json::{json, Value};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

fn told(error: &Error) -> Value {
    match error.as_db_error() {
        Some(fault) => json!(["error", fault.code().code(), fault.message()]),
        None => json!(["error", error.to_string()]),
    }
}

async fn names(client: &Client, seen: &mut Vec<Value>, text: &str) {
    match client.query(text, &[]).await {
        Ok(rows) => seen.push(json!([
            rows.len(),
            rows.first().map(|row| row.columns().iter().map(|c| format!("{}: {:?}", c.name(), c.type_())).collect::<Vec<_>>()),
        ])),
        Err(error) => seen.push(told(&error)),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL");
    let (mut client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    let mut seen: Vec<Value> = Vec::new();
    client.batch_execute("CREATE TABLE things (id int, name text); CREATE INDEX ON things (id)").await?;
    let insert = client.prepare("INSERT INTO things VALUES ($1, $2)").await?;
    for id in 0..5i32 {
        seen.push(json!(client.execute(&insert, &[&id, &format!("name {id}")]).await?));
    }
    drop(insert);
    // Many at once on one connection: it pipelines them.
    let many = (0..30i32).map(|n| {
        let client = &client;
        async move { client.query_one("SELECT $1::int4 * 2", &[&n]).await.map(|row| row.get::<_, i32>(0)) }
    });
    let twice: Vec<i32> = futures_util::stream::iter(many).buffered(30).try_collect().await?;
    seen.push(json!(twice));
    names(&client, &mut seen, "SELECT id, name FROM things").await;
    names(&client, &mut seen, "SELEC 1").await;
    names(&client, &mut seen, "SELECT 1 / 0").await;

    let sink = client.copy_in::<_, Bytes>("COPY things FROM STDIN").await?;
    pin_mut!(sink);
    for n in 0..100 {
        sink.send(Bytes::from(format!("{}\tcopied\n", 100 + n))).await?;
    }
    seen.push(json!(["copied", sink.finish().await?]));
    for round in 0..5 {
        let sink = client.copy_in::<_, Bytes>("COPY things FROM STDIN").await?;
        let mut sink = Box::pin(sink);
        for n in 0..round * 10 {
            sink.as_mut().feed(Bytes::from(format!("{}\tnot to stay\n", 1000 + n))).await?;
        }
        drop(sink);
        names(&client, &mut seen, "SELECT id FROM things").await;
    }
    let sink = client.copy_in::<_, Bytes>("COPY things FROM STDIN").await?;
    let mut sink = Box::pin(sink);
    sink.as_mut().send(Bytes::from("no number\tx\n")).await?;
    for n in 0..200 {
        // What is sent behind the server's error is thrown away by it.
        if sink.as_mut().send(Bytes::from(format!("{n}\tlate\n"))).await.is_err() {
            break;
        }
    }
    match sink.as_mut().finish().await {
        Ok(_) => seen.push(json!("taken")),
        Err(error) => seen.push(told(&error)),
    }
    let mut stream = Box::pin(client.copy_out("COPY (SELECT n FROM generate_series(1, 50000) n) TO STDOUT").await?);
    seen.push(json!(["out", stream.next().await.is_some()]));
    drop(stream); // the connection reads the rest and throws it away
    names(&client, &mut seen, "SELECT count(*) FROM things").await;

    let transaction = client.transaction().await?;
    let portal = transaction.bind("SELECT id FROM things ORDER BY id", &[]).await?;
    for _ in 0..3 {
        seen.push(json!(["part", transaction.query_portal(&portal, 40).await?.len()]));
    }
    seen.push(transaction.query("SELECT nothing_there", &[]).await.err().map(|e| told(&e)).into());
    transaction.rollback().await?;
    drop(client.transaction().await?); // rolls back behind its back
    for message in client.simple_query("SELECT 1 AS one; UPDATE things SET id = id; SELECT").await? {
        seen.push(match message {
            SimpleQueryMessage::Row(row) => json!(["row", row.try_get(0).ok().flatten()]),
            SimpleQueryMessage::CommandComplete(count) => json!(["done", count]),
            _ => json!("columns"),
        });
    }
    let token = client.cancel_token();
    let (slept, cancelled) = tokio::join!(client.batch_execute("SELECT pg_sleep(20)"), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await
    });
    seen.push(json!([slept.err().map(|e| told(&e)), cancelled.is_ok()]));
    names(&client, &mut seen, "SELECT 'lives on'").await;
    println!("{}", Value::Array(seen));
    Ok(())
}
