//! Where in the text a key stands, for messages that point at it.

/// The offset of the key at the end of `path` in a text that is known to be valid JSON; of equal keys the last, as
/// it is the one that counts.
pub(super) fn key_offset(text: &str, path: &[&str]) -> Option<usize> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.find(path)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    /// Looks through the value that begins here and steps behind it.
    fn find(&mut self, path: &[&str]) -> Option<usize> {
        self.skip_space();
        let ([key, below @ ..], Some(b'{')) = (path, self.peek()) else {
            self.skip_value();
            return None;
        };
        self.at += 1;
        let mut found = None;
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                self.at += 1;
                return found;
            }
            let start = self.at;
            self.skip_string();
            let name: Option<String> = serde_json::from_str(&self.text[start..self.at]).ok();
            self.skip_space();
            self.at += 1;
            if name.as_deref() == Some(*key) {
                let inside = self.find(below);
                found = if below.is_empty() { Some(start) } else { inside };
            } else {
                self.skip_value();
            }
            self.skip_space();
            if self.peek() != Some(b',') {
                self.at += 1;
                return found;
            }
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// From one quote to behind the next that is not escaped.
    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }

    fn skip_value(&mut self) {
        self.skip_space();
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}
