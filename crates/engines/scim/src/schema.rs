//! What a schema says about an attribute (RFC 7643 §2, §7), and how names are found in it.

use crate::path::AttrPath;
use serde_json::{Map, Value, json};

/// Type of a value (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    Boolean,
    Integer,
    DateTime,
    Reference,
    Complex,
}

impl Kind {
    /// Name in a schema document.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::DateTime => "dateTime",
            Kind::Reference => "reference",
            Kind::Complex => "complex",
        }
    }
}

/// Who may write an attribute, and when (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

impl Mutability {
    fn as_str(self) -> &'static str {
        match self {
            Mutability::ReadOnly => "readOnly",
            Mutability::ReadWrite => "readWrite",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        }
    }
}

/// When an attribute is answered (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    Always,
    Default,
    Request,
    Never,
}

impl Returned {
    fn as_str(self) -> &'static str {
        match self {
            Returned::Always => "always",
            Returned::Default => "default",
            Returned::Request => "request",
            Returned::Never => "never",
        }
    }
}

/// An attribute or sub-attribute. Built with the constructors below in constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attribute {
    pub name: &'static str,
    pub about: &'static str,
    pub kind: Kind,
    pub multi: bool,
    pub required: bool,
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    /// Whether the service keeps it unique (`server`).
    pub unique: bool,
    /// Values that are suggested, not enforced.
    pub suggested: &'static [&'static str],
    pub references: &'static [&'static str],
    pub subs: &'static [Attribute],
    /// Most characters of a text.
    pub longest: usize,
}

impl Attribute {
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Attribute {
        Attribute {
            name,
            about,
            kind,
            multi: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            unique: false,
            suggested: &[],
            references: &[],
            subs: &[],
            longest: 256,
        }
    }

    pub const fn text(name: &'static str, about: &'static str) -> Attribute {
        Attribute::new(name, Kind::String, about)
    }

    pub const fn flag(name: &'static str, about: &'static str) -> Attribute {
        Attribute::new(name, Kind::Boolean, about)
    }

    pub const fn complex(name: &'static str, subs: &'static [Attribute], about: &'static str) -> Attribute {
        Attribute {
            subs,
            ..Attribute::new(name, Kind::Complex, about)
        }
    }

    pub const fn reference(
        name: &'static str,
        references: &'static [&'static str],
        about: &'static str,
    ) -> Attribute {
        Attribute {
            references,
            case_exact: true,
            longest: 2000,
            ..Attribute::new(name, Kind::Reference, about)
        }
    }

    pub const fn many(self) -> Attribute {
        Attribute { multi: true, ..self }
    }

    pub const fn required(self) -> Attribute {
        Attribute {
            required: true,
            ..self
        }
    }

    pub const fn exact(self) -> Attribute {
        Attribute {
            case_exact: true,
            ..self
        }
    }

    pub const fn unique(self) -> Attribute {
        Attribute { unique: true, ..self }
    }

    pub const fn read_only(self) -> Attribute {
        Attribute {
            mutability: Mutability::ReadOnly,
            ..self
        }
    }

    pub const fn immutable(self) -> Attribute {
        Attribute {
            mutability: Mutability::Immutable,
            ..self
        }
    }

    /// Taken in and never told again, by no filter either.
    pub const fn secret(self) -> Attribute {
        Attribute {
            mutability: Mutability::WriteOnly,
            returned: Returned::Never,
            ..self
        }
    }

    pub const fn always(self) -> Attribute {
        Attribute {
            returned: Returned::Always,
            ..self
        }
    }

    pub const fn longest(self, longest: usize) -> Attribute {
        Attribute { longest, ..self }
    }

    pub const fn suggested(self, suggested: &'static [&'static str]) -> Attribute {
        Attribute { suggested, ..self }
    }

    /// The sub-attribute of this name in any case.
    pub fn sub(&self, name: &str) -> Option<&'static Attribute> {
        find(self.subs, name)
    }

    /// The attribute as its schema document describes it (RFC 7643 §7).
    pub fn document(&self) -> Value {
        let mut out = json!({
            "name": self.name, "type": self.kind.as_str(), "multiValued": self.multi, "description": self.about,
            "required": self.required, "mutability": self.mutability.as_str(), "returned": self.returned.as_str(),
        });
        if matches!(self.kind, Kind::String | Kind::Reference) {
            out["caseExact"] = self.case_exact.into();
            out["uniqueness"] = if self.unique { "server" } else { "none" }.into();
        }
        if !self.suggested.is_empty() {
            out["canonicalValues"] = json!(self.suggested);
        }
        if self.kind == Kind::Reference {
            out["referenceTypes"] = json!(self.references);
        }
        if self.kind == Kind::Complex {
            out["subAttributes"] = self.subs.iter().map(Attribute::document).collect();
        }
        out
    }
}

fn find(all: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    all.iter().find(|a| a.name.eq_ignore_ascii_case(name))
}

/// A set of attributes under one URI.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schema {
    pub id: &'static str,
    pub name: &'static str,
    pub about: &'static str,
    pub attributes: &'static [Attribute],
}

impl Schema {
    /// The attribute of this name in any case.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.attributes, name)
    }

    /// The schema document; `base` is the address of the service without a slash at its end.
    pub fn document(&self, base: &str) -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": self.id, "name": self.name, "description": self.about,
            "attributes": self.attributes.iter().map(Attribute::document).collect::<Vec<_>>(),
            "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", self.id) },
        })
    }
}

/// Attributes of every resource (RFC 7643 §3.1); they stand in no schema document.
pub const COMMON: &[Attribute] = &[
    Attribute::new("schemas", Kind::Reference, "")
        .many()
        .exact()
        .always(),
    Attribute::text("id", "").exact().read_only().always(),
    Attribute::text("externalId", "").exact(),
    Attribute::complex(
        "meta",
        &[
            Attribute::text("resourceType", "").exact().read_only(),
            Attribute::new("created", Kind::DateTime, "").read_only(),
            Attribute::new("lastModified", Kind::DateTime, "").read_only(),
            Attribute::reference("location", &["uri"], "").read_only(),
            Attribute::text("version", "").exact().read_only(),
        ],
        "",
    )
    .read_only(),
];

/// A kind of resource: its core schema and the extensions it may carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResourceType {
    pub name: &'static str,
    /// Path below the service's address, with a slash before it.
    pub endpoint: &'static str,
    pub about: &'static str,
    pub core: &'static Schema,
    pub extensions: &'static [&'static Schema],
}

/// Where a name leads in a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// A whole extension.
    Extension(&'static Schema),
    Attribute(Found),
}

/// An attribute of a resource, perhaps one of an extension, perhaps a sub-attribute of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub extension: Option<&'static Schema>,
    pub attribute: &'static Attribute,
    pub sub: Option<&'static Attribute>,
}

impl Found {
    /// What the path ends at.
    pub fn last(&self) -> &'static Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// Whether nobody is told its values.
    pub fn hidden(&self) -> bool {
        self.attribute.returned == Returned::Never || self.last().returned == Returned::Never
    }

    /// The values in a canonical resource, those of a list one by one.
    pub fn values<'a>(&self, resource: &'a Value) -> Vec<&'a Value> {
        let root = match self.extension {
            Some(schema) => resource.get(schema.id),
            None => Some(resource),
        };
        let own = flat(root.and_then(|r| r.get(self.attribute.name)));
        match self.sub {
            None => own,
            Some(sub) => own.into_iter().flat_map(|v| flat(v.get(sub.name))).collect(),
        }
    }
}

fn flat(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Null) => vec![],
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
    }
}

impl ResourceType {
    /// The extension with this URI in any case.
    pub fn extension(&self, uri: &str) -> Option<&'static Schema> {
        self.extensions
            .iter()
            .find(|s| s.id.eq_ignore_ascii_case(uri))
            .copied()
    }

    /// Where a path leads; nothing for names that this type does not have.
    pub fn find(&self, path: &AttrPath) -> Option<Target> {
        if let Some(uri) = &path.uri {
            let whole = format!("{uri}:{}", path.name);
            if path.sub.is_none()
                && let Some(schema) = self.extension(&whole)
            {
                return Some(Target::Extension(schema));
            }
            if uri.eq_ignore_ascii_case(self.core.id) {
                return self.own(path);
            }
            let schema = self.extension(uri)?;
            return within(Some(schema), schema.attribute(&path.name)?, path);
        }
        self.own(path)
    }

    fn own(&self, path: &AttrPath) -> Option<Target> {
        let attribute = find(COMMON, &path.name).or_else(|| self.core.attribute(&path.name))?;
        within(None, attribute, path)
    }

    /// The attribute that a path leads to, when it is no whole extension.
    pub fn attribute(&self, path: &AttrPath) -> Option<Found> {
        match self.find(path)? {
            Target::Attribute(found) => Some(found),
            Target::Extension(_) => None,
        }
    }

    /// The resource type document (RFC 7643 §6).
    pub fn document(&self, base: &str) -> Value {
        let extensions = self.extensions.iter();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "id": self.name, "name": self.name,
            "endpoint": self.endpoint, "description": self.about, "schema": self.core.id,
            "schemaExtensions": extensions.map(|s| json!({ "schema": s.id, "required": false })).collect::<Vec<_>>(),
            "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", self.name) },
        })
    }

    /// The URIs of the schemas that a canonical resource uses: its own, and those of the extensions that it carries.
    pub fn uses(&self, resource: &Map<String, Value>) -> Value {
        let extensions = self.extensions.iter().map(|s| s.id);
        std::iter::once(self.core.id)
            .chain(extensions.filter(|id| resource.contains_key(*id)))
            .collect()
    }
}

fn within(
    extension: Option<&'static Schema>,
    attribute: &'static Attribute,
    path: &AttrPath,
) -> Option<Target> {
    let sub = match &path.sub {
        Some(name) => Some(attribute.sub(name)?),
        None => None,
    };
    Some(Target::Attribute(Found {
        extension,
        attribute,
        sub,
    }))
}
