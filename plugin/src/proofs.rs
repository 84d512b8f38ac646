//! Which proofs of possession were used, remembered for all workers of the proxy in its shared data.

use actgate_abi::{Error, replace_shared_data, shared_data};
use actgate_authz::{ProofUse, Remembering, UnixTime, remember_proof, shard_since};

use crate::host;

/// Since when the proxy remembers: proofs that are older may have been used with the process before it.
const SINCE: &str = "actgate.proofs.since";

/// How often a worker tries where others write the same shard. Each failure is another worker's success: more of them in
/// a row than a machine has workers is a host that does not swap.
const TRIES: u32 = 256;

/// Begins to remember, unless another VM of the process has.
///
/// # Errors
/// The host shares nothing.
pub(crate) fn begin() -> Result<(), Error> {
    if shared_data(SINCE)?.is_none() {
        let now = host::now()?.unix_time();
        // Of two VMs that begin at the same time, either will do.
        replace_shared_data(SINCE, &now.seconds().to_be_bytes(), actgate_abi::ABSENT)?;
    }
    Ok(())
}

/// Remembers a proof, unless it was used before. What the host refuses is a refusal.
pub(crate) fn remember(proof: &ProofUse, now: UnixTime) -> Remembering {
    attempt(proof, now).unwrap_or_else(|error| {
        host::error(&format!("actgate: proofs: {error}"));
        Remembering::Unavailable
    })
}

fn attempt(proof: &ProofUse, now: UnixTime) -> Result<Remembering, Error> {
    let name = format!("actgate.proofs.{}", proof.shard());
    for _ in 0..TRIES {
        let (shard, version) = match shared_data(&name)? {
            Some(shared) => (shared.value, shared.version),
            None => match since()? {
                Some(since) => (shard_since(since), actgate_abi::ABSENT),
                None => return Ok(Remembering::Unavailable),
            },
        };
        match remember_proof(&shard, proof, now) {
            Ok(changed) if replace_shared_data(&name, &changed, version)? => return Ok(Remembering::New),
            Ok(_) => {}
            Err(why) => return Ok(why),
        }
    }
    Ok(Remembering::Unavailable)
}

fn since() -> Result<Option<UnixTime>, Error> {
    let shared = shared_data(SINCE)?;
    Ok(shared
        .and_then(|shared| shared.value.try_into().ok())
        .map(|octets| UnixTime::new(i64::from_be_bytes(octets))))
}
