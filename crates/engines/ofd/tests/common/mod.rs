//! Documents and packages for the tests.
#![allow(dead_code)]

use std::collections::BTreeMap;

use ofd::{
    Attachment, Color, Document, Font, Image, ImageFormat, Limits, Matrix, Object, Package, Page, Path,
    Picture, Rect, Segment, Signing, Stamp, Stroke, Text,
};

/// A text of `size`, each character as wide as it is high.
pub fn line(text: &str, x: f64, y: f64, size: f64) -> Text {
    Text {
        font: 0,
        size,
        x,
        y,
        color: Color::BLACK,
        text: text.into(),
        advances: vec![size; text.chars().count().saturating_sub(1)],
        glyphs: Vec::new(),
        transform: Matrix::IDENTITY,
        clip: None,
    }
}

/// Two pages with everything the model knows.
pub fn sample() -> Document {
    let square = [
        Segment::Move(20.0, 40.0),
        Segment::Line(60.0, 40.0),
        Segment::Quad([70.0, 50.0, 60.0, 60.0]),
        Segment::Cubic([50.0, 70.0, 30.0, 70.0, 20.0, 60.0]),
        Segment::Close,
    ];
    let mut turned = line("演示样例", 0.0, 0.0, 20.0);
    turned.transform = Matrix([0.8, -0.6, 0.6, 0.8, 50.0, 200.0]);
    let mut ligature = line("fi", 20.0, 90.0, 5.0);
    (ligature.advances, ligature.glyphs) = (Vec::new(), vec![7]);
    let stroke = Stroke {
        dash: vec![2.0, 1.0],
        ..Stroke::solid(Color::rgb(0, 0, 255), 0.5)
    };
    Document {
        title: "取水许可证 <演示> & \"样\"".into(),
        creator: "Yiwang".into(),
        created: "2026-05-29".into(),
        pages: vec![
            Page {
                width: 210.0,
                height: 297.0,
                objects: vec![
                    Object::Text(line("取水许可证", 60.0, 30.0, 10.0)),
                    Object::Text(line("持证主体：", 20.0, 80.0, 5.0)),
                    Object::Text(line("清河水业", 45.0, 80.0, 5.0)),
                    Object::Text(line("一万", 80.0, 80.0, 5.0)),
                    Object::Text(ligature),
                    Object::Text(turned),
                    Object::Path(Path {
                        data: square.to_vec(),
                        fill: Some(Color::rgb(200, 16, 46)),
                        even_odd: true,
                        stroke: Some(stroke),
                        ..Path::default()
                    }),
                    Object::Picture(Picture::within(
                        0,
                        Rect {
                            x: 150.0,
                            y: 20.0,
                            width: 30.0,
                            height: 30.0,
                        },
                    )),
                ],
            },
            Page {
                width: 148.0,
                height: 210.0,
                objects: vec![Object::Text(line("第二页 a<b&c", 20.0, 30.0, 4.2333))],
            },
        ],
        fonts: vec![Font {
            name: "Song \"1\"".into(),
            family: "Song".into(),
            bold: true,
            italic: false,
            bytes: b"not really a font".to_vec(),
        }],
        images: vec![Image {
            format: ImageFormat::Png,
            bytes: b"not really a picture".to_vec(),
        }],
        attachments: vec![Attachment {
            name: "附件一".into(),
            format: "txt".into(),
            bytes: vec![b'a'; 3000],
        }],
    }
}

pub fn limits() -> Limits {
    Limits::default()
}

pub fn signing() -> Signing {
    Signing {
        provider: "Yiwang".into(),
        time: "20260529042640Z".into(),
        seal: Some(b"a seal".to_vec()),
        stamps: vec![Stamp {
            page: 1,
            boundary: Rect {
                x: 90.0,
                y: 150.0,
                width: 42.0,
                height: 42.0,
            },
            clip: None,
        }],
        ..Signing::default()
    }
}

pub fn signed(package: &[u8]) -> Vec<u8> {
    ofd::prepare(package, &limits(), &signing())
        .unwrap()
        .finish(b"a value")
        .unwrap()
}

/// The package with its files changed.
pub fn changed(package: &[u8], change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Vec<u8> {
    let mut package = Package::open(package, &limits()).unwrap();
    change(&mut package.files);
    package.pack().unwrap()
}

/// A stored ZIP, byte by byte: name, content, external attributes.
pub fn zip_of(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content, attributes) in files {
        let at = out.len() as u32;
        let mut head = Vec::new();
        for word in [20u16, 1 << 11, 0, 0, 0x21] {
            head.extend(word.to_le_bytes());
        }
        let size = content.len() as u32;
        for word in [crc(content), size, size] {
            head.extend(word.to_le_bytes());
        }
        head.extend((name.len() as u16).to_le_bytes());
        head.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(*content);
        directory.extend(b"PK\x01\x02");
        directory.extend((3u16 << 8 | 20).to_le_bytes());
        directory.extend(&head);
        directory.extend([0; 6]);
        directory.extend(attributes.to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = (files.len().min(0xffff) as u16).to_le_bytes();
    let (at, size) = (out.len() as u32, directory.len() as u32);
    out.extend(directory);
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend([count, count].concat());
    out.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0; 2]);
    out
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |s, _| {
            if s & 1 == 1 { s >> 1 ^ 0xedb8_8320 } else { s >> 1 }
        })
    })
}
