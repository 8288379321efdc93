//! The platform's authority as others meet it: profiles, requests, revocation, time-stamps, electronic seals and files
//! that were changed after signing. The OpenSSL command line must be installed: most tests ask it for its opinion.

mod broken;
mod crl;
mod ocsp;
mod profiles;
mod ses;
mod shadow;
mod stamps;
mod support;
mod tsp;
