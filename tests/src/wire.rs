//! Counts a service's round trips to PostgreSQL, and hears what that refuses: a proxy between the two that reads along.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A counting proxy in front of a database.
pub struct Wire {
    trips: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<String>>>,
    /// The database's address, by way of the proxy.
    pub url: String,
}

impl Wire {
    /// In front of the database at `url`.
    pub async fn tap(url: &str) -> Self {
        let mut url = url::Url::parse(url).expect("a database URL");
        let upstream = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
        url.set_query(Some("sslmode=disable"));
        let trips = Arc::new(AtomicUsize::new(0));
        let refused = Arc::<Mutex<Vec<String>>>::default();
        let (counted, heard) = (Arc::clone(&trips), Arc::clone(&refused));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, trips, refused) = (upstream.clone(), Arc::clone(&counted), Arc::clone(&heard));
                tokio::spawn(async move {
                    let server = TcpStream::connect(upstream).await.expect("the database");
                    // What is passed on in pieces would wait 40 ms for an acknowledgement (Nagle).
                    client.set_nodelay(true).and(server.set_nodelay(true)).expect("a TCP socket");
                    let (client_reads, client_writes) = client.into_split();
                    let (server_reads, server_writes) = server.into_split();
                    tokio::spawn(async move { answer(server_reads, client_writes, &refused).await });
                    let _ = pass_on(client_reads, server_writes, &trips).await;
                });
            }
        });
        Self { trips, refused, url: url.to_string() }
    }

    /// Round trips since the last time it was asked.
    pub fn trips(&self) -> usize {
        self.trips.swap(0, Ordering::SeqCst)
    }

    /// What the database refused since the last time it was asked, as it says.
    pub fn refused(&self) -> Vec<String> {
        std::mem::take(&mut *self.refused.lock().expect("nobody panicked with it"))
    }
}

/// Each Sync and each simple Query is one round trip, however many messages come before it.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, trips: &AtomicUsize) -> std::io::Result<()> {
    // The startup message has no kind.
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    pass_body(&mut from, &mut to, &head).await?;
    loop {
        let kind = from.read_u8().await?;
        from.read_exact(&mut head).await?;
        to.write_u8(kind).await?;
        if matches!(kind, b'S' | b'Q') {
            trips.fetch_add(1, Ordering::SeqCst);
        }
        pass_body(&mut from, &mut to, &head).await?;
    }
}

/// An ErrorResponse says why, in fields that end with a zero.
async fn answer(from: OwnedReadHalf, mut to: OwnedWriteHalf, refused: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut from = BufReader::new(from);
    loop {
        let kind = from.read_u8().await?;
        let mut head = [0; 4];
        from.read_exact(&mut head).await?;
        to.write_u8(kind).await?;
        let body = pass_body(&mut from, &mut to, &head).await?;
        if kind == b'E' {
            let fields = String::from_utf8_lossy(&body).replace('\0', " ");
            refused.lock().expect("nobody panicked with it").push(fields);
        }
    }
}

async fn pass_body(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut OwnedWriteHalf,
    head: &[u8; 4],
) -> std::io::Result<Vec<u8>> {
    let length = u32::from_be_bytes(*head) as usize - 4;
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    to.write_all(head).await?;
    to.write_all(&body).await?;
    Ok(body)
}
