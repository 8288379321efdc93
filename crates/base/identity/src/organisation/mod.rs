//! The organisation tree with its posts and roles. A post carries roles; a person holds a post from–to, so a successor
//! inherits by holding it.

pub(crate) mod division;
pub(crate) mod store;

/// One organisation as other crates see it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, PartialEq)]
pub struct Organisation {
    pub id: String,
    pub name: String,
    pub name_en: String,
    pub short: String,
    pub kind: String,
    pub parent: Option<String>,
    /// `/shi/chengguan/`, from the root, with closing slash.
    pub path: String,
    pub area_code: String,
    pub credit_code: Option<String>,
}
