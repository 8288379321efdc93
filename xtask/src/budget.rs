//! What an operator pays: size of the program, time to start, memory at rest.

use crate::Outcome;
use crate::source::text;
use crate::world::{World, cargo, free_port, program, run};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const MOST_MEGABYTES: f64 = 100.0;
const MOST_SECONDS: f64 = 5.0;
/// Long enough for the background jobs of the first start to finish.
const REST: Duration = Duration::from_secs(5);

/// The verb `budget`.
pub fn check() -> Outcome {
    let world = World::read()?;
    run(cargo(&world.workspace_root).args(["build", "--release", "-p", "yiwang"]))?;
    let binary = world.binary("release", "yiwang");
    let bytes = std::fs::metadata(&binary)
        .map_err(|e| format!("{}: {e}", binary.display()))?
        .len();
    let megabytes = bytes as f64 / 1e6;
    let crates = text(&world.workspace_root.join("Cargo.lock"))?
        .matches("[[package]]")
        .count();
    let (seconds, resident) = start(&world, &binary)?;
    println!("binary        {megabytes:>8.1} MB   at most {MOST_MEGABYTES}");
    println!("start (demo)  {seconds:>8.2} s    at most {MOST_SECONDS}");
    println!("at rest       {resident:>8.1} MB");
    println!("Cargo.lock    {crates:>8} crates");
    let mut over = Vec::new();
    if megabytes >= MOST_MEGABYTES {
        over.push(format!("the binary has {megabytes:.1} MB"));
    }
    if seconds >= MOST_SECONDS {
        over.push(format!("the start takes {seconds:.2} s"));
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(format!("over budget: {}", over.join("; ")))
    }
}

/// A demonstration city on an empty data folder; dropping it stops it and removes the folder.
struct City {
    child: Child,
    data: PathBuf,
}

impl Drop for City {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// Seconds until `/healthz` answers, and megabytes of resident memory at rest.
fn start(world: &World, binary: &Path) -> Result<(f64, f64), String> {
    let data = std::env::temp_dir().join(format!("yiwang-budget-{}", std::process::id()));
    std::fs::create_dir(&data).map_err(|e| format!("{}: {e}", data.display()))?;
    let port = free_port()?;
    let mut command = program(binary, &world.workspace_root);
    command.args([
        "serve",
        "--demo",
        "--pack",
        "packs/huaian",
        "--listen",
        &format!("127.0.0.1:{port}"),
        "--data",
    ]);
    command.arg(&data).stdin(Stdio::null()).stdout(Stdio::null());
    let since = Instant::now();
    let child = command
        .spawn()
        .map_err(|e| format!("{}: {e}", binary.display()))?;
    let mut city = City { child, data };
    while !healthy(port) {
        if let Ok(Some(status)) = city.child.try_wait() {
            return Err(format!("the city ended with {status} before it answered"));
        }
        if since.elapsed() > Duration::from_secs(60) {
            return Err("the city does not answer within 60 s".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = since.elapsed().as_secs_f64();
    std::thread::sleep(REST);
    let status = text(&PathBuf::from(format!("/proc/{}/status", city.child.id())))?;
    let kilobytes = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let kilobytes: f64 = kilobytes.ok_or("no VmRSS in /proc")?;
    Ok((seconds, kilobytes * 1024.0 / 1e6))
}

fn healthy(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
