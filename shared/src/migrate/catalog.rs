//! What a schema consists of, piece by piece, as PostgreSQL's catalog tells it: so that a database is compared with the
//! reference by what is there and not by a list somebody wrote.

use sqlx::PgConnection;

use super::Failure;

/// Kinds of pieces, in the order in which missing ones can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Table,
    Column,
    Function,
    NotNull,
    Default,
    /// Primary and unique keys, which foreign keys need.
    Key,
    ForeignKey,
    Index,
    Trigger,
    View,
    /// Last: they are counted before they are made.
    Check,
}

impl Kind {
    fn parse(name: &str) -> Result<Self, Failure> {
        Ok(match name {
            "table" => Self::Table,
            "column" => Self::Column,
            "function" => Self::Function,
            "not null" => Self::NotNull,
            "default" => Self::Default,
            "p" | "u" => Self::Key,
            "f" => Self::ForeignKey,
            "index" => Self::Index,
            "trigger" => Self::Trigger,
            "view" => Self::View,
            "c" => Self::Check,
            other => return Err(Failure::Adopt(format!("the catalog has a piece of an unknown kind: {other}"))),
        })
    }

    /// What a person calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Function => "function",
            Self::NotNull => "not null of",
            Self::Default => "default of",
            Self::Key => "key",
            Self::ForeignKey => "foreign key",
            Self::Index => "index",
            Self::Trigger => "trigger",
            Self::View => "view",
            Self::Check => "check",
        }
    }
}

/// One piece of a schema.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// The table that it is of; empty for functions and views.
    pub(super) table: String,
    /// Its own name; for what a column has, the column's.
    pub(super) name: String,
    /// What is compared.
    pub(super) definition: String,
}

impl Piece {
    /// The same of another database?
    pub(super) fn is_that(&self, other: &Self) -> bool {
        (self.kind, &self.table, &self.name) == (other.kind, &other.table, &other.name)
    }

    /// As a person would name it.
    pub(super) fn title(&self) -> String {
        let (kind, table, name) = (self.kind.name(), &self.table, &self.name);
        match self.kind {
            Kind::Table | Kind::Function | Kind::View => format!("{kind} {name}"),
            Kind::Column | Kind::NotNull | Kind::Default => format!("{kind} {table}.{name}"),
            _ => format!("{kind} {name} of {table}"),
        }
    }

    /// The statement that makes it, of names and definitions that the catalog quoted. Tables and columns cannot be made: what
    /// would be in them is not known.
    pub(super) fn make(&self) -> Option<String> {
        let Self { table, name, definition, .. } = self;
        match self.kind {
            Kind::Table | Kind::Column => None,
            Kind::NotNull => Some(format!("alter table {table} alter column {name} set not null")),
            Kind::Default => Some(format!("alter table {table} alter column {name} set default {definition}")),
            Kind::Key | Kind::ForeignKey | Kind::Check => {
                Some(format!("alter table {table} add constraint {name} {definition}"))
            }
            Kind::View => Some(format!("create view {name} as {definition}")),
            Kind::Function | Kind::Index | Kind::Trigger => Some(definition.clone()),
        }
    }

    /// The statement that takes away what has its name and is another.
    pub(super) fn unmake(&self) -> Option<String> {
        let Self { table, name, .. } = self;
        match self.kind {
            Kind::Key | Kind::ForeignKey | Kind::Check => Some(format!("alter table {table} drop constraint {name}")),
            Kind::Index => Some(format!("drop index {name}")),
            Kind::Trigger => Some(format!("drop trigger {name} on {table}")),
            Kind::View => Some(format!("drop view {name}")),
            // `create or replace`, or set over what was.
            Kind::Table | Kind::Column | Kind::Function | Kind::NotNull | Kind::Default => None,
        }
    }
}

/// Every piece of `schema` that belongs to no extension, in the order of [`Kind`]. `schema` must be first in the search path,
/// so that names of its own are told without it.
pub(super) async fn pieces(db: &mut PgConnection, schema: &str) -> Result<Vec<Piece>, Failure> {
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        r"with ours as (
             select c.oid, c.relname, c.relkind, quote_ident(c.relname) as name
             from pg_class c
             where c.relnamespace = $1::regnamespace
                and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
         ), tables as (
             select oid, name from ours where relkind in ('r', 'p')
         ), columns as (
             select t.name as table_name, quote_ident(a.attname) as name, a.attnotnull,
                    format_type(a.atttypid, a.atttypmod) as type, pg_get_expr(d.adbin, d.adrelid) as value
             from tables t
             join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
             left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
         )
         select 'table', '', name, '' from tables
         union all
         select 'column', table_name, name, type from columns
         union all
         select 'not null', table_name, name, '' from columns where attnotnull
         union all
         select 'default', table_name, name, value from columns where value is not null
         union all
         select c.contype::text, t.name, quote_ident(c.conname), pg_get_constraintdef(c.oid)
         from tables t join pg_constraint c on c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c')
         union all
         select 'index', t.name, quote_ident(i.relname), replace(pg_get_indexdef(i.oid), ' ON ' || $1 || '.', ' ON ')
         from tables t
         join pg_index x on x.indrelid = t.oid
         join pg_class i on i.oid = x.indexrelid
         where not exists (select from pg_constraint c where c.conindid = i.oid and c.contype in ('p', 'u', 'x'))
         union all
         select 'trigger', t.name, quote_ident(g.tgname),
                replace(replace(pg_get_triggerdef(g.oid), ' ON ' || $1 || '.', ' ON '), 'FUNCTION ' || $1 || '.', 'FUNCTION ')
         from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
         union all
         select 'view', '', name, rtrim(pg_get_viewdef(oid), ';') from ours where relkind = 'v'
         union all
         select 'function', '', quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
                replace(pg_get_functiondef(p.oid), 'FUNCTION ' || $1 || '.', 'FUNCTION ')
         from pg_proc p
         where p.pronamespace = $1::regnamespace and p.prokind = 'f'
            and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')",
    )
    .bind(schema)
    .fetch_all(db)
    .await?;
    let piece = |(kind, table, name, definition): (String, String, String, String)| {
        Ok(Piece { kind: Kind::parse(&kind)?, table, name, definition })
    };
    let mut pieces = rows.into_iter().map(piece).collect::<Result<Vec<_>, Failure>>()?;
    pieces.sort_by(|one, other| (one.kind, &one.table, &one.name).cmp(&(other.kind, &other.table, &other.name)));
    Ok(pieces)
}
