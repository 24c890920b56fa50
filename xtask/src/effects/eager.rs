//! Reads ahead in a thread, so that it can be told whether more is at hand: a filter behind `tail -f` writes what it has while nothing comes.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
};

/// How much is read at once, and how many such pieces wait to be taken.
const PIECE: usize = 256 * 1024;
const PIECES: usize = 8;

/// A reader that knows whether reading would wait.
pub struct Eager {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
    next: Option<io::Result<Vec<u8>>>,
}

impl Eager {
    /// Begins to read. The thread ends with the input, or when nobody takes what it read.
    pub fn new(mut reader: impl Read + Send + 'static) -> Self {
        let (send, pieces) = sync_channel(PIECES);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = match reader.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let ended = !matches!(read, Ok(n) if n > 0);
                let piece = read.map(|n| {
                    piece.truncate(n);
                    piece
                });
                if send.send(piece).is_err() || ended {
                    return;
                }
            }
        });
        Self { pieces, piece: Vec::new(), taken: 0, next: None }
    }

    /// What comes first, without taking it; nothing where nothing comes.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.piece.len() {
            self.advance()?;
        }
        Ok(self.piece.get(self.taken..).unwrap_or_default())
    }

    fn advance(&mut self) -> io::Result<()> {
        self.piece = match self.next.take() {
            Some(next) => next?,
            // Its thread is gone: the input has ended.
            None => self.pieces.recv().unwrap_or_else(|_| Ok(Vec::new()))?,
        };
        self.taken = 0;
        Ok(())
    }

    /// Whether reading now would wait.
    pub fn waits(&mut self) -> bool {
        if self.taken < self.piece.len() || self.next.is_some() {
            return false;
        }
        match self.pieces.try_recv() {
            Ok(next) => self.next = Some(next),
            Err(TryRecvError::Disconnected) => {}
            Err(TryRecvError::Empty) => return true,
        }
        false
    }
}

impl Read for Eager {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() {
            self.advance()?;
        }
        let n = (self.piece.len() - self.taken).min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..n), self.piece.get(self.taken..self.taken + n)) {
            to.copy_from_slice(from);
        }
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_in_order_and_waiting_is_told() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut eager = Eager::new(reader);
        assert!(eager.waits(), "nothing was written yet");
        io::Write::write_all(&mut writer, b"one\n").unwrap();
        let mut bytes = [0; 3];
        eager.read_exact(&mut bytes).unwrap();
        assert!(!eager.waits(), "half of it is left");
        // A pipe holds less than that: somebody must write while we read.
        let writer = std::thread::spawn(move || io::Write::write_all(&mut writer, &vec![b'x'; 1_000_000]));
        let mut rest = Vec::new();
        eager.read_to_end(&mut rest).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!((&bytes, rest.len(), rest.first()), (b"one", 1_000_001, Some(&b'\n')));
    }
}
