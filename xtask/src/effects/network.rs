//! HTTP. One client for all: our User-Agent, connect and stall time-outs, no total time-out (a large asset on a slow line is no error).

use std::{
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_platform_verifier::Verifier;

use crate::kernel::{Context as _, Result};

/// GitHub refuses requests without one.
pub const USER_AGENT: &str = concat!("xtask/", env!("CARGO_PKG_VERSION"));

/// Settings of a client.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To get a connection.
    pub connect: Duration,
    /// Without a byte moving.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(20), stall: Duration::from_secs(60) }
    }
}

/// Picks the TLS provider, once.
fn prepare_tls() {
    // Fails only where a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The system's own judgement of certificates, made ready at the first handshake and once for all clients: on Linux it reads every certificate
/// file there is, which takes longer than a request, and a server on this machine needs none of them.
#[derive(Debug)]
struct System {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Verifier, rustls::Error>>,
}

impl System {
    fn verifier(&self) -> Result<&Verifier, rustls::Error> {
        self.verifier.get_or_init(|| Verifier::new(Arc::clone(&self.provider))).as_ref().map_err(Clone::clone)
    }
}

impl ServerCertVerifier for System {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier()?.verify_server_cert(certificate, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS as all clients speak it: one configuration, so that they share sessions and certificates too.
static TLS: LazyLock<ClientConfig> = LazyLock::new(|| {
    prepare_tls();
    let provider = CryptoProvider::get_default().map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone);
    let system = System { provider, verifier: OnceLock::new() };
    let mut config = ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(system)).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
});

/// A client; redirects are followed, and credentials don't follow to another host.
pub fn client(timeouts: Timeouts) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(TLS.clone())
        .user_agent(USER_AGENT)
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.stall)
        .build()
        .context(|| "set up the HTTP client".into())
}

/// A client for uploads: it never waits in vain, because its user watches the bytes go out. The stall time-out of [`client`] counts from the
/// request's first byte to the answer's, which would cut off every upload that takes longer. It follows no redirects: a body goes where it was meant to go.
pub fn upload_client(timeouts: Timeouts) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(TLS.clone())
        .user_agent(USER_AGENT)
        .connect_timeout(timeouts.connect)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context(|| "set up the HTTP client for uploads".into())
}

/// The runtime on which requests run.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context(|| "start the network runtime".into())
}

/// The status that an address answers with, within a time in all. Loopback is asked directly, whatever proxy is set.
pub fn probe(address: &str, within: Duration) -> Result<u16> {
    let parsed = reqwest::Url::parse(address).context(|| format!("`{address}` is no address"))?;
    let local =
        parsed.host_str().is_some_and(|host| host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()));
    let builder = reqwest::Client::builder().tls_backend_preconfigured(TLS.clone()).user_agent(USER_AGENT).timeout(within);
    let client = if local { builder.no_proxy() } else { builder }.build().context(|| "set up the HTTP client".into())?;
    let answer = runtime()?.block_on(async { client.get(parsed).send().await });
    answer.map(|answer| answer.status().as_u16()).context(|| format!("ask {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For `localhost`, signed by itself, valid for a hundred years.
    const BY_ITSELF: [&str; 4] = [
        "MIIBkjCCATigAwIBAgIUZGySz+2ZyzVaU1PbqN1rW5bAd3wwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDAyMTI0MloYDzIxMjYxMDMxMDIxMjQyWjAU",
        "MRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATJkQSJrHv0ONwCKmwHlWH/Ia9jDUCShN9Y9OwGgL3Wkb8tWcT+lRpFM7+QFvfh3zX1bT2rVhV0Dcoy",
        "HVV9vbDno2YwZDAdBgNVHQ4EFgQUf/mnnMe9HoBlRzImQ0JcVjscyXAwHwYDVR0jBBgwFoAUf/mnnMe9HoBlRzImQ0JcVjscyXAwFAYDVR0RBA0wC4IJbG9jYWxob3N0MAwGA1UdEwEB",
        "/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIhAJAC2KBRBZqTZIyJr7FNxoiP36t+aHk1UzG2+KMyC2StAiA2iJqErbG6SeZgQQwirKfzc8kfbRl4NaMsgHZ4ci9oiA==",
    ];

    #[test]
    fn a_certificate_that_nobody_trusts_is_refused() {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let system = System { provider: Arc::new(rustls::crypto::ring::default_provider()), verifier: OnceLock::new() };
        let certificate = CertificateDer::from(STANDARD.decode(BY_ITSELF.concat()).unwrap());
        let name = ServerName::try_from("localhost").unwrap();
        let judged = system.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now());
        assert!(judged.is_err(), "{judged:?}");
    }
}
