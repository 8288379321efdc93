//! Reading and writing the files: CSV in UTF-8, UTF-16 or GB18030, and Excel workbooks. Pure.

use crate::edition::fields::{self, FIELDS, Field, Map_};
use calamine::{Data, Reader};
use kernel::{Fault, Refusal, Result};
use std::io::{Cursor, Read};

pub(crate) const MAX_ROWS: usize = 500;
pub(crate) const MAX_BYTES: usize = 5 << 20;
const MAX_COLUMNS: usize = 200;
/// What a workbook may unfold to.
const MAX_UNFOLDED: u64 = 64 << 20;

/// One cell as text; `number` when Excel kept it as a number too long to be exact.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub text: String,
    pub mangled: bool,
}

/// The rows of a file with their numbers as people see them; the first one is the header.
pub(crate) type Table = Vec<(usize, Vec<Cell>)>;

/// Reads a file, whatever its name claims.
pub(crate) fn read(bytes: &[u8]) -> Result<Table, Refusal> {
    let table = match bytes {
        [] => return Err(Refusal::new("services-import-empty")),
        [b'P', b'K', 3, 4, ..] => workbook(bytes)?,
        // The old binary format, and workbooks with a password, are OLE containers.
        [0xd0, 0xcf, 0x11, 0xe0, ..] => return Err(Refusal::new("services-import-old-excel")),
        _ => csv_rows(&decode(bytes)?)?,
    };
    let table: Table = table
        .into_iter()
        .filter(|(_, row)| row.iter().any(|c| !c.text.trim().is_empty()))
        .collect();
    if table.len() < 2 {
        return Err(Refusal::new("services-import-empty"));
    }
    if table.len() > MAX_ROWS + 1 {
        let n = table.len() - 1;
        return Err(Refusal::new("services-import-rows")
            .arg("max", MAX_ROWS)
            .arg("n", n));
    }
    if table.iter().any(|(_, row)| row.len() > MAX_COLUMNS) {
        return Err(Refusal::new("services-import-columns").arg("max", MAX_COLUMNS));
    }
    Ok(table)
}

/// UTF-8 or UTF-16 by its mark; else UTF-8 if it is that, else GB18030, as Excel in Chinese saves CSV.
fn decode(bytes: &[u8]) -> Result<String, Refusal> {
    let unreadable = || Refusal::new("services-import-unreadable");
    let text = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, skip)) => {
            encoding.decode_without_bom_handling_and_without_replacement(&bytes[skip..])
        }
        None => match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.into()),
            Err(_) => encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes),
        },
    };
    let text = text.ok_or_else(unreadable)?;
    match text.contains('\0') {
        true => Err(unreadable()),
        false => Ok(text.into_owned()),
    }
}

fn csv_rows(text: &str) -> Result<Table, Refusal> {
    let head = text.lines().next().unwrap_or_default();
    let most = [b',', b'\t', b';']
        .into_iter()
        .max_by_key(|d| head.bytes().filter(|b| b == d).count())
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(most)
        .from_reader(text.as_bytes());
    let mut out = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| {
            let line = e.position().map_or(0, |p| p.line());
            Refusal::new("services-import-csv").arg("line", line)
        })?;
        // Rows are counted as a spreadsheet shows them, whatever line breaks stand in cells.
        let cells = record.iter().map(|c| Cell {
            text: unguarded(c).to_string(),
            mangled: scientific(c),
        });
        out.push((out.len() + 1, cells.collect()));
        if out.len() > MAX_ROWS * 20 {
            return Err(Refusal::new("services-import-rows")
                .arg("max", MAX_ROWS)
                .arg("n", out.len()));
        }
    }
    Ok(out)
}

/// 3.20899E+17: Excel's way to spoil a long code.
fn scientific(text: &str) -> bool {
    let Some((digits, exponent)) = text.trim().split_once("E+") else {
        return false;
    };
    exponent.parse::<u32>().is_ok() && digits.parse::<f64>().is_ok()
}

fn workbook(bytes: &[u8]) -> Result<Table, Refusal> {
    let unreadable = || Refusal::new("services-import-unreadable");
    // A small archive can unfold to any size; what its head says of that proves nothing.
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
    let mut left = MAX_UNFOLDED;
    for n in 0..archive.len() {
        let file = archive.by_index(n).map_err(|_| unreadable())?;
        let read = std::io::copy(&mut file.take(left + 1), &mut std::io::sink()).map_err(|_| unreadable())?;
        left = left
            .checked_sub(read)
            .ok_or_else(|| Refusal::new("services-import-bomb"))?;
    }
    let mut book: calamine::Xlsx<_> = calamine::Xlsx::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
    let range = book
        .worksheet_range_at(0)
        .ok_or_else(unreadable)?
        .map_err(|_| unreadable())?;
    let first = range.start().map_or(0, |s| s.0 as usize);
    if range.height() > MAX_ROWS * 20 || range.width() > MAX_COLUMNS {
        let n = range.height();
        return Err(Refusal::new("services-import-rows")
            .arg("max", MAX_ROWS)
            .arg("n", n));
    }
    let cell = |d: &Data| match d {
        Data::Float(f) if f.abs() >= 1e15 => Cell {
            text: f.to_string(),
            mangled: true,
        },
        Data::Empty => Cell::default(),
        Data::Bool(b) => Cell {
            text: if *b { "是" } else { "否" }.into(),
            mangled: false,
        },
        other => Cell {
            text: other.to_string().replace("\r\n", "\n"),
            mangled: false,
        },
    };
    let rows = range.rows().enumerate();
    Ok(rows
        .map(|(n, row)| (first + n + 1, row.iter().map(cell).collect()))
        .collect())
}

/// The field that a heading names, in Chinese, English or as the sheet calls it.
pub(crate) fn column(heading: &str) -> Option<&'static Field> {
    let h = heading.trim().trim_start_matches('*').trim();
    let short = h.split("（每行一项").next().unwrap_or(h);
    let short = short.split("(a line each").next().unwrap_or(short).trim();
    let named = |f: &&Field| {
        f.zh == short || f.en.eq_ignore_ascii_case(short) || f.name == short || f.heading(false) == h
    };
    FIELDS.iter().find(named)
}

/// The cells of one matter, in the order of [`FIELDS`].
pub(crate) fn cells(sheet: &Map_, english: bool) -> Vec<String> {
    let show = |f: &Field| fields::show(f, fields::get(sheet, f.name), english);
    FIELDS.iter().map(show).collect()
}

pub(crate) fn headings(english: bool) -> Vec<String> {
    FIELDS.iter().map(|f| f.heading(english)).collect()
}

const DANGEROUS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell that a spreadsheet would take for a formula gets an apostrophe in front.
pub(crate) fn guarded(text: &str) -> String {
    match text.starts_with(DANGEROUS) {
        true => format!("'{text}"),
        false => text.to_string(),
    }
}

fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(DANGEROUS) => rest,
        _ => text,
    }
}

/// CSV with the mark that makes Excel read it as UTF-8.
pub(crate) fn to_csv(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let mut out = vec![0xef, 0xbb, 0xbf];
    {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(&mut out);
        for row in rows {
            let cells = row.iter().map(|c| guarded(c));
            writer.write_record(cells).map_err(|e| Fault::of("csv", e))?;
        }
        writer.flush().map_err(|e| Fault::of("csv", e))?;
    }
    Ok(out)
}

/// A workbook whose cells are all texts, so none is a formula and no code loses digits.
pub(crate) fn to_xlsx(rows: &[Vec<String>], name: &str) -> Result<Vec<u8>> {
    use rust_xlsxwriter::{Format, FormatAlign, Workbook};
    let fault = |e: rust_xlsxwriter::XlsxError| Fault::of("xlsx", e);
    let mut book = Workbook::new();
    let text = Format::new()
        .set_num_format("@")
        .set_align(FormatAlign::Top)
        .set_text_wrap();
    let head = text.clone().set_bold();
    let sheet = book.add_worksheet().set_name(name).map_err(fault)?;
    for (r, row) in rows.iter().enumerate() {
        for (c, cell) in row.iter().enumerate() {
            // Excel's own limit for one cell.
            if cell.encode_utf16().count() > 32_767 {
                return Err(Refusal::new("services-export-cell").into());
            }
            let format = if r == 0 { &head } else { &text };
            sheet
                .write_string_with_format(r as u32, c as u16, cell.as_str(), format)
                .map_err(fault)?;
        }
    }
    for c in 0..rows.first().map_or(0, Vec::len) {
        sheet.set_column_width(c as u16, 24).map_err(fault)?;
    }
    sheet.set_freeze_panes(1, 0).map_err(fault)?;
    Ok(book.save_to_buffer().map_err(fault)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &Table) -> Vec<Vec<&str>> {
        table
            .iter()
            .map(|(_, r)| r.iter().map(|c| c.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn both_formats_are_read_as_they_were_written() {
        let rows = vec![
            vec!["事项名称".to_string(), "说明".to_string()],
            vec!["=1+1".to_string(), "第一行\n第二行,逗号".to_string()],
            vec!["000199001002".to_string(), "+86".to_string()],
        ];
        let want: Vec<Vec<&str>> = rows
            .iter()
            .map(|r| r.iter().map(String::as_str).collect())
            .collect();
        let csv = to_csv(&rows).unwrap();
        assert!(
            String::from_utf8_lossy(&csv).contains("'=1+1"),
            "a formula is disarmed"
        );
        assert_eq!(text(&read(&csv).unwrap()), want);
        assert_eq!(text(&read(&to_xlsx(&rows, "事项").unwrap()).unwrap()), want);
    }

    #[test]
    fn texts_of_other_programs_are_read() {
        let text_in = "事项名称;实施编码\r\n占道;001\r\n";
        let (gb, _, _) = encoding_rs::GB18030.encode(text_in);
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text_in.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        for bytes in [gb.to_vec(), utf16, text_in.as_bytes().to_vec()] {
            assert_eq!(
                text(&read(&bytes).unwrap()),
                [["事项名称", "实施编码"], ["占道", "001"]]
            );
        }
        let spoilt = read("实施编码\n3.20899E+17\n".as_bytes()).unwrap();
        assert!(spoilt[1].1[0].mangled);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let key = |bytes: &[u8]| read(bytes).unwrap_err().key;
        assert_eq!(key(b""), "services-import-empty");
        assert_eq!(key("事项名称\n".as_bytes()), "services-import-empty");
        assert_eq!(key(b"\xd0\xcf\x11\xe0old"), "services-import-old-excel");
        assert_eq!(key(b"PK\x03\x04 not a workbook"), "services-import-unreadable");
        assert_eq!(key(b"\x00\x01\x02\xff\xfe"), "services-import-unreadable");
        let many = "a\n".repeat(MAX_ROWS + 2);
        assert_eq!(key(many.as_bytes()), "services-import-rows");
    }

    #[test]
    fn a_workbook_that_unfolds_without_end_is_refused() {
        use std::io::Write;
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("xl/workbook.xml", options).unwrap();
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..65 {
            zip.write_all(&zeros).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        assert!(bytes.len() < MAX_BYTES);
        assert_eq!(read(&bytes).unwrap_err().key, "services-import-bomb");
    }

    #[test]
    fn headings_are_known_in_both_languages() {
        for english in [false, true] {
            for (f, h) in FIELDS.iter().zip(headings(english)) {
                assert_eq!(column(&h).unwrap().name, f.name);
                assert_eq!(column(f.label(english)).unwrap().name, f.name);
            }
        }
        assert!(column("备注").is_none());
    }
}
