//! Databases that pause while idle and take a while to resume.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use futures_util::future::join_all;
use secrecy::SecretString;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, WakeCallback};
use understudy_directory::{DirectoryCode, DirectoryError};

use crate::link::{PASSWORD, READER, ada_is_there, build_config, mariadb, mongo, postgres};

/// How a sleeping database behaves.
#[derive(Clone, Copy, PartialEq)]
enum Asleep {
    /// A proxy accepts and stays silent until the database is up.
    Silent,
    /// A proxy accepts and hangs up.
    HangsUp,
    /// PostgreSQL itself, while it starts.
    Starting,
}

/// A sleeping database that wakes up only when told to.
struct Sleeper {
    port: u16,
    awake: Arc<(Mutex<bool>, Condvar)>,
}

impl Sleeper {
    fn before(server: u16, how: Asleep) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let awake: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let sleeping = Arc::clone(&awake);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let sleeping = Arc::clone(&sleeping);
                std::thread::spawn(move || serve(near, server, how, &sleeping));
            }
        });
        Self { port, awake }
    }

    /// Wakes it as soon as the caller is told that it is waking; records what the caller was told.
    fn wakes_when_told(&self) -> (WakeCallback, Arc<Mutex<Vec<bool>>>) {
        let (awake, told) = (Arc::clone(&self.awake), Arc::<Mutex<Vec<bool>>>::default());
        let telling = Arc::clone(&told);
        let tell = move |wakes| {
            telling.lock().unwrap().push(wakes);
            *awake.0.lock().unwrap() = true;
            awake.1.notify_all();
        };
        (Arc::new(tell), told)
    }
}

fn serve(mut near: TcpStream, server: u16, how: Asleep, awake: &(Mutex<bool>, Condvar)) {
    if !*awake.0.lock().unwrap() {
        match how {
            Asleep::Silent => drop(awake.1.wait_while(awake.0.lock().unwrap(), |awake| !*awake).unwrap()),
            Asleep::HangsUp => return,
            Asleep::Starting => {
                let mut length = [0; 4];
                near.read_exact(&mut length).unwrap();
                near.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize - 4]).unwrap();
                let body = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
                let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
                return near.write_all(&[b"E", &length[..], body].concat()).unwrap();
            }
        }
    }
    let far = TcpStream::connect(("127.0.0.1", server)).unwrap();
    for (from, to) in [(&near, &far), (&far, &near)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn at(config: &DirectoryConfig, server: u16, sleeper: &Sleeper) -> DirectoryConfig {
    let url = config.url.replace(&format!(":{server}"), &format!(":{}", sleeper.port));
    DirectoryConfig { url, patience: 60, ..config.clone() }
}

async fn opened(config: &DirectoryConfig, tell: WakeCallback) -> Result<Arc<dyn Directory>, DirectoryError> {
    let password = SecretString::from(PASSWORD);
    understudy_directory::with_wake_listener(tell, understudy_directory::open(config, Some(&password))).await
}

/// The first query is answered, however long it takes; the caller is told that the server is waking, and when that is
/// over.
async fn it_is_waited_for(config: &DirectoryConfig, server: u16, how: Asleep) {
    let sleeper = Sleeper::before(server, how);
    let (tell, told) = sleeper.wakes_when_told();
    let directory = opened(&at(config, server, &sleeper), tell).await.unwrap();
    ada_is_there(&*directory).await;
    assert_eq!(*told.lock().unwrap(), [true, false]);
}

/// A caller that cancels stops waiting and is not notified any more.
async fn nobody_has_to_wait(config: &DirectoryConfig, server: u16) {
    let sleeper = Sleeper::before(server, Asleep::Silent);
    let (telling, mut told) = tokio::sync::mpsc::unbounded_channel();
    let tell = Arc::new(move |wakes| telling.send(wakes).unwrap());
    let config = at(config, server, &sleeper);
    {
        let mut opening = std::pin::pin!(opened(&config, tell));
        tokio::select! {
            opened = &mut opening => panic!("it sleeps: {:?}", opened.err()),
            wakes = told.recv() => assert_eq!(wakes, Some(true)),
        }
    }
    assert_eq!(told.recv().await, Some(false));
}

/// A server that never wakes is not reported as an unreachable network.
async fn patience_has_an_end(config: &DirectoryConfig, server: u16) {
    let sleeper = Sleeper::before(server, Asleep::Silent);
    let impatient = DirectoryConfig { patience: 5, ..at(config, server, &sleeper) };
    let Err(error) = opened(&impatient, Arc::new(|_| {})).await else { panic!("it sleeps") };
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.to_string().contains("`patience` in [directory]"), "{error}");
    assert!(!error.to_string().contains("VPN"), "it was reached: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_sleeps_is_waited_for() {
    let server = postgres();
    let config = build_config(format!("{}?sslmode=disable", server.url(READER, "postgres")));
    tokio::join!(
        join_all([Asleep::Silent, Asleep::HangsUp, Asleep::Starting].map(|how| it_is_waited_for(
            &config,
            server.port(),
            how
        ))),
        nobody_has_to_wait(&config, server.port()),
        patience_has_an_end(&config, server.port()),
    );
}

/// A server that recovers for hours, or a standby that does not accept queries, explains itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starting_postgres_is_reported_in_its_own_words() {
    let server = postgres();
    let config = build_config(format!("{}?sslmode=disable", server.url(READER, "postgres")));
    let sleeper = Sleeper::before(server.port(), Asleep::Starting);
    let impatient = DirectoryConfig { patience: 5, ..at(&config, server.port(), &sleeper) };
    let Err(error) = opened(&impatient, Arc::new(|_| {})).await else { panic!("it never starts") };
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("is not ready: the database system is starting up"), "{error}");
    let text = error.to_string();
    assert!(
        !text.contains("VPN") && !text.contains("sent nothing") && text.contains("hot_standby"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_sleeps_is_waited_for() {
    let server = mariadb();
    let config = build_config(server.url(READER, "acme"));
    tokio::join!(
        join_all([Asleep::Silent, Asleep::HangsUp].map(|how| it_is_waited_for(&config, server.port(), how))),
        nobody_has_to_wait(&config, server.port()),
        patience_has_an_end(&config, server.port()),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mongodb_that_sleeps_is_waited_for() {
    let server = mongo().await;
    let config = DirectoryConfig { id: "_id".into(), ..build_config(server.url(READER, "acme")) };
    tokio::join!(
        join_all([Asleep::Silent, Asleep::HangsUp].map(|how| it_is_waited_for(&config, server.port(), how))),
        nobody_has_to_wait(&config, server.port()),
        patience_has_an_end(&config, server.port()),
    );
}
