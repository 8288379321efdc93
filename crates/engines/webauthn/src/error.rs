//! Why a ceremony is refused. For logs and tests; people are told one neutral sentence.

/// The first check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the response is not the JSON of a public-key credential")]
    Response,
    #[error("the client data is not JSON of the right shape")]
    ClientData,
    #[error("the client data is of another ceremony")]
    Type,
    #[error("the challenge is another")]
    Challenge,
    #[error("the origin is another")]
    Origin,
    #[error("the ceremony ran inside another site")]
    CrossOrigin,
    #[error("the authenticator data does not parse")]
    AuthenticatorData,
    #[error("the relying party is another")]
    RelyingParty,
    #[error("the user was not present")]
    Presence,
    #[error("the user was not verified")]
    Verification,
    #[error("the backup flags contradict each other or what is stored")]
    Backup,
    #[error("the attestation object does not parse")]
    AttestationObject,
    #[error("the attestation is not of an accepted format")]
    AttestationFormat,
    #[error("the credential is another than the response says")]
    Credential,
    #[error("the public key is not of an accepted kind")]
    Key,
    #[error("the signature is wrong")]
    Signature,
    #[error("the user handle is another")]
    UserHandle,
    #[error("the signature counter did not rise: the key may have been copied")]
    Cloned,
}
