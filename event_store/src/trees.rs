//! The trees over the ledger, as their notary keeps them: tiles of hashes, heads, the log's entries, and checkpoints. Here they
//! are bytes; what they mean is not known to this crate.

use std::fmt;

use sqlx::{PgPool, Row};

use crate::error::Error;

/// One of the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreeId {
    /// Over the heads of the others.
    Log,
    Partition(u16),
}

/// How far a tree has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    pub tree: TreeId,
    pub size: u64,
    pub root: [u8; 32],
}

/// Where a tile lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    pub tree: TreeId,
    pub level: u8,
    pub index: u64,
}

/// Its hashes, 32 bytes each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    pub id: TileId,
    pub hashes: Vec<u8>,
}

/// What a notary adds at once.
#[derive(Debug, Clone, Default)]
pub struct Growth {
    /// Of each tree that grew: its size before, and its head after.
    pub heads: Vec<(u64, TreeHead)>,
    pub tiles: Vec<Tile>,
    /// The log's, from its size before on.
    pub entries: Vec<String>,
    /// Over the log's new size.
    pub checkpoint: Option<String>,
}

/// Why a notary's work was not taken.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// Another notary was at work: read everything anew.
    #[error("{0} has grown meanwhile")]
    Moved(TreeId),
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for GrowError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl TreeId {
    fn number(self) -> i32 {
        match self {
            Self::Log => -1,
            Self::Partition(partition) => i32::from(partition),
        }
    }

    fn of(number: i32) -> Result<Self, Error> {
        match u16::try_from(number) {
            Ok(partition) => Ok(Self::Partition(partition)),
            Err(_) if number == -1 => Ok(Self::Log),
            Err(_) => Err(Error::Broken(format!("the tree {number}"))),
        }
    }
}

impl fmt::Display for TreeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => formatter.write_str("the log"),
            Self::Partition(partition) => write!(formatter, "the tree of partition {partition}"),
        }
    }
}

/// The trees of one ledger.
#[derive(Debug, Clone)]
pub struct Trees {
    pool: PgPool,
}

impl Trees {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The ledger's random id: what its checkpoints call it by.
    pub async fn ledger_id(&self) -> Result<String, Error> {
        let id: uuid::Uuid = sqlx::query_scalar("SELECT ledger_id FROM ledger.ledgers").fetch_one(&self.pool).await?;
        Ok(id.to_string())
    }

    /// Of every tree that has grown.
    pub async fn heads(&self) -> Result<Vec<TreeHead>, Error> {
        let rows = sqlx::query("SELECT tree, size, root FROM ledger.trees ORDER BY tree").fetch_all(&self.pool).await?;
        let head = |row: &sqlx::postgres::PgRow| {
            let root: Vec<u8> = row.try_get("root")?;
            let root = root.try_into().map_err(|_| Error::Broken("a root that has not 32 bytes".to_owned()))?;
            Ok(TreeHead { tree: TreeId::of(row.try_get("tree")?)?, size: unsigned(row.try_get("size")?)?, root })
        };
        rows.iter().map(head).collect()
    }

    /// How many entries the log has, by its head.
    pub async fn log_size(&self) -> Result<u64, Error> {
        Ok(self.heads().await?.iter().find(|head| head.tree == TreeId::Log).map_or(0, |head| head.size))
    }

    /// Those of these tiles that are there.
    pub async fn tiles(&self, wanted: &[TileId]) -> Result<Vec<Tile>, Error> {
        let rows = sqlx::query(
            "SELECT tree, level, index, hashes
             FROM unnest($1::integer[], $2::smallint[], $3::bigint[]) AS wanted (tree, level, index)
             JOIN ledger.tiles USING (tree, level, index)",
        )
        .bind(wanted.iter().map(|tile| tile.tree.number()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|tile| i16::from(tile.level)).collect::<Vec<_>>())
        .bind(wanted.iter().map(|tile| signed(tile.index)).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        let tile = |row: &sqlx::postgres::PgRow| {
            let level: i16 = row.try_get("level")?;
            let level = u8::try_from(level).map_err(|_| Error::Broken(format!("a tile of level {level}")))?;
            let id = TileId { tree: TreeId::of(row.try_get("tree")?)?, level, index: unsigned(row.try_get("index")?)? };
            Ok(Tile { id, hashes: row.try_get("hashes")? })
        };
        rows.iter().map(tile).collect()
    }

    /// The log's entries from an index on, at most so many.
    pub async fn entries(&self, from: u64, limit: usize) -> Result<Vec<String>, Error> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT index, entry FROM ledger.log_entries WHERE index >= $1 ORDER BY index LIMIT $2")
                .bind(signed(from))
                .bind(limit as i64)
                .fetch_all(&self.pool)
                .await?;
        for ((index, _), expected) in rows.iter().zip(from..) {
            if unsigned(*index)? != expected {
                return Err(Error::Broken(format!("the log lacks its entry {expected}")));
            }
        }
        Ok(rows.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The newest entry that is not of heads.
    pub async fn newest_but_heads(&self) -> Result<Option<String>, Error> {
        let entry = sqlx::query_scalar(
            r#"SELECT entry FROM ledger.log_entries WHERE entry NOT LIKE '{"kind":"heads"%' ORDER BY index DESC LIMIT 1"#,
        );
        Ok(entry.fetch_optional(&self.pool).await?)
    }

    /// Checkpoints over fewer than so many entries, the newest first: the size of the log, and the note.
    pub async fn checkpoints(&self, below: Option<u64>, limit: usize) -> Result<Vec<(u64, String)>, Error> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT size, note FROM ledger.checkpoints WHERE size < $1 ORDER BY size DESC LIMIT $2")
                .bind(below.map_or(i64::MAX, signed))
                .bind(limit as i64)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(|(size, note)| Ok((unsigned(size)?, note))).collect()
    }

    /// Checkpoints over more entries than so many, the fewest first: the size of the log, and the note.
    pub async fn checkpoints_above(&self, above: u64, limit: usize) -> Result<Vec<(u64, String)>, Error> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT size, note FROM ledger.checkpoints WHERE size > $1 ORDER BY size LIMIT $2")
                .bind(signed(above))
                .bind(limit as i64)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(|(size, note)| Ok((unsigned(size)?, note))).collect()
    }

    /// The checkpoint over exactly so many entries.
    pub async fn checkpoint(&self, size: u64) -> Result<Option<String>, Error> {
        let note = sqlx::query_scalar("SELECT note FROM ledger.checkpoints WHERE size = $1").bind(signed(size));
        Ok(note.fetch_optional(&self.pool).await?)
    }

    /// Checkpoints that were published elsewhere: the size of the log, and the note. Those that are there stay as they are.
    pub async fn bring_back(&self, checkpoints: &[(u64, String)]) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO ledger.checkpoints (size, note) SELECT * FROM unnest($1::bigint[], $2::text[]) ON CONFLICT DO NOTHING",
        )
        .bind(checkpoints.iter().map(|(size, _)| signed(*size)).collect::<Vec<_>>())
        .bind(checkpoints.iter().map(|(_, note)| note.as_str()).collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All of it, or nothing.
    ///
    /// # Errors
    /// [`GrowError::Moved`] where a tree is not as large as it was believed to be.
    pub async fn grow(&self, growth: &Growth) -> Result<(), GrowError> {
        let mut transaction = self.pool.begin().await?;
        let mut log_from = None;
        for (from, head) in &growth.heads {
            let grown = sqlx::query(
                "INSERT INTO ledger.trees AS tree (tree, size, root) SELECT $1, $3, $4
                 WHERE $2 = 0 OR EXISTS (SELECT FROM ledger.trees WHERE tree = $1)
                 ON CONFLICT (tree) DO UPDATE SET size = EXCLUDED.size, root = EXCLUDED.root WHERE tree.size = $2",
            )
            .bind(head.tree.number())
            .bind(signed(*from))
            .bind(signed(head.size))
            .bind(head.root.as_slice())
            .execute(&mut *transaction)
            .await?;
            if grown.rows_affected() != 1 {
                return Err(GrowError::Moved(head.tree));
            }
            if head.tree == TreeId::Log {
                log_from = Some((*from, head.size));
            }
        }
        let tiles = sqlx::query(
            "INSERT INTO ledger.tiles AS tile (tree, level, index, hashes)
             SELECT * FROM unnest($1::integer[], $2::smallint[], $3::bigint[], $4::bytea[])
             ON CONFLICT (tree, level, index) DO UPDATE SET hashes = EXCLUDED.hashes
             WHERE substring(EXCLUDED.hashes FROM 1 FOR octet_length(tile.hashes)) = tile.hashes",
        )
        .bind(growth.tiles.iter().map(|tile| tile.id.tree.number()).collect::<Vec<_>>())
        .bind(growth.tiles.iter().map(|tile| i16::from(tile.id.level)).collect::<Vec<_>>())
        .bind(growth.tiles.iter().map(|tile| signed(tile.id.index)).collect::<Vec<_>>())
        .bind(growth.tiles.iter().map(|tile| tile.hashes.as_slice()).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
        if tiles.rows_affected() != growth.tiles.len() as u64 {
            return Err(Error::Broken("a tile that has hashes which its tree has not".to_owned()).into());
        }
        if let Some((from, to)) = log_from {
            assert_eq!(to - from, growth.entries.len() as u64, "the log grows by its entries");
            sqlx::query("INSERT INTO ledger.log_entries (index, entry) SELECT $1 + place - 1, entry FROM unnest($2::text[]) WITH ORDINALITY AS added (entry, place)")
                .bind(signed(from))
                .bind(&growth.entries)
                .execute(&mut *transaction)
                .await?;
            if let Some(note) = &growth.checkpoint {
                sqlx::query("INSERT INTO ledger.checkpoints (size, note) VALUES ($1, $2)")
                    .bind(signed(to))
                    .bind(note)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Broken(format!("the count {number}")))
}
