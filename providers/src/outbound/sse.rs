//! Server-sent events, from pieces of a body. Our own, since the events of images are tens of megabytes: a parser that begins
//! again with each piece would read them a thousand times over.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    /// Its name; empty when it has none.
    pub name: String,
    /// Its data, lines joined.
    pub data: Vec<u8>,
}

/// Events as they become whole. Its memory is bounded by whoever bounds the body.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    /// The last line ended with a carriage return, so a line feed that follows belongs to it.
    returned: bool,
    event: Event,
    has_data: bool,
}

impl Events {
    /// Takes a piece of the body, and gives the events that end in it.
    pub fn take(&mut self, mut piece: &[u8]) -> Vec<Event> {
        let mut whole = Vec::new();
        if self.returned && piece.first() == Some(&b'\n') {
            piece = &piece[1..];
        }
        self.returned = false;
        while let Some(end) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&piece[..end]);
            let is_return = piece[end] == b'\r';
            piece = &piece[end + 1..];
            if is_return {
                match piece.first() {
                    Some(b'\n') => piece = &piece[1..],
                    Some(_) => {}
                    None => self.returned = true,
                }
            }
            let line = std::mem::take(&mut self.line);
            whole.extend(self.read(&line));
        }
        self.line.extend_from_slice(piece);
        whole
    }

    fn read(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.has_data {
                    self.event.data.push(b'\n');
                }
                self.event.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.event.name = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nevent: a\ndata: 1\n\ndata:2\r\ndata:  3\r\nid: 7\r\n\r\nretry: 1\n\ndata\n\nevent: b\rdata: x\r\rdata: cut";

    #[test]
    fn events_are_the_same_wherever_the_body_is_cut() {
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        let expected = [event("a", "1"), event("", "2\n 3"), event("", ""), event("b", "x")];
        for size in 1..=STREAM.len() {
            let mut events = Events::default();
            let found: Vec<_> = STREAM.as_bytes().chunks(size).flat_map(|piece| events.take(piece)).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}
