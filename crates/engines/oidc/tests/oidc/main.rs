//! The engine as a server uses it: whole flows, published vectors, and what attackers send.

mod answers;
mod flow;
mod forged;
mod garbage;
mod requests;
mod town;
mod vectors;
