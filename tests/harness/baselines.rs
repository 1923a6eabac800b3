//! Baselines for benchmarks: minimal programs that answer the same request over HTTP. A baseline runs in a process of
//! its own. It is the same program as the benchmark, started with other arguments.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Query, to};
use actix_web::{App, HttpResponse, HttpServer};
use hookpoint::concurrency::short_slices::ask_for_short_slices;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use super::process::{Process, launched};

/// The number of connections to Postgres, the same for the service and the baseline.
pub const CONNECTIONS: u32 = 10;

const JSON: (actix_web::http::header::HeaderName, &str) =
    (CONTENT_TYPE, "application/json; charset=utf-8");

/// A running baseline.
pub struct Baseline {
    pub process: Process,
    pub address: SocketAddr,
}

impl Baseline {
    /// actix-web alone: the same bytes for every request.
    pub fn bare(directory: &Path, body: &[u8]) -> Self {
        Self::bare_launched(&[], directory, body)
    }

    /// Like [`bare`](Self::bare), run by another program, such as valgrind.
    pub fn bare_launched(launcher: &[String], directory: &Path, body: &[u8]) -> Self {
        let file = directory.join("body.json");
        std::fs::write(&file, body).unwrap();
        let mut command = launched(launcher, std::env::current_exe().unwrap());
        Self::start(command.args(["floor", "bare", file.to_str().unwrap()]))
    }

    /// actix-web and sqlx: the one row that a lookup needs, by the same key, with one query for each request.
    pub fn sqlx(url: &str, brand_id: i32) -> Self {
        Self::start_own(&["floor", "sqlx", url, &brand_id.to_string()])
    }

    /// actix-web and sqlx: one row for each request, committed before the response.
    pub async fn committing(pool: impl sqlx::PgExecutor<'_>, url: &str) -> Self {
        let table = "create table if not exists bare_receipts (
            receipt_id bigint generated always as identity primary key, received_at timestamptz not null default now(), body bytea not null)";
        sqlx::query(table).execute(pool).await.unwrap();
        Self::start_own(&["floor", "committing", url])
    }

    /// This program, with other arguments.
    fn start_own(arguments: &[&str]) -> Self {
        Self::start(Command::new(std::env::current_exe().unwrap()).args(arguments))
    }

    /// A program that prints its address first.
    pub fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(process.stdout()).read_line(&mut line).unwrap();
        Self { process, address: line.trim().parse().unwrap() }
    }
}

/// Runs a baseline if the arguments ask for one. Then it never returns.
pub fn run_baseline_if_requested() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let system = || actix_web::rt::System::new();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["floor", "bare", file] => system().block_on(be_bare(std::fs::read(file).unwrap())),
        ["floor", "committing", url] => system().block_on(be_committing(url)),
        ["floor", "sqlx", url, brand_id] => {
            system().block_on(be_sqlx(url, brand_id.parse().unwrap()));
        }
        _ => return,
    }
    std::process::exit(0);
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut parent = std::io::stdout();
    writeln!(parent, "{}", listener.local_addr().unwrap()).unwrap();
    listener
}

async fn be_bare(body: Vec<u8>) {
    let body = Bytes::from(body);
    let server = HttpServer::new(move || {
        // As the service does.
        ask_for_short_slices();
        let body = body.clone();
        App::new().default_service(to(move || {
            std::future::ready(HttpResponse::Ok().insert_header(JSON).body(body.clone()))
        }))
    });
    server.workers(1).listen(listener()).unwrap().run().await.unwrap();
}

#[derive(serde::Deserialize)]
struct LookupQuery {
    address: String,
}

/// The query of the baseline, and of pgbench.
pub const ONE_ROW: &str = "select answer.body from customer_addresses as found
    join answers as answer on answer.brand_id = $1 and answer.customer_key = found.customer_key
    where found.brand_id = $1 and found.kind = 'email' and found.address = $2";

async fn find(
    pool: Data<PgPool>,
    brand_id: Data<i32>,
    asked: Query<LookupQuery>,
) -> Result<HttpResponse, actix_web::error::InternalError<sqlx::Error>> {
    let found: Result<Vec<(String,)>, _> = sqlx::query_as(ONE_ROW)
        .bind(**brand_id)
        .bind(&asked.address)
        .fetch_all(pool.as_ref())
        .await;
    let failed = |error| {
        actix_web::error::InternalError::new(
            error,
            actix_web::http::StatusCode::INTERNAL_SERVER_ERROR,
        )
    };
    let body =
        found.map_err(failed)?.pop().map_or_else(|| "[]".to_owned(), |(body,)| format!("[{body}]"));
    Ok(HttpResponse::Ok().insert_header(JSON).body(body))
}

/// The worker that uses a connection opens it, so that no thread waits for another.
fn pool(url: &str) -> PgPool {
    let options = PgConnectOptions::from_str(url).unwrap().disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

async fn receive(
    pool: Data<PgPool>,
    body: Bytes,
) -> Result<HttpResponse, actix_web::error::InternalError<sqlx::Error>> {
    let inserted = sqlx::query("insert into bare_receipts (body) values ($1)")
        .bind(body.as_ref())
        .execute(pool.as_ref())
        .await;
    inserted.map_err(|error| {
        actix_web::error::InternalError::new(
            error,
            actix_web::http::StatusCode::INTERNAL_SERVER_ERROR,
        )
    })?;
    Ok(HttpResponse::Accepted().finish())
}

async fn be_committing(url: &str) {
    let pool = pool(url);
    let server = HttpServer::new(move || {
        // As the service does.
        ask_for_short_slices();
        App::new().app_data(Data::new(pool.clone())).default_service(to(receive))
    });
    server.workers(1).listen(listener()).unwrap().run().await.unwrap();
}

async fn be_sqlx(url: &str, brand_id: i32) {
    let pool = pool(url);
    let server = HttpServer::new(move || {
        // As the service does.
        ask_for_short_slices();
        App::new()
            .app_data(Data::new(pool.clone()))
            .app_data(Data::new(brand_id))
            .default_service(to(find))
    });
    server.workers(1).listen(listener()).unwrap().run().await.unwrap();
}
