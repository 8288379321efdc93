//! The elements of a matter that GB/T 39046-2020 (事项管理) and the matter catalogue of GB/T 39554 ask for beyond what a guide
//! shows anyway. Values that are codes are those of the standards' code sets ([`codes::service`]).

use super::model::Sheet;
use codes::service as sets;
use serde::{Deserialize, Serialize};

/// A question that people ask often (常见问题).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faq {
    pub q: String,
    #[serde(default)]
    pub q_en: String,
    pub a: String,
    #[serde(default)]
    pub a_en: String,
}

/// `[elements]` of `matter.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Elements {
    /// 事项类型
    pub item_type: String,
    /// 行使层级
    pub level: String,
    /// 实施主体性质
    pub nature: String,
    /// 服务对象, finer than the sheet's `audience`
    pub targets: Vec<String>,
    /// 办理形式
    pub channels: Vec<String>,
    /// 办件类型
    pub case_kind: String,
    /// 通办范围
    pub reach: String,
    /// 到办事现场次数
    pub visits: u32,
    /// 必须现场办理原因说明
    pub visit_reason: String,
    pub visit_reason_en: String,
    /// 权力来源
    pub power: String,
    pub power_en: String,
    /// 数量限制; empty: there is none
    pub quota: String,
    pub quota_en: String,
    /// 中介服务; empty: none is needed
    pub intermediary: String,
    pub intermediary_en: String,
    /// 特别程序
    pub special: Vec<String>,
    /// 服务主题, in words
    pub themes: Vec<String>,
    /// 是否进驻政务大厅, 支持预约办理, 网上支付, 物流快递, 自助终端
    pub hall: bool,
    pub appointment: bool,
    pub payment: bool,
    pub delivery: bool,
    pub kiosk: bool,
    /// 咨询方式, 监督投诉方式
    pub consult: String,
    pub complain: String,
    /// 计划生效日期, 计划取消日期; empty: now, and without end
    pub from: String,
    pub until: String,
    pub faq: Vec<Faq>,
}

/// 来源渠道 of a material; ours, the standard prints no codes.
pub(crate) const SOURCES: &[sets::Entry] = &[
    ("self", "申请人自备", "The applicant"),
    ("government", "政府部门核发", "An authority"),
    ("intermediary", "中介机构或法定机构产生", "A professional body"),
    ("other", "其他", "Other"),
];
/// 材料形式 of a material.
pub(crate) const FORMS: &[sets::Entry] = &[
    ("both", "纸质或电子", "On paper or electronic"),
    ("electronic", "电子", "Electronic"),
    ("paper", "纸质", "On paper"),
];

/// 审批结果类型; ours, the standard prints no codes.
pub(crate) const RESULTS: &[sets::Entry] = &[
    ("certificate", "证照", "Certificate"),
    ("document", "文书", "Document"),
    ("service", "办理服务", "Service"),
];

impl Sheet {
    /// What is wrong with the materials' elements.
    pub fn material_wrongs(&self) -> Vec<String> {
        let mut out = Vec::new();
        for m in &self.material {
            for (name, set, value) in [("source", SOURCES, &m.source), ("form", FORMS, &m.form)] {
                if sets::entry(set, value).is_none() {
                    let known: Vec<&str> = set.iter().map(|e| e.0).collect();
                    out.push(format!(
                        "material {}: {name} = \"{value}\": use one of {}",
                        m.id,
                        known.join(", ")
                    ));
                }
            }
        }
        out
    }
    /// 实施编码: the lead organisation's credit code, the level and the basic code; `None` while one of them is not right.
    pub fn implementation_code(&self, credit: &str) -> Option<String> {
        sets::implementation_code(credit, &self.elements.level, &self.code).ok()
    }
}

impl Elements {
    /// What a matter must have before it is published and does not, and what contradicts the rest of its sheet.
    pub fn wrongs(&self, sheet: &Sheet) -> Vec<String> {
        let mut out = Vec::new();
        let one = |name: &str, set: &'static [sets::Entry], value: &str| {
            let known: Vec<&str> = set.iter().map(|e| e.0).collect();
            (!known.contains(&value))
                .then(|| format!("elements.{name} = \"{value}\": use one of {}", known.join(", ")))
        };
        out.extend(one("item_type", sets::MATTER_TYPES, &self.item_type));
        out.extend(one("level", sets::LEVELS, &self.level));
        out.extend(one("nature", sets::NATURES, &self.nature));
        out.extend(one("case_kind", sets::CASE_KINDS, &self.case_kind));
        out.extend(one("reach", sets::REACHES, &self.reach));
        for (name, set, values) in [
            ("targets", sets::TARGETS, &self.targets),
            ("channels", sets::CHANNELS, &self.channels),
            ("special", sets::SPECIAL, &self.special),
        ] {
            out.extend(values.iter().filter_map(|v| one(name, set, v)));
            if values.is_empty() && name != "special" {
                out.push(format!("elements.{name} is missing"));
            }
        }
        for (name, value) in [
            ("power", &self.power),
            ("consult", &self.consult),
            ("complain", &self.complain),
        ] {
            if value.trim().is_empty() {
                out.push(format!("elements.{name} is missing"));
            }
        }
        let mut must = |holds: bool, text: &str| {
            if !holds {
                out.push(text.to_string());
            }
        };
        let carried = sets::type_of(&sheet.code).map(|e| e.0);
        must(
            carried.is_none() || carried == Some(self.item_type.as_str()),
            "elements.item_type is not the type that the third and fourth digit of `code` say",
        );
        let named = sets::entry(sets::MATTER_TYPES, &self.item_type).is_none_or(|e| e.1 == sheet.kind);
        must(named, "`kind` is not the name of elements.item_type");
        must(
            sets::entry(RESULTS, &sheet.result.kind).is_some(),
            "result.kind is one of certificate, document, service",
        );
        let has = |list: &[String], code: &str| list.iter().any(|c| c == code);
        must(
            has(&sheet.audience, "natural") == has(&self.targets, "1"),
            "elements.targets and `audience` differ over natural persons",
        );
        must(
            has(&sheet.audience, "legal") == self.targets.iter().any(|t| t != "1"),
            "elements.targets and `audience` differ over organisations",
        );
        let online = has(&self.channels, "2") || has(&self.channels, "3");
        must(
            online == (sheet.online != "none"),
            "elements.channels and `online` differ",
        );
        must(
            (self.visits == 0) == (sheet.online == "full"),
            "elements.visits is 0 exactly when the matter is done wholly online",
        );
        must(
            (self.visits == 0) == self.visit_reason.is_empty(),
            "elements.visit_reason says why people must come, when they must",
        );
        let day = |d: &str| d.is_empty() || d.parse::<jiff::civil::Date>().is_ok();
        must(
            day(&self.from) && day(&self.until),
            "elements.from and until are days, such as 2026-01-01",
        );
        must(
            self.until.is_empty() || self.from <= self.until,
            "elements.until is before elements.from",
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let text = r#"
            id = "m"
            code = "000199001001"
            title = "示例"
            organisation = "o"
            kind = "行政许可"
            audience = ["natural", "legal"]
            online = "full"
            acceptance_days = 5
            legal_days = 20
            promised_days = 10
            fee = { amount = 0 }
            windows = []
            conditions = []
            basis = []
            steps = []
            result = { kind = "service" }
            [elements]
            item_type = "01"
            level = "3"
            nature = "1"
            targets = ["1", "2"]
            channels = ["1", "2"]
            case_kind = "2"
            reach = "city"
            power = "法定本级行使"
            consult = "0"
            complain = "12345"
        "#;
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_sample_is_complete_and_each_contradiction_is_named() {
        let good = sheet();
        assert_eq!(good.elements.wrongs(&good), Vec::<String>::new());
        let with = |change: &dyn Fn(&mut Sheet)| {
            let mut s = sheet();
            change(&mut s);
            s.elements.wrongs(&s).join("\n")
        };
        assert!(with(&|s| s.elements = Elements::default()).contains("elements.item_type"));
        assert!(with(&|s| s.elements.item_type = "05".into()).contains("third and fourth digit"));
        assert!(with(&|s| s.kind = "行政给付".into()).contains("`kind` is not"));
        assert!(with(&|s| s.result.kind = "none".into()).contains("result.kind"));
        assert!(with(&|s| s.elements.level = "9".into()).contains("1, 2, 3"));
        assert!(with(&|s| s.elements.targets = vec!["2".into()]).contains("natural persons"));
        assert!(with(&|s| s.elements.targets = vec!["1".into()]).contains("organisations"));
        assert!(with(&|s| s.elements.channels = vec!["1".into()]).contains("channels and `online`"));
        assert!(with(&|s| s.elements.visits = 1).contains("elements.visits"));
        assert!(with(&|s| s.online = "partial".into()).contains("elements.visits"));
        assert!(with(&|s| s.elements.consult.clear()).contains("elements.consult is missing"));
        assert!(with(&|s| s.elements.until = "2026-13-01".into()).contains("days"));
    }
}
