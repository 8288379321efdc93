//! Rows that facts cover: a change by hand is found by the doctor.

use kernel::Table;

pub(crate) static ACCOUNT: Table = Table {
    name: "identity_account",
    columns: &[
        "id",
        "login",
        "kind",
        "subject",
        "password",
        "version",
        "created_at",
        "retired_at",
    ],
};
pub(crate) static SUBJECT: Table = Table {
    name: "identity_subject",
    columns: &[
        "id",
        "kind",
        "code_index",
        "area_code",
        "synthetic",
        "version",
        "created_at",
        "retired_at",
    ],
};

pub(crate) static ASSURANCE: Table = Table {
    name: "identity_assurance",
    columns: &[
        "id",
        "subject",
        "method",
        "level",
        "reference",
        "actor",
        "version",
        "at",
        "until_on",
        "ended_at",
    ],
};
pub(crate) static PHONE: Table = Table {
    name: "identity_phone",
    columns: &["subject", "number_index", "version", "confirmed_at"],
};
pub(crate) static CHECK: Table = Table {
    name: "identity_check",
    columns: &[
        "id",
        "subject",
        "state",
        "version",
        "created_at",
        "expires_at",
        "answered_at",
    ],
};
pub(crate) static FACTOR: Table = Table {
    name: "identity_factor",
    columns: &[
        "id",
        "account",
        "kind",
        "version",
        "created_at",
        "confirmed_at",
        "removed_at",
    ],
};

pub(crate) static PASSKEY: Table = Table {
    name: "identity_passkey",
    columns: &[
        "id",
        "account",
        "credential",
        "public_key",
        "backup_eligible",
        "version",
        "created_at",
        "suspected_at",
        "removed_at",
    ],
};

/// Who may do what rests on these rows, so a right that was put in by hand is found.
pub(crate) static ORGANISATION: Table = Table {
    name: "identity_organisation",
    columns: &[
        "id",
        "name",
        "parent",
        "path",
        "area_code",
        "credit_code",
        "retired_at",
    ],
};
pub(crate) static POST: Table = Table {
    name: "identity_post",
    columns: &["id", "organisation", "title", "roles", "retired_at"],
};
pub(crate) static ROLE: Table = Table {
    name: "identity_role",
    columns: &["id", "title", "permissions"],
};
pub(crate) static HOLDING: Table = Table {
    name: "identity_holding",
    columns: &["id", "post", "account", "from_on", "until_on"],
};

pub(crate) static OFFICIAL: Table = Table {
    name: "identity_official",
    columns: &[
        "account",
        "state",
        "source",
        "external_id",
        "number_index",
        "joined_on",
        "left_on",
        "reason",
        "version",
        "created_at",
        "changed_at",
    ],
};
pub(crate) static PROPOSAL: Table = Table {
    name: "identity_proposal",
    columns: &[
        "id",
        "account",
        "post",
        "from_on",
        "until_on",
        "reason",
        "state",
        "proposed_by",
        "proposed_at",
        "decided_by",
        "decided_at",
        "answer",
        "holding",
        "version",
    ],
};
pub(crate) static REVIEW_TABLE: Table = Table {
    name: "identity_review",
    columns: &[
        "id",
        "title",
        "organisation",
        "due_on",
        "reviewer",
        "suspends",
        "state",
        "started_by",
        "started_at",
        "closed_by",
        "closed_at",
        "version",
    ],
};
pub(crate) static REVIEW_ITEM: Table = Table {
    name: "identity_review_item",
    columns: &[
        "id",
        "review",
        "holding",
        "account",
        "post",
        "path",
        "reviewer",
        "answer",
        "reason",
        "answered_by",
        "answered_at",
        "version",
    ],
};
pub(crate) static VERSION: Table = Table {
    name: "identity_version",
    columns: &[
        "id", "kind", "subject", "from_on", "name", "name_en", "parent", "retired", "change", "reason",
        "actor", "at",
    ],
};
pub(crate) static PAUSE: Table = Table {
    name: "identity_pause",
    columns: &["holding", "reason", "at"],
};
pub(crate) static EXCLUSION: Table = Table {
    name: "identity_exclusion",
    columns: &["id", "role", "other"],
};

pub(crate) static POWER: Table = Table {
    name: "identity_power",
    columns: &[
        "id",
        "principal",
        "holder",
        "invitee",
        "role",
        "verbs",
        "matters",
        "state",
        "basis",
        "reason",
        "granted_by",
        "from_on",
        "until_on",
        "answer_by",
        "version",
        "created_at",
        "ended_at",
    ],
};
