//! TLS: feature `tls`, for connections that ask for it with `sslmode=require`.
//!
//! **Invariant:** the server's certificate and its name are always verified, against the certificates of the system, or those of
//! the file or folder that `SSL_CERT_FILE` or `SSL_CERT_DIR` names.

use std::sync::Arc;

use postgres::{Client, Config};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::{Refused, address, refused};
use crate::error::{Error, ErrorKind};

/// Opens a connection that is encrypted.
pub(super) fn connect(config: &Config) -> Result<Client, Refused> {
    let tls = client_config().map_err(|reason| {
        Refused::ForGood(
            Error::new(ErrorKind::Connect, format!("TLS cannot be set up: {reason}"))
                .with_help("name the file of a certificate authority in `SSL_CERT_FILE`"),
        )
    })?;
    config
        .connect(MakeRustlsConnect::new(tls))
        .map_err(|error| refused(&error, &address(config), Some(config)))
}

fn client_config() -> Result<ClientConfig, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // What cannot be parsed is skipped: systems have certificates of every age.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!("no certificate authority was found ({})", errors.join("; ")));
    }
    // The provider is named, since a process-wide one is the application's choice.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
