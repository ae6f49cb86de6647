//! What is said of a database on many nodes, as far as plain PostgreSQL can tell.

use proto::v1;
use sqlx::AssertSqlSafe;

use crate::harness::people::Enterprise;
use crate::harness::{Sandbox, workspace};

/// Stand-ins for the functions of Citus: they refuse what Citus refuses for the keys of a table, and remember it.
const STAND_INS: &str = r"
create table distributed (name text primary key, by_column text);
create function refuse_keys(relation regclass, by_column text) returns void language plpgsql as $$
declare key text;
begin
    perform from pg_attribute where attrelid = relation and attname = by_column and attnotnull;
    if not found then
        raise exception '% has no %', relation, by_column;
    end if;
    select i.indexrelid::regclass::text into key
    from pg_index i
    where i.indrelid = relation and i.indisunique
      and not exists (select from pg_attribute a
                      where a.attrelid = relation and a.attname = by_column and a.attnum = any(i.indkey)
                        and a.atttypid = 'smallint'::regtype)
    limit 1;
    if key is not null then
        raise exception 'the unique key % of % is without %', key, relation, by_column;
    end if;
end $$;
create function create_distributed_table(relation regclass, by_column text, colocate_with text default '')
returns void language plpgsql as $$
begin
    perform refuse_keys(relation, by_column);
    insert into distributed values (relation::text, by_column);
end $$;
create function create_reference_table(relation regclass) returns void language sql as
    $$ insert into distributed values (relation::text, null) $$;
";

#[tokio::test(flavor = "multi_thread")]
async fn every_table_can_be_distributed_by_its_slot_and_a_window_works_on() {
    let sandbox = Sandbox::with(&[]).await;
    let mut database = sandbox.database().await;
    let file = std::fs::read_to_string(workspace().join("deploy/citus.sql")).expect("it is there");
    sqlx::raw_sql("set search_path = public").execute(&mut database).await.expect("it is set");
    sqlx::raw_sql(STAND_INS).execute(&mut database).await.expect("they are made");
    // Before its first part it would be refused.
    let early = "select create_distributed_table('payment.settlement', 'slot')";
    let refused = sqlx::raw_sql(early).execute(&mut database).await.expect_err("a key is without");
    assert!(
        refused.to_string().contains("settlement_id of payment.settlement is without slot"),
        "{refused}"
    );
    sqlx::raw_sql(AssertSqlSafe(file)).execute(&mut database).await.expect("it can be run");
    let left: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'r' and c.relname <> '_sqlx_migrations'
           and n.nspname not in ('public', 'information_schema') and n.nspname not like 'pg\\_%'
           and not exists (select from distributed d where d.name = c.oid::regclass::text)",
    )
    .fetch_all(&mut database)
    .await
    .expect("it answers");
    assert!(left.is_empty(), "deploy/citus.sql says nothing of {left:?}");
    // Plain PostgreSQL has lost nothing that the window needs.
    let agent = Enterprise(sandbox.connect("agent").await);
    let export = agent.files("QD-CITUS").await;
    agent.sees(&export.name, v1::State::Released).await;
    let import = crate::harness::people::import("QD-CITUS-2", "3702960001", 9_100);
    let import = agent.tries(crate::harness::people::filing(import)).await.expect("it is valid");
    agent.sees(&import.name, v1::State::Released).await;
}
