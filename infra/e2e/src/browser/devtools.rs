//! What can only be asked of a page in the browser's own protocol: the DevTools protocol, JSON over a websocket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::PATIENCE;

/// Frames: whole texts, continued ones, and their ends.
const TEXT: u8 = 1;
const CONTINUED: u8 = 0;
const CLOSE: u8 = 8;
const FINAL: u8 = 0x80;
/// Clients mask what they send; any mask does, so this one leaves it as it is.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0; 4];

/// A connection to one page.
#[derive(Debug)]
pub struct DevTools {
    stream: BufReader<TcpStream>,
    last: u64,
}

impl DevTools {
    /// Connects to the page of that websocket address.
    pub(super) fn connect(control: SocketAddr, url: &str) -> Self {
        let path = url.split_once(&control.to_string()).expect("its path").1;
        let mut stream = TcpStream::connect_timeout(&control, PATIENCE).expect("the browser");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {control}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            STANDARD.encode([0; 16])
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).expect("an answer");
        assert!(line.contains(" 101 "), "{line}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).expect("a header");
        }
        Self { stream, last: 0 }
    }

    /// Calls a method, and waits for its answer; events that come before are passed over.
    ///
    /// # Panics
    /// Where the browser refuses it.
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "id": id, "method": method, "params": params }).to_string());
        loop {
            let said: Value = serde_json::from_slice(&self.receive()).expect("JSON");
            if said["id"] == id {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].clone();
            }
        }
    }

    /// The value of an expression in the page.
    ///
    /// # Panics
    /// Where it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &params);
        let failed = &answer["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        answer["result"]["value"].clone()
    }

    /// Gives the page a size, in the pixels of styles.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600
        });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Presses a key, such as `Enter`.
    pub fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let text = if kind == "char" { "\r" } else { "" };
            let event =
                json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// What can be seen, as PNG.
    ///
    /// # Panics
    /// Where the browser sends something else.
    #[must_use]
    pub fn picture(&mut self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let data = answer["data"].as_str().expect("a picture");
        STANDARD.decode(data).expect("base64")
    }

    fn send(&mut self, text: &str) {
        let length = u64::try_from(text.len()).expect("a length");
        let mut frame = vec![FINAL | TEXT, MASKED | 127];
        frame.extend(length.to_be_bytes());
        frame.extend(MASK);
        frame.extend(text.as_bytes());
        self.stream.get_mut().write_all(&frame).expect("a browser");
    }

    /// The next whole message.
    fn receive(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        loop {
            let [first, second] = self.bytes();
            let length = match second {
                126 => u64::from(u16::from_be_bytes(self.bytes())),
                127 => u64::from_be_bytes(self.bytes()),
                short => u64::from(short),
            };
            let mut part = vec![0; usize::try_from(length).expect("a length")];
            self.stream.read_exact(&mut part).expect("a frame");
            match first & !FINAL {
                TEXT | CONTINUED => message.extend(part),
                CLOSE => panic!("the browser has closed"),
                // A ping; nobody misses the answer within a test.
                _ => continue,
            }
            if first & FINAL != 0 {
                return message;
            }
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).expect("a frame");
        bytes
    }
}
