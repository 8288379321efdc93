//! A browser, as far as stories need one: cookies, forms, files.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use tower::ServiceExt;

/// A file in a multipart form: (field, file name, content).
pub type File<'a> = (&'a str, &'a str, &'a [u8]);

const BOUNDARY: &str = "story-boundary-8151";

/// What the city answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text()))
    }
    pub fn has(&self, words: &str) -> bool {
        self.text().contains(words)
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
    }
    pub fn location(&self) -> &str {
        self.header("location")
    }
    /// Whether a link, a form or a button leads to an address that begins so.
    pub fn leads(&self, path: &str) -> bool {
        unescaped(&self.text()).contains(&format!("=\"{path}"))
    }
    /// The text between two marks, first occurrence.
    pub fn between(&self, from: &str, to: &str) -> Option<String> {
        let text = self.text();
        let rest = &text[text.find(from)? + from.len()..];
        Some(rest[..rest.find(to)?].to_string())
    }
    /// The value of the first hidden field of this name.
    pub fn hidden(&self, name: &str) -> Option<String> {
        self.between(&format!("type=\"hidden\" name=\"{name}\" value=\""), "\"")
    }
    /// The fields of the form that posts to this address, as a browser would send them untouched; buttons are left out.
    pub fn form(&self, action: &str) -> Vec<(String, String)> {
        let text = self.text();
        let posts = |from: &usize| {
            let tag = &text[*from..from + tag_end(&text[*from..]).unwrap_or(0)];
            attribute(tag, "action").as_deref() == Some(action)
        };
        let start = text.match_indices("<form ").map(|(n, _)| n).find(posts);
        let start = start.unwrap_or_else(|| panic!("no form posts to {action}: {text}"));
        let mut rest = &text[start..start + text[start..].find("</form>").unwrap()];
        let mut fields = Vec::new();
        let mut select = String::new();
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let Some(end) = tag_end(rest) else { break };
            let tag = &rest[..end];
            let inner = &rest[end + 1..];
            let name = attribute(tag, "name").unwrap_or_default();
            let chosen = |word: &str| tag.split_whitespace().any(|w| w == word);
            match tag.split_whitespace().next().unwrap_or_default() {
                "input" if !name.is_empty() => {
                    let kind = attribute(tag, "type").unwrap_or_default();
                    let boxed = kind == "checkbox" || kind == "radio";
                    if kind != "file" && (!boxed || chosen("checked")) {
                        fields.push((name, attribute(tag, "value").unwrap_or_default()));
                    }
                }
                "textarea" => {
                    let value = &inner[..inner.find("</textarea>").unwrap()];
                    // HTML leaves out the first line break.
                    fields.push((name, unescaped(value.strip_prefix('\n').unwrap_or(value))));
                }
                "select" => select = name,
                "option" if chosen("selected") => {
                    fields.push((select.clone(), attribute(tag, "value").unwrap_or_default()));
                }
                _ => {}
            }
            rest = inner;
        }
        fields
    }
    /// Asserts the status and shows the page when it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        self
    }
}

/// A browser or program with its cookies.
#[derive(Clone)]
pub struct Client {
    router: Router,
    pub cookies: BTreeMap<String, String>,
    pub bearer: Option<String>,
    pub accept: &'static str,
}

/// Where a tag ends: the first `>` outside of quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(n, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(n)
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescaped(rest.split('"').next().unwrap_or_default()))
}

fn unescaped(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
    ];
    let mut text = text.to_string();
    for (from, to) in pairs {
        text = text.replace(from, to);
    }
    text.replace("&amp;", "&")
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let part = |t: &str| kernel::http::percent(t).replace('/', "%2F");
    fields
        .iter()
        .map(|(k, v)| format!("{}={}", part(k), part(v)))
        .collect::<Vec<_>>()
        .join("&")
}

impl Client {
    pub fn new(router: Router) -> Client {
        Client {
            router,
            cookies: BTreeMap::new(),
            bearer: None,
            accept: "text/html",
        }
    }

    /// Any request, with headers of its own.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:8151")
            .header(header::ACCEPT, self.accept);
        if !self.cookies.is_empty() {
            let all: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request = request.header(header::COOKIE, all.join("; "));
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let stream = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|t| t == "text/event-stream");
        let body = match stream {
            // The live stream never ends.
            true => Vec::new(),
            false => body.collect().await.unwrap().to_bytes().to_vec(),
        };
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Vec::new()).await
    }
    pub async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &kind, encoded(fields).into_bytes())
            .await
    }
    pub async fn post_multipart(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[File<'_>],
    ) -> Answer {
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend(head.into_bytes());
            body.extend(value.as_bytes());
            body.extend(b"\r\n");
        }
        for (name, file, content) in files {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send(Method::POST, path, &[("content-type", &kind)], body)
            .await
    }
    pub async fn post_json(&mut self, path: &str, headers: &[(&str, &str)], body: &Json) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::POST, path, &all, body.to_string().into_bytes())
            .await
    }
    pub async fn sign_in(&mut self, login: &str, password: &str) -> Answer {
        self.post_form("/sign-in", &[("login", login), ("password", password)])
            .await
    }
    /// The session cookie's value.
    pub fn session(&self) -> String {
        let plain = kernel::http::SESSION;
        let found = self.cookies.iter().find(|(name, _)| name.ends_with(plain));
        found.expect("a session cookie").1.clone()
    }
}
