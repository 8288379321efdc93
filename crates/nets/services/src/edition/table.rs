//! The table of a sheet's elements: one serves the form, the spreadsheets and the comparison, so an element added to
//! [`Sheet`](crate::matter::model::Sheet) needs one line here (a test insists).
//!
//! Names follow the data elements of GB/T 39046-2020 and GB/T 39554 where these have the element.

use crate::matter::elements::{FORMS, RESULTS, SOURCES};
use codes::service as sets;
use serde_json::Value as Json;

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
    pub(super) fn empty(&self) -> Json {
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
        Kind::Choice(RESULTS),
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
