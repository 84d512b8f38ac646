//! The module's side of a hostcall: its memory, read and written with bounds.

use wasmtime::{Caller, Memory};

use super::{
    state::Host,
    status::{Refusal, Status},
};

/// A hostcall while it is served.
pub(super) struct Guest<'c, 'h> {
    caller: &'c mut Caller<'h, Host>,
}

/// Serves a hostcall: counts it, and turns what comes out into a status or a trap.
pub(super) fn serve(
    mut caller: Caller<'_, Host>,
    name: &'static str,
    body: impl FnOnce(&mut Guest<'_, '_>) -> Result<(), Refusal>,
) -> wasmtime::Result<u32> {
    caller.data_mut().usage.count_hostcall(name);
    match body(&mut Guest { caller: &mut caller }) {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Refusal::Status(status)) => Ok(status as u32),
        Err(Refusal::Trap(error)) => Err(error),
    }
}

/// The same for a function of WASI, which answers with its own numbers.
pub(super) fn serve_wasi(
    mut caller: Caller<'_, Host>,
    name: &'static str,
    body: impl FnOnce(&mut Guest<'_, '_>) -> Result<u32, Refusal>,
) -> wasmtime::Result<u32> {
    /// `__WASI_EFAULT`
    const FAULT: u32 = 21;
    caller.data_mut().usage.count_hostcall(name);
    match body(&mut Guest { caller: &mut caller }) {
        Ok(number) => Ok(number),
        Err(Refusal::Status(_)) => Ok(FAULT),
        Err(Refusal::Trap(error)) => Err(error),
    }
}

// === impl Guest ===

impl Guest<'_, '_> {
    pub(super) fn host(&mut self) -> &mut Host {
        self.caller.data_mut()
    }

    /// Bytes of the module.
    pub(super) fn read(&mut self, at: u32, size: u32) -> Result<Vec<u8>, Status> {
        let memory = self.memory()?;
        let (start, end) = span(at, size)?;
        let bytes = memory.data(&*self.caller).get(start..end).ok_or(Status::InvalidMemoryAccess)?.to_vec();
        self.host().usage.count_out(bytes.len());
        Ok(bytes)
    }

    /// Text of the module; what is none is replaced.
    pub(super) fn read_text(&mut self, at: u32, size: u32) -> Result<String, Status> {
        Ok(String::from_utf8_lossy(&self.read(at, size)?).into_owned())
    }

    pub(super) fn read_u32(&mut self, at: u32) -> Result<u32, Status> {
        let bytes = self.read(at, 4)?;
        Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| Status::InvalidMemoryAccess)?))
    }

    /// Writes to where the module said.
    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Status> {
        let memory = self.memory()?;
        let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        let (start, end) = span(at, size)?;
        let place =
            memory.data_mut(&mut *self.caller).get_mut(start..end).ok_or(Status::InvalidMemoryAccess)?;
        place.copy_from_slice(bytes);
        self.host().usage.count_in(bytes.len());
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), Status> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), Status> {
        self.write(at, &value.to_le_bytes())
    }

    /// Gives bytes to the module in memory that the module itself allocates.
    pub(super) fn give(&mut self, bytes: &[u8], pointer: u32, size: u32) -> Result<(), Refusal> {
        let length = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        let mut address = 0;
        if length > 0 {
            address = self.allocate(length)?;
            self.write(address, bytes)?;
        }
        self.write_u32(pointer, address)?;
        self.write_u32(size, length)?;
        Ok(())
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Refusal> {
        let host = self.host();
        host.usage.count_callback("proxy_on_memory_allocate");
        let allocate = host.allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
        match allocate.call(&mut *self.caller, size) {
            Ok(0) => Err(Status::InvalidMemoryAccess.into()),
            Ok(address) => Ok(address),
            // The module is dead, but Envoy lets it run on to the end of its callback.
            Err(error) => {
                self.host().dying = Some(error);
                Err(Status::InvalidMemoryAccess.into())
            }
        }
    }

    fn memory(&mut self) -> Result<Memory, Status> {
        self.host().memory.ok_or(Status::InvalidMemoryAccess)
    }
}

fn span(at: u32, size: u32) -> Result<(usize, usize), Status> {
    let index = |number: u32| usize::try_from(number).map_err(|_| Status::InvalidMemoryAccess);
    let start = index(at)?;
    Ok((start, start.checked_add(index(size)?).ok_or(Status::InvalidMemoryAccess)?))
}
