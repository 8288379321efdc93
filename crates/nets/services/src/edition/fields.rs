//! The elements of a sheet as people fill them in: in the form, in a column of a spreadsheet, in a comparison. One table serves
//! all three, so an element added to [`Sheet`](crate::matter::model::Sheet) needs one line here (a test insists).
//!
//! Names follow the data elements of GB/T 39046-2020 and GB/T 39554 where these have the element.

use crate::matter::elements::{FORMS, SOURCES};
use codes::service as sets;
use serde_json::{Map, Value as Json};

pub(crate) type Map_ = Map<String, Json>;

/// One allowed value with its names.
pub(crate) type Option_ = (&'static str, &'static str, &'static str);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Long,
    /// A list of words.
    Words,
    Whole(i64, i64),
    /// Fen in the sheet, yuan for people.
    Money,
    Yes,
    Choice(&'static [Option_]),
    Choices(&'static [Option_]),
    Organisation,
    Organisations,
    /// Rows of fields.
    Rows(&'static [Field]),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// `title`, or `fee.amount` for an element of a group.
    pub name: &'static str,
    pub zh: &'static str,
    pub en: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// Longest text in characters.
    pub max: usize,
    /// Stored as `null` when empty.
    pub optional: bool,
    pub section: &'static str,
    /// Whether a text `services-help-<name>` stands below the label.
    pub help: bool,
}

const fn field(name: &'static str, zh: &'static str, en: &'static str, kind: Kind) -> Field {
    Field {
        name,
        zh,
        en,
        kind,
        required: false,
        max: 200,
        optional: false,
        section: "",
        help: false,
    }
}

impl Field {
    const fn must(mut self) -> Field {
        self.required = true;
        self
    }
    const fn max(mut self, max: usize) -> Field {
        self.max = max;
        self
    }
    const fn or_null(mut self) -> Field {
        self.optional = true;
        self
    }
    const fn help(mut self) -> Field {
        self.help = true;
        self
    }
    const fn of(mut self, section: &'static str) -> Field {
        self.section = section;
        self
    }
    pub(crate) fn label(&self, english: bool) -> &'static str {
        if english { self.en } else { self.zh }
    }
    /// The column's heading; for rows it says what stands in a line.
    pub(crate) fn heading(&self, english: bool) -> String {
        match self.kind {
            Kind::Rows(columns) => {
                let names: Vec<&str> = columns.iter().map(|c| c.label(english)).collect();
                let names = names.join(" | ");
                if english {
                    format!("{} (a line each: {names})", self.en)
                } else {
                    format!("{}（每行一项：{names}）", self.zh)
                }
            }
            _ => self.label(english).to_string(),
        }
    }
    fn empty(&self) -> Json {
        match self.kind {
            Kind::Words | Kind::Choices(_) | Kind::Organisations | Kind::Rows(_) => Json::Array(Vec::new()),
            Kind::Yes => Json::Bool(false),
            _ if self.optional => Json::Null,
            Kind::Whole(..) | Kind::Money => Json::from(0),
            _ => Json::from(""),
        }
    }
}

const AUDIENCE: &[Option_] = &[("natural", "个人", "People"), ("legal", "单位", "Organisations")];
const ONLINE: &[Option_] = &[
    ("full", "全程网办", "Wholly online"),
    ("partial", "部分网办", "Partly online"),
    ("none", "到窗口办理", "At the window"),
];
const RESULT: &[Option_] = &[
    ("certificate", "证照", "Certificate"),
    ("document", "文书", "Document"),
    ("none", "无", "None"),
];

const LINE: &[Field] = &[
    field("zh", "中文", "Chinese", Kind::Long).must().max(1000),
    field("en", "英文", "English", Kind::Long).max(2000),
];

/// Every element, in the order of the form. `id` names the matter and is set once.
pub(crate) const FIELDS: &[Field] = &[
    field("id", "事项标识", "Identifier", Kind::Text)
        .must()
        .max(60)
        .of("basic"),
    field("code", "实施编码", "Implementation code", Kind::Text)
        .must()
        .max(40)
        .help()
        .of("basic"),
    field("title", "事项名称", "Title", Kind::Text).must().of("basic"),
    field("title_en", "事项英文名称", "Title in English", Kind::Text).of("basic"),
    field("words", "搜索用词", "Search words", Kind::Words)
        .max(60)
        .help()
        .of("basic"),
    field("kind", "事项类型", "Kind of matter", Kind::Text)
        .must()
        .max(40)
        .of("basic"),
    field("kind_en", "事项类型英文", "Kind in English", Kind::Text)
        .max(80)
        .of("basic"),
    field("audience", "服务对象", "Audience", Kind::Choices(AUDIENCE))
        .must()
        .of("basic"),
    field(
        "organisation",
        "实施主体",
        "Lead organisation",
        Kind::Organisation,
    )
    .must()
    .of("organisation"),
    field(
        "joint",
        "共同实施部门",
        "Joint organisations",
        Kind::Organisations,
    )
    .help()
    .of("organisation"),
    field("online", "网办程度", "How far online", Kind::Choice(ONLINE))
        .must()
        .of("time"),
    field(
        "acceptance_days",
        "受理时限（工作日）",
        "Acceptance limit (working days)",
        Kind::Whole(0, 60),
    )
    .must()
    .of("time"),
    field(
        "legal_days",
        "法定办结时限（工作日）",
        "Statutory limit (working days)",
        Kind::Whole(0, 1000),
    )
    .must()
    .of("time"),
    field(
        "promised_days",
        "承诺办结时限（工作日）",
        "Promised limit (working days)",
        Kind::Whole(0, 1000),
    )
    .must()
    .help()
    .of("time"),
    field("fee.amount", "收费金额（元）", "Fee (yuan)", Kind::Money)
        .help()
        .of("fee"),
    field("fee.note", "收费说明", "Note on the fee", Kind::Long)
        .max(1000)
        .of("fee"),
    field(
        "fee.note_en",
        "收费说明英文",
        "Note on the fee in English",
        Kind::Long,
    )
    .max(2000)
    .of("fee"),
    field("conditions", "受理条件", "Conditions", Kind::Rows(LINE))
        .must()
        .of("conditions"),
    field(
        "material",
        "申请材料",
        "Materials",
        Kind::Rows(&[
            field("id", "标识", "Identifier", Kind::Text)
                .must()
                .max(60)
                .help(),
            field("title", "材料名称", "Title", Kind::Text).must(),
            field("title_en", "英文名称", "Title in English", Kind::Text),
            field("required", "是否必备", "Required", Kind::Yes),
            field("when", "什么情形需要", "When it is needed", Kind::Text)
                .max(500)
                .or_null()
                .help(),
            field("accept", "文件格式", "File types", Kind::Words)
                .max(10)
                .help(),
            field("max_mb", "最大兆数", "Largest size in MB", Kind::Whole(1, 50)),
            field("note", "填报须知", "Note", Kind::Long).max(1000),
            field("note_en", "填报须知英文", "Note in English", Kind::Long).max(2000),
            field("gap", "可容缺后补", "May follow later", Kind::Yes),
            field("promise", "可承诺代替", "A promise may stand for it", Kind::Yes),
            field("source", "来源渠道", "Where it comes from", Kind::Choice(SOURCES)).must(),
            field("form", "材料形式", "Form", Kind::Choice(FORMS)).must(),
            field("originals", "原件份数", "Originals", Kind::Whole(0, 99)),
            field("copies", "复印件份数", "Copies", Kind::Whole(0, 99)),
        ]),
    )
    .of("material"),
    field("steps", "办理流程", "Steps", Kind::Rows(LINE))
        .must()
        .of("steps"),
    field(
        "basis",
        "设定依据",
        "Legal basis",
        Kind::Rows(&[
            field("law", "法规名称", "Law", Kind::Text).must(),
            field("law_en", "英文名称", "Law in English", Kind::Text),
            field("article", "条款", "Article", Kind::Text).max(60),
            field("article_en", "条款英文", "Article in English", Kind::Text).max(60),
            field("zh", "内容", "Text", Kind::Long).must().max(4000),
            field("en", "内容英文", "Text in English", Kind::Long).max(6000),
        ]),
    )
    .must()
    .of("basis"),
    field(
        "windows",
        "办理地点",
        "Windows",
        Kind::Rows(&[
            field("name", "窗口名称", "Name", Kind::Text).must(),
            field("name_en", "英文名称", "Name in English", Kind::Text),
            field("address", "地址", "Address", Kind::Text).must(),
            field("address_en", "地址英文", "Address in English", Kind::Text),
            field("phone", "电话", "Telephone", Kind::Text).max(60),
            field("hours", "办理时间", "Hours", Kind::Text),
            field("hours_en", "办理时间英文", "Hours in English", Kind::Text),
        ]),
    )
    .of("windows"),
    field(
        "result.kind",
        "审批结果类型",
        "Kind of result",
        Kind::Choice(RESULT),
    )
    .must()
    .of("result"),
    field("result.certificate", "结果证照", "Certificate", Kind::Text)
        .max(60)
        .or_null()
        .help()
        .of("result"),
    field(
        "elements.item_type",
        "事项类型代码",
        "Type of matter",
        Kind::Choice(sets::MATTER_TYPES),
    )
    .must()
    .of("elements"),
    field("elements.level", "行使层级", "Level", Kind::Choice(sets::LEVELS))
        .must()
        .of("elements"),
    field(
        "elements.nature",
        "实施主体性质",
        "Nature of the lead organisation",
        Kind::Choice(sets::NATURES),
    )
    .must()
    .of("elements"),
    field(
        "elements.targets",
        "服务对象类型",
        "Kinds of applicants",
        Kind::Choices(sets::TARGETS),
    )
    .must()
    .of("elements"),
    field(
        "elements.channels",
        "办理形式",
        "Channels",
        Kind::Choices(sets::CHANNELS),
    )
    .must()
    .of("elements"),
    field(
        "elements.case_kind",
        "办件类型",
        "Kind of case",
        Kind::Choice(sets::CASE_KINDS),
    )
    .must()
    .of("elements"),
    field("elements.reach", "通办范围", "Reach", Kind::Choice(sets::REACHES))
        .must()
        .of("elements"),
    field("elements.visits", "到办事现场次数", "Visits", Kind::Whole(0, 20))
        .help()
        .of("elements"),
    field(
        "elements.visit_reason",
        "必须现场办理的原因",
        "Why people must come",
        Kind::Long,
    )
    .max(500)
    .help()
    .of("elements"),
    field(
        "elements.visit_reason_en",
        "必须现场办理的原因英文",
        "Why people must come, in English",
        Kind::Long,
    )
    .max(1000)
    .of("elements"),
    field("elements.power", "权力来源", "Source of the power", Kind::Text)
        .must()
        .of("elements"),
    field(
        "elements.power_en",
        "权力来源英文",
        "Source of the power in English",
        Kind::Text,
    )
    .of("elements"),
    field("elements.quota", "数量限制", "Quota", Kind::Text)
        .help()
        .of("elements"),
    field(
        "elements.quota_en",
        "数量限制英文",
        "Quota in English",
        Kind::Text,
    )
    .of("elements"),
    field(
        "elements.intermediary",
        "中介服务",
        "Intermediary services",
        Kind::Text,
    )
    .help()
    .of("elements"),
    field(
        "elements.intermediary_en",
        "中介服务英文",
        "Intermediary services in English",
        Kind::Text,
    )
    .of("elements"),
    field(
        "elements.special",
        "特别程序",
        "Special procedures",
        Kind::Choices(sets::SPECIAL),
    )
    .of("elements"),
    field("elements.themes", "服务主题", "Themes", Kind::Words)
        .max(60)
        .help()
        .of("elements"),
    field("elements.hall", "进驻政务大厅", "In the service hall", Kind::Yes).of("elements"),
    field(
        "elements.appointment",
        "支持预约办理",
        "By appointment",
        Kind::Yes,
    )
    .of("elements"),
    field("elements.payment", "支持网上支付", "Online payment", Kind::Yes).of("elements"),
    field(
        "elements.delivery",
        "支持物流快递",
        "Delivery by courier",
        Kind::Yes,
    )
    .of("elements"),
    field("elements.kiosk", "支持自助终端", "At kiosks", Kind::Yes).of("elements"),
    field("elements.consult", "咨询方式", "Where to ask", Kind::Text)
        .must()
        .of("elements"),
    field(
        "elements.complain",
        "监督投诉方式",
        "Where to complain",
        Kind::Text,
    )
    .must()
    .of("elements"),
    field("elements.from", "计划生效日期", "In force from", Kind::Text)
        .max(10)
        .help()
        .of("elements"),
    field("elements.until", "计划取消日期", "In force until", Kind::Text)
        .max(10)
        .help()
        .of("elements"),
    field(
        "elements.faq",
        "常见问题",
        "Frequent questions",
        Kind::Rows(&[
            field("q", "问题", "Question", Kind::Text).must(),
            field("q_en", "问题英文", "Question in English", Kind::Text).max(400),
            field("a", "回答", "Answer", Kind::Long).must().max(2000),
            field("a_en", "回答英文", "Answer in English", Kind::Long).max(4000),
        ]),
    )
    .of("elements"),
    field("sample", "样例内容", "Sample content", Kind::Yes)
        .help()
        .of("sample"),
    field("sample_note", "样例说明", "Note on the sample", Kind::Text).of("sample"),
    field(
        "sample_note_en",
        "样例说明英文",
        "Note on the sample in English",
        Kind::Text,
    )
    .of("sample"),
];

/// A message for one field: locale key and arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wrong {
    /// `title`, `material.2.title`.
    pub field: String,
    pub key: &'static str,
    pub args: Vec<(&'static str, String)>,
}

impl Wrong {
    pub(crate) fn new(field: impl Into<String>, key: &'static str) -> Wrong {
        Wrong {
            field: field.into(),
            key,
            args: Vec::new(),
        }
    }
    pub(crate) fn arg(mut self, name: &'static str, value: impl ToString) -> Wrong {
        self.args.push((name, value.to_string()));
        self
    }
}

/// The field of a name, and for `material.2.title` its column.
pub(crate) fn find(name: &str) -> Option<(&'static Field, Option<&'static Field>)> {
    if let Some(f) = FIELDS.iter().find(|f| f.name == name) {
        return Some((f, None));
    }
    let (rows, rest) = FIELDS
        .iter()
        .filter(|f| matches!(f.kind, Kind::Rows(_)))
        .find_map(|f| Some((f, name.strip_prefix(f.name)?.strip_prefix('.')?)))?;
    let (_, column) = rest.split_once('.')?;
    match rows.kind {
        Kind::Rows(columns) => columns.iter().find(|c| c.name == column).map(|c| (rows, Some(c))),
        _ => None,
    }
}

/// 受理条件 2 · 中文: where a message belongs, in the reader's words.
pub(crate) fn place(name: &str, english: bool) -> String {
    match find(name) {
        Some((f, None)) => f.label(english).to_string(),
        Some((f, Some(c))) => {
            let row = name[f.name.len() + 1..].split('.').next();
            let n: usize = row.and_then(|n| n.parse().ok()).unwrap_or(0);
            format!("{} {} · {}", f.label(english), n + 1, c.label(english))
        }
        None => name.to_string(),
    }
}

pub(crate) fn get<'j>(sheet: &'j Map_, name: &str) -> &'j Json {
    match name.split_once('.') {
        None => sheet.get(name).unwrap_or(&Json::Null),
        Some((group, inner)) => &sheet.get(group).unwrap_or(&Json::Null)[inner],
    }
}

pub(crate) fn set(sheet: &mut Map_, name: &str, value: Json) {
    match name.split_once('.') {
        None => drop(sheet.insert(name.to_string(), value)),
        Some((group, inner)) => {
            let group = sheet
                .entry(group.to_string())
                .or_insert_with(|| Json::Object(Map::new()));
            if !group.is_object() {
                *group = Json::Object(Map::new());
            }
            group[inner] = value;
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(['\n', '\r', '、', '，', ',', ';', '；'])
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .map(String::from)
        .collect()
}

fn one_of(options: &'static [Option_], text: &str) -> Option<&'static str> {
    let named = |o: &&Option_| [o.0, o.1, o.2].iter().any(|n| n.eq_ignore_ascii_case(text));
    options.iter().find(named).map(|o| o.0)
}

/// Reads what a person typed; the error is the locale key with its arguments.
pub(crate) fn parse(f: &Field, name: &str, text: &str) -> Result<Json, Wrong> {
    let text = text.trim();
    let n = text.chars().count();
    let limit = |max: usize| {
        let wrong = Wrong::new(name, "services-wrong-long")
            .arg("max", max)
            .arg("n", n);
        if n > max { Err(wrong) } else { Ok(()) }
    };
    let options = |all: &'static [Option_]| {
        let names: Vec<&str> = all.iter().map(|o| o.1).collect();
        Wrong::new(name, "services-wrong-choice").arg("options", names.join("、"))
    };
    if text.is_empty() {
        return Ok(f.empty());
    }
    Ok(match f.kind {
        Kind::Text | Kind::Long | Kind::Organisation => {
            limit(f.max)?;
            let text = text.replace("\r\n", "\n");
            if matches!(f.kind, Kind::Text) && text.contains('\n') {
                return Err(Wrong::new(name, "services-wrong-line"));
            }
            if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t') {
                return Err(
                    Wrong::new(name, "services-wrong-control").arg("code", format!("U+{:04X}", c as u32))
                );
            }
            Json::from(text)
        }
        Kind::Words | Kind::Organisations => {
            let all = words(text);
            if all.len() > 100 {
                return Err(Wrong::new(name, "services-wrong-many").arg("max", 100));
            }
            if let Some(w) = all.iter().find(|w| w.chars().count() > f.max) {
                return Err(Wrong::new(name, "services-wrong-long")
                    .arg("max", f.max)
                    .arg("n", w.chars().count()));
            }
            Json::from(all)
        }
        Kind::Whole(min, max) => match text.parse::<i64>() {
            Ok(n) if (min..=max).contains(&n) => Json::from(n),
            _ => {
                return Err(Wrong::new(name, "services-wrong-whole")
                    .arg("min", min)
                    .arg("max", max));
            }
        },
        Kind::Money => Json::from(fen(text).ok_or_else(|| Wrong::new(name, "services-wrong-money"))?),
        Kind::Yes => match text.to_lowercase().as_str() {
            "true" | "yes" | "y" | "1" | "是" | "on" => Json::Bool(true),
            "false" | "no" | "n" | "0" | "否" => Json::Bool(false),
            _ => return Err(Wrong::new(name, "services-wrong-yes")),
        },
        Kind::Choice(all) => Json::from(one_of(all, text).ok_or_else(|| options(all))?),
        Kind::Choices(all) => {
            let chosen = words(text)
                .iter()
                .map(|w| one_of(all, w).ok_or_else(|| options(all)))
                .collect::<Result<Vec<_>, _>>()?;
            Json::from(chosen)
        }
        Kind::Rows(columns) => {
            let mut rows = Vec::new();
            let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
            for (n, line) in lines.enumerate() {
                let cells = split_cells(line);
                if cells.len() > columns.len() {
                    let wrong = Wrong::new(name, "services-wrong-cells");
                    return Err(wrong
                        .arg("line", n + 1)
                        .arg("max", columns.len())
                        .arg("n", cells.len()));
                }
                let mut row = Map::new();
                for (k, c) in columns.iter().enumerate() {
                    let cell = cells.get(k).map_or("", String::as_str);
                    row.insert(c.name.into(), parse(c, &format!("{name}.{n}.{}", c.name), cell)?);
                }
                rows.push(Json::Object(row));
            }
            if rows.len() > 100 {
                return Err(Wrong::new(name, "services-wrong-many").arg("max", 100));
            }
            Json::Array(rows)
        }
    })
}

/// 12.5 → 1250; at most two decimals, nothing below zero.
fn fen(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(['¥', '￥']).replace([',', '，'], "");
    let (yuan, cents) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |t: &str| t.chars().all(|c| c.is_ascii_digit());
    if yuan.is_empty() || yuan.len() > 9 || cents.len() > 2 || !digits(yuan) || !digits(cents) {
        return None;
    }
    Some(yuan.parse::<i64>().ok()? * 100 + format!("{cents:0<2}").parse::<i64>().ok()?)
}

/// A line of cells: `a | b`, where `\|` is a bar, `\n` a line break and `\\` a backslash inside a cell.
fn split_cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut chars) = (Vec::new(), String::new(), line.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => cell.push('\n'),
                Some(other) => cell.push(other),
                None => cell.push('\\'),
            },
            // People type the wide bar as well.
            '|' | '｜' => cells.push(std::mem::take(&mut cell).trim().to_string()),
            _ => cell.push(c),
        }
    }
    cells.push(cell.trim().to_string());
    cells
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(['|'], "\\|")
        .replace('｜', "\\｜")
        .replace('\n', "\\n")
}

/// The value as people read and type it.
pub(crate) fn show(f: &Field, value: &Json, english: bool) -> String {
    let name = |all: &[Option_], v: &str| {
        let found = all.iter().find(|o| o.0 == v);
        found.map_or(v, |o| if english { o.2 } else { o.1 }).to_string()
    };
    let list = |v: &Json| -> Vec<String> {
        v.as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(String::from)
            .collect()
    };
    match (f.kind, value) {
        (_, Json::Null) => String::new(),
        // What could not be read stays as it was typed.
        (Kind::Whole(..) | Kind::Money, Json::String(raw)) => raw.clone(),
        (Kind::Words | Kind::Organisations, v) => list(v).join(if english { ", " } else { "、" }),
        (Kind::Whole(..), v) => v.to_string(),
        (Kind::Money, v) => {
            let fen = v.as_i64().unwrap_or(0);
            format!("{}.{:02}", fen / 100, fen % 100)
        }
        (Kind::Yes, v) => match (*v == Json::Bool(true), english) {
            (true, true) => "yes".into(),
            (true, false) => "是".into(),
            (false, true) => "no".into(),
            (false, false) => "否".into(),
        },
        (Kind::Choice(all), v) => name(all, v.as_str().unwrap_or_default()),
        (Kind::Choices(all), v) => {
            let names: Vec<String> = list(v).iter().map(|v| name(all, v)).collect();
            names.join(if english { ", " } else { "、" })
        }
        (Kind::Rows(columns), v) => {
            let rows = v.as_array().into_iter().flatten();
            let line = |row: &Json| {
                let cells: Vec<String> = columns
                    .iter()
                    .map(|c| escaped(&show(c, &row[c.name], english)))
                    .collect();
                cells.join(" | ").trim_end_matches([' ', '|']).to_string()
            };
            rows.map(line).collect::<Vec<_>>().join("\n")
        }
        (_, v) => v.as_str().map_or_else(|| v.to_string(), String::from),
    }
}

/// Reads a whole posted form over `old`; fields that were not posted keep their value. Values that cannot be read are kept
/// as typed, beside their messages, so that nothing is lost.
pub(crate) fn read(pairs: &[(String, String)], old: &Map_) -> (Map_, Vec<Wrong>) {
    let (mut sheet, mut wrong) = (old.clone(), Vec::new());
    let posted = |name: &str| {
        pairs
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let mut take = |f: &Field, name: &str, text: &str| match parse(f, name, text) {
        Ok(v) => v,
        Err(w) => {
            wrong.push(w);
            match f.kind {
                Kind::Words | Kind::Organisations => Json::from(words(text)),
                Kind::Choice(_) | Kind::Choices(_) | Kind::Yes => f.empty(),
                _ => Json::from(text.trim()),
            }
        }
    };
    for f in FIELDS.iter().filter(|f| f.name != "id") {
        // A group of boxes or rows of which nothing is left posts only its mark.
        let marked = posted(&format!("_{}", f.name)).is_some();
        match f.kind {
            Kind::Choices(_) | Kind::Organisations if marked => {
                let chosen: Vec<&str> = pairs
                    .iter()
                    .filter(|(n, _)| n == f.name)
                    .map(|(_, v)| v.as_str())
                    .collect();
                let v = take(f, f.name, &chosen.join("\n"));
                // Boxes come in the order of the page; the same ones in another order are no change.
                if !same_set(&v, get(old, f.name)) {
                    set(&mut sheet, f.name, v);
                }
            }
            Kind::Yes if marked => {
                let v = take(f, f.name, posted(f.name).unwrap_or("no"));
                set(&mut sheet, f.name, v);
            }
            Kind::Rows(columns) if marked => {
                let prefix = format!("{}.", f.name);
                let mut numbers: Vec<usize> = pairs
                    .iter()
                    .filter_map(|(n, _)| n.strip_prefix(&prefix)?.split('.').next()?.parse().ok())
                    .collect();
                numbers.sort_unstable();
                numbers.dedup();
                let mut rows = Vec::new();
                for n in numbers.into_iter().take(100) {
                    let text = |c: &Field| posted(&format!("{}.{n}.{}", f.name, c.name)).unwrap_or_default();
                    let blank = |c: &Field| {
                        // What a new row comes with says nothing yet.
                        let given = ["max_mb", "form", "originals", "copies"].contains(&c.name);
                        matches!(c.kind, Kind::Yes) || text(c).trim().is_empty() || given
                    };
                    if columns.iter().all(blank) {
                        continue;
                    }
                    let mut row = Map::new();
                    for c in columns {
                        let typed = match (c.kind, text(c)) {
                            (Kind::Yes, "") => "no",
                            (_, t) => t,
                        };
                        row.insert(
                            c.name.into(),
                            take(c, &format!("{}.{}.{}", f.name, rows.len(), c.name), typed),
                        );
                    }
                    rows.push(Json::Object(row));
                }
                set(&mut sheet, f.name, Json::Array(rows));
            }
            Kind::Choices(_) | Kind::Organisations | Kind::Yes | Kind::Rows(_) => {}
            _ => {
                if let Some(text) = posted(f.name) {
                    let v = take(f, f.name, text);
                    set(&mut sheet, f.name, v);
                }
            }
        }
    }
    (sheet, wrong)
}

fn same_set(a: &Json, b: &Json) -> bool {
    let sorted = |v: &Json| -> Vec<String> {
        let list = v.as_array().into_iter().flatten().filter_map(Json::as_str);
        let mut all: Vec<String> = list.map(String::from).collect();
        all.sort_unstable();
        all
    };
    b.is_array() && sorted(a) == sorted(b)
}

/// What is still missing before a sheet can be handed in.
pub(crate) fn missing(sheet: &Map_) -> Vec<Wrong> {
    let blank = |v: &Json| match v {
        Json::Null => true,
        Json::String(s) => s.trim().is_empty(),
        Json::Array(a) => a.is_empty(),
        _ => false,
    };
    let mut out = Vec::new();
    for f in FIELDS {
        let value = get(sheet, f.name);
        if f.required && blank(value) {
            out.push(Wrong::new(f.name, "services-wrong-required"));
        }
        let Kind::Rows(columns) = f.kind else { continue };
        for (n, row) in value.as_array().into_iter().flatten().enumerate() {
            for c in columns.iter().filter(|c| c.required && blank(&row[c.name])) {
                out.push(Wrong::new(
                    format!("{}.{n}.{}", f.name, c.name),
                    "services-wrong-required",
                ));
            }
        }
    }
    out
}

/// A sheet with every element empty.
pub(crate) fn blank() -> Map_ {
    let mut sheet = Map::new();
    for f in FIELDS {
        set(&mut sheet, f.name, f.empty());
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(name: &str) -> &'static Field {
        find(name).unwrap().0
    }

    #[test]
    fn values_are_read_as_they_are_shown() {
        let sheet = json!({ "fee": { "amount": 1250 }, "audience": ["natural", "legal"], "online": "full", "sample": true,
            "words": ["占道", "摆摊"],
            "conditions": [{ "zh": "一|二\n三\\四", "en": "a" }, { "zh": "五", "en": "" }],
            "material": [{ "id": "m", "title": "图", "title_en": "", "required": true, "when": null, "accept": ["pdf", "jpg"], "max_mb": 10, "note": "", "note_en": "", "gap": true, "promise": false, "source": "self", "form": "paper", "originals": 2, "copies": 0 }] });
        let sheet = sheet.as_object().unwrap();
        for english in [false, true] {
            for name in [
                "fee.amount",
                "audience",
                "online",
                "sample",
                "words",
                "conditions",
                "material",
            ] {
                let text = show(of(name), get(sheet, name), english);
                assert_eq!(
                    &parse(of(name), name, &text).unwrap(),
                    get(sheet, name),
                    "{name}: {text}"
                );
            }
        }
        assert_eq!(show(of("fee.amount"), get(sheet, "fee.amount"), false), "12.50");
    }

    #[test]
    fn wrong_values_say_what_is_wanted() {
        let key = |name: &str, text: &str| parse(of(name), name, text).unwrap_err().key;
        assert_eq!(key("legal_days", "二十"), "services-wrong-whole");
        assert_eq!(key("legal_days", "-1"), "services-wrong-whole");
        assert_eq!(key("fee.amount", "12.345"), "services-wrong-money");
        assert_eq!(key("title", &"长".repeat(201)), "services-wrong-long");
        assert_eq!(key("title", "a\nb"), "services-wrong-line");
        assert_eq!(key("title", "a\u{7}b"), "services-wrong-control");
        assert_eq!(key("online", "有时"), "services-wrong-choice");
        assert_eq!(key("sample", "也许"), "services-wrong-yes");
        assert_eq!(key("conditions", "a | b | c"), "services-wrong-cells");
        let inner = parse(of("material"), "material", "m | 图 | | 是 | | pdf | 很大").unwrap_err();
        assert_eq!(
            (inner.field.as_str(), inner.key),
            ("material.0.max_mb", "services-wrong-whole")
        );
    }

    #[test]
    fn a_form_keeps_what_it_cannot_read_and_drops_empty_rows() {
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
        };
        let old =
            json!({ "title": "旧", "code": "1", "steps": [{ "zh": "x", "en": "" }], "audience": ["legal"] });
        let posted = pairs(&[
            ("title", " 新 "),
            ("legal_days", "许多"),
            ("_conditions", ""),
            ("conditions.0.zh", ""),
            ("conditions.4.zh", "四"),
            ("_audience", ""),
        ]);
        let (sheet, wrong) = read(&posted, old.as_object().unwrap());
        assert_eq!(sheet["title"], "新");
        assert_eq!(sheet["code"], "1");
        assert_eq!(sheet["legal_days"], "许多");
        assert_eq!(sheet["conditions"], json!([{ "zh": "四", "en": "" }]));
        assert_eq!(sheet["audience"], json!([]));
        assert_eq!(sheet["steps"][0]["zh"], "x");
        assert_eq!(wrong.len(), 1);
        assert!(missing(&sheet).iter().any(|w| w.field == "audience"));
    }

    #[test]
    fn a_blank_sheet_is_a_sheet() {
        serde_json::from_value::<crate::matter::model::Sheet>(Json::Object(blank())).unwrap();
    }

    #[test]
    fn every_element_of_a_sheet_has_a_field() {
        // With a row in each group, so that the elements of rows are seen as well.
        let mut one = blank();
        for f in FIELDS {
            if let Kind::Rows(columns) = f.kind {
                let row: Map_ = columns.iter().map(|c| (c.name.to_string(), c.empty())).collect();
                set(&mut one, f.name, json!([row]));
            }
        }
        let sheet: crate::matter::model::Sheet = serde_json::from_value(Json::Object(one)).unwrap();
        let Json::Object(all) = serde_json::to_value(sheet).unwrap() else {
            panic!()
        };
        fn names(name: &str, value: &Json) -> Vec<String> {
            match value {
                Json::Object(o) => o
                    .iter()
                    .flat_map(|(k, v)| names(&format!("{name}.{k}"), v))
                    .collect(),
                Json::Array(rows) if rows.iter().any(Json::is_object) => {
                    names(&format!("{name}.0"), &rows[0])
                }
                _ => vec![name.to_string()],
            }
        }
        for (name, value) in &all {
            for name in names(name, value) {
                assert!(find(&name).is_some(), "{name} cannot be edited");
            }
        }
    }
}
