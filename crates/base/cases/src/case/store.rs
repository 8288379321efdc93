//! SQL of cases, work items and materials.

use super::model::{Case, MaterialRow, WorkRow};
use crate::words;
use kernel::{Ctx, Fault, Result, Row, Scope, ScopeColumns, Tx, Value, params};

fn place(column: &str, id: &str) -> String {
    format!("cases_case.{column}:{id}")
}

fn case(ctx: &Ctx, tx: &mut Tx<'_>, r: &Row) -> Result<Case> {
    let id: String = r.get("id")?;
    let form = ctx
        .protect()
        .open(&place("form", &id), &r.get::<Vec<u8>>("form")?)?;
    let process = match r.get::<Option<Vec<u8>>>("process")? {
        Some(sealed) => Some(serde_json::from_str(
            &ctx.protect().open(&place("process", &id), &sealed)?,
        )?),
        None => None,
    };
    let clock = r
        .get::<Option<String>>("clock")?
        .map(|c| serde_json::from_str(&c))
        .transpose()?;
    let org_paths = tx
        .query(
            "SELECT org_path FROM cases_organisation WHERE case_id = $1 ORDER BY org_path",
            params![id.as_str()],
        )?
        .iter()
        .map(|r| r.get("org_path"))
        .collect::<Result<_, Fault>>()?;
    Ok(Case {
        number: r.get("number")?,
        matter: r.get("matter")?,
        matter_version: r.get("matter_version")?,
        applicant: r.get("applicant")?,
        agent: r.get("agent")?,
        organisation: r.get("organisation")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        state: r.get("state")?,
        channel: r.get("channel")?,
        visits: r.get("visits")?,
        form: serde_json::from_str(&form)?,
        waived: match r.get::<Option<String>>("waived")? {
            Some(text) => serde_json::from_str(&text)?,
            None => Default::default(),
        },
        clerk: r.get("clerk")?,
        urged_at: r.get("urged_at")?,
        process,
        clock,
        due_on: r.get("due_on")?,
        provisional: r.get("provisional")?,
        on_time: r.get("on_time")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        updated_at: r.get("updated_at")?,
        submitted_at: r.get("submitted_at")?,
        accepted_at: r.get("accepted_at")?,
        ended_at: r.get("ended_at")?,
        org_paths,
        id,
    })
}

/// The case by id, or by number; the row is locked in a write transaction on PostgreSQL.
pub(crate) fn load(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Case>> {
    let row = tx.one("SELECT * FROM cases_case WHERE id = $1", params![id])?;
    row.map(|r| case(ctx, tx, &r)).transpose()
}

pub(crate) fn insert(ctx: &Ctx, tx: &mut Tx<'_>, c: &Case) -> Result<()> {
    let form = ctx
        .protect()
        .seal(&place("form", &c.id), &serde_json::to_string(&c.form)?)?;
    tx.execute(
        "INSERT INTO cases_case(id, matter, matter_version, applicant, agent, organisation, org_path, area_code, state, \
         channel, visits, form, provisional, version, created_at, updated_at, clerk) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $13, $11, 0, 1, $12, $12, $14)",
        params![
            c.id.as_str(),
            c.matter.as_str(),
            c.matter_version,
            c.applicant.as_str(),
            c.agent.clone(),
            c.organisation.as_str(),
            c.org_path.as_str(),
            c.area_code.as_str(),
            c.state.as_str(),
            c.channel.as_str(),
            form,
            c.created_at,
            c.visits,
            c.clerk.clone()
        ],
    )?;
    take_part(tx, &c.id, &c.org_path)
}

/// The draft that this applicant has for this matter: the own one, or the one that this clerk entered.
pub(crate) fn draft_of(
    tx: &mut Tx<'_>,
    applicant: &str,
    matter: &str,
    clerk: Option<&str>,
) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT id FROM cases_case WHERE applicant = $1 AND matter = $2 AND state = 'draft' AND COALESCE(clerk, '') = $3",
        params![applicant, matter, clerk.unwrap_or_default()],
    )
}

pub(crate) fn take_part(tx: &mut Tx<'_>, case: &str, org_path: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO cases_organisation(case_id, org_path) VALUES ($1, $2) ON CONFLICT (case_id, org_path) DO NOTHING",
        params![case, org_path],
    )?;
    Ok(())
}

/// Writes the whole case; refuses when somebody else wrote it since it was read.
pub(crate) fn save(ctx: &Ctx, tx: &mut Tx<'_>, c: &Case) -> Result<()> {
    let form = ctx
        .protect()
        .seal(&place("form", &c.id), &serde_json::to_string(&c.form)?)?;
    let process = match &c.process {
        Some(p) => Some(
            ctx.protect()
                .seal(&place("process", &c.id), &serde_json::to_string(p)?)?,
        ),
        None => None,
    };
    let clock = c.clock.as_ref().map(serde_json::to_string).transpose()?;
    let n = tx.execute(
        "UPDATE cases_case SET number = $2, state = $3, visits = $4, form = $5, process = $6, clock = $7, due_on = $8, \
         provisional = $9, on_time = $10, submitted_at = $11, accepted_at = $12, ended_at = $13, updated_at = $14, \
         matter_version = $16, waived = $17, urged_at = $18, version = version + 1 WHERE id = $1 AND version = $15",
        params![
            c.id.as_str(),
            c.number.clone(),
            c.state.as_str(),
            c.visits,
            form,
            process,
            clock,
            c.due_on.clone(),
            c.provisional,
            c.on_time,
            c.submitted_at,
            c.accepted_at,
            c.ended_at,
            ctx.now(),
            c.version,
            c.matter_version,
            serde_json::to_string(&c.waived)?,
            c.urged_at
        ],
    )?;
    if n == 1 {
        Ok(())
    } else {
        Err(kernel::Refusal::stale().into())
    }
}

pub(crate) fn remove_draft(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    tx.execute("DELETE FROM cases_material WHERE case_id = $1", params![id])?;
    tx.execute("DELETE FROM cases_organisation WHERE case_id = $1", params![id])?;
    tx.execute(
        "DELETE FROM cases_case WHERE id = $1 AND state = 'draft'",
        params![id],
    )?;
    Ok(())
}

/// The next number of a series, without gaps within committed cases.
pub(crate) fn next_serial(tx: &mut Tx<'_>, series: &str) -> Result<i64, Fault> {
    tx.execute(
        "INSERT INTO kernel_sequence(name, value) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING",
        params![series],
    )?;
    tx.execute(
        "UPDATE kernel_sequence SET value = value + 1 WHERE name = $1",
        params![series],
    )?;
    Ok(tx
        .scalar(
            "SELECT value FROM kernel_sequence WHERE name = $1",
            params![series],
        )?
        .unwrap_or(1))
}

fn opinion_place(work: &str) -> String {
    format!("cases_work.opinion:{work}")
}

/// What the column holds for an opinion.
pub(crate) fn sealed_opinion(ctx: &Ctx, work: &str, opinion: &str) -> Result<String, Fault> {
    words::seal(ctx, &opinion_place(work), opinion)
}

fn work(ctx: &Ctx, r: &Row) -> Result<WorkRow, Fault> {
    let id: String = r.get("id")?;
    let opinion = r.get::<Option<String>>("opinion")?;
    Ok(WorkRow {
        opinion: opinion
            .map(|kept| words::open(ctx, &opinion_place(&id), kept))
            .transpose()?,
        id,
        case_id: r.get("case_id")?,
        work: r.get("work")?,
        node: r.get("node")?,
        kind: r.get("kind")?,
        role: r.get("role")?,
        org_path: r.get("org_path")?,
        status: r.get("status")?,
        outcome: r.get("outcome")?,
        actor: r.get("actor")?,
        post: r.get("post")?,
        opened_at: r.get("opened_at")?,
        closed_at: r.get("closed_at")?,
        due_on: r.get("due_on")?,
        round: r.get("round")?,
        assignee: r.get("assignee")?,
        on_behalf: r.get("on_behalf")?,
        adds: r.get("adds")?,
        urged: r.get("urged")?,
    })
}

pub(crate) fn works(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Vec<WorkRow>, Fault> {
    tx.query(
        "SELECT * FROM cases_work WHERE case_id = $1 ORDER BY work, opened_at, id",
        params![case],
    )?
    .iter()
    .map(|r| work(ctx, r))
    .collect()
}

pub(crate) fn insert_work(tx: &mut Tx<'_>, w: &WorkRow, area_code: &str) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_work(id, case_id, work, node, kind, role, org_path, area_code, status, opened_at, due_on, round, \
         assignee, adds, urged) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $11, $12, $13, 0)",
        params![
            w.id.as_str(),
            w.case_id.as_str(),
            w.work,
            w.node.as_str(),
            w.kind.as_str(),
            w.role.as_str(),
            w.org_path.as_str(),
            area_code,
            w.opened_at,
            w.due_on.clone(),
            w.round,
            w.assignee.clone(),
            w.adds
        ],
    )?;
    Ok(())
}

/// Words that belong to a work item but finish none (退回, 加签, 转办): kept in a row of their own, sealed, since they may
/// name people; the fact holds their hash. Returns the row's id. Call it after the command ran: the case's version names it.
pub(crate) fn insert_note(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &Case,
    of: &WorkRow,
    outcome: &str,
    opinion: &str,
) -> Result<String, Fault> {
    let id = format!("{}:{}:note:{}", case.id, of.work, case.version);
    tx.execute(
        "INSERT INTO cases_work(id, case_id, work, node, kind, role, org_path, area_code, status, outcome, opinion, \
         actor, post, opened_at, closed_at, round) VALUES ($1, $2, $3, $4, 'note', $5, $6, $7, 'note', $8, $9, \
         $10, $11, $12, $12, $13)",
        params![
            id.as_str(),
            case.id.as_str(),
            of.work,
            of.node.as_str(),
            of.role.as_str(),
            of.org_path.as_str(),
            case.area_code.as_str(),
            outcome,
            sealed_opinion(ctx, &id, opinion)?,
            ctx.actor.id.as_str(),
            ctx.actor.grants.first().map(|g| g.post.clone()),
            ctx.now(),
            of.round
        ],
    )?;
    Ok(id)
}

/// A note about the case as a whole (特别程序, 延长).
pub(crate) fn insert_case_note(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &Case,
    outcome: &str,
    opinion: &str,
) -> Result<String, Fault> {
    let of = WorkRow {
        id: String::new(),
        case_id: case.id.clone(),
        work: 0,
        node: String::new(),
        kind: "note".into(),
        role: String::new(),
        org_path: case.org_path.clone(),
        status: "note".into(),
        outcome: None,
        opinion: None,
        actor: None,
        post: None,
        opened_at: ctx.now(),
        closed_at: None,
        due_on: None,
        round: 1,
        assignee: None,
        on_behalf: None,
        adds: None,
        urged: 0,
    };
    insert_note(ctx, tx, case, &of, outcome, opinion)
}

pub(crate) struct Closing<'a> {
    pub status: &'a str,
    pub outcome: Option<&'a str>,
    pub opinion: Option<&'a str>,
    pub actor: Option<&'a str>,
    pub post: Option<&'a str>,
    pub at: i64,
}

pub(crate) fn close_work(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, c: &Closing<'_>) -> Result<(), Fault> {
    let opinion = c.opinion.map(|o| sealed_opinion(ctx, id, o)).transpose()?;
    tx.execute(
        "UPDATE cases_work SET status = $2, outcome = $3, opinion = $4, actor = $5, post = $6, closed_at = $7 WHERE id = $1",
        params![id, c.status, c.outcome, opinion, c.actor, c.post, c.at],
    )?;
    Ok(())
}

/// `held` while added signatures come first, `open` again when they are there.
pub(crate) fn set_work(tx: &mut Tx<'_>, id: &str, status: &str) -> Result<(), Fault> {
    tx.execute(
        "UPDATE cases_work SET status = $2 WHERE id = $1",
        params![id, status],
    )?;
    Ok(())
}

pub(crate) fn assign_work(
    tx: &mut Tx<'_>,
    id: &str,
    to: &str,
    on_behalf: Option<String>,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE cases_work SET assignee = $2, on_behalf = $3 WHERE id = $1",
        params![id, to, on_behalf],
    )?;
    Ok(())
}

/// Open work that was given to one person, and absences to come in which they stand in.
pub(crate) fn unfinished_of(tx: &mut Tx<'_>, actor: &str, today: &str) -> Result<(i64, i64), Fault> {
    let sql = "SELECT COUNT(*) FROM cases_work WHERE status = 'open' AND (assignee = $1 OR on_behalf = $1)";
    let work = tx.scalar(sql, params![actor])?.unwrap_or(0);
    let sql =
        "SELECT COUNT(*) FROM cases_absence WHERE stand_in = $1 AND ended_at IS NULL AND until_on >= $2";
    let absences = tx.scalar(sql, params![actor, today])?.unwrap_or(0);
    Ok((work, absences))
}

pub(crate) fn urge_work(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    tx.execute(
        "UPDATE cases_work SET urged = urged + 1 WHERE id = $1",
        params![id],
    )?;
    Ok(())
}

/// Who finished an item did so in somebody's name.
pub(crate) fn note_on_behalf(tx: &mut Tx<'_>, id: &str, principal: &str) -> Result<(), Fault> {
    tx.execute(
        "UPDATE cases_work SET on_behalf = $2 WHERE id = $1",
        params![id, principal],
    )?;
    Ok(())
}

/// What narrows a queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow<'a> {
    /// Part of the case number.
    pub number: &'a str,
    pub matter: &'a str,
    /// Due on or before this day.
    pub due_by: Option<String>,
}

/// Open work for these (role, organisation subtree, area) triples that was given to nobody else, and what was given to
/// these accounts; the soonest due first.
pub(crate) fn queue(
    tx: &mut Tx<'_>,
    grants: &[(String, String, String)],
    accounts: &[String],
    narrow: &Narrow<'_>,
    limit: u32,
    skip: u32,
) -> Result<Vec<Row>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let mut given: Vec<String> = Vec::new();
    for a in accounts {
        p.push(a.as_str().into());
        given.push(format!("w.assignee = ${}", p.len()));
    }
    let mut any: Vec<String> = grants
        .iter()
        .map(|(role, path, area)| {
            p.extend([role.into(), format!("{path}%").into(), format!("{area}%").into()]);
            let n = p.len();
            format!(
                "(w.assignee IS NULL AND w.role = ${} AND w.org_path LIKE ${} AND w.area_code LIKE ${n})",
                n - 2,
                n - 1
            )
        })
        .collect();
    any.extend(given);
    if any.is_empty() {
        return Ok(Vec::new());
    }
    let mut and = String::new();
    if !narrow.number.is_empty() {
        p.push(format!("%{}%", narrow.number.replace(['%', '_'], "")).into());
        and.push_str(&format!(" AND c.number LIKE ${}", p.len()));
    }
    if !narrow.matter.is_empty() {
        p.push(narrow.matter.into());
        and.push_str(&format!(" AND c.matter = ${}", p.len()));
    }
    if let Some(day) = &narrow.due_by {
        p.push(day.as_str().into());
        and.push_str(&format!(" AND c.due_on <= ${}", p.len()));
    }
    tx.query(
        &format!(
            "SELECT w.*, c.number, c.matter, c.matter_version, c.applicant, c.state, c.clock, c.due_on AS case_due, \
             c.provisional, c.submitted_at, c.version AS case_version FROM cases_work w \
             JOIN cases_case c ON c.id = w.case_id WHERE w.status = 'open' AND ({}){and} \
             ORDER BY CASE WHEN c.state = 'correcting' OR c.state = 'suspended' THEN 1 ELSE 0 END, \
             COALESCE(c.due_on, '9999'), w.opened_at, w.id LIMIT {limit} OFFSET {skip}",
            any.join(" OR ")
        ),
        &p,
    )
}

pub(crate) fn done_by(tx: &mut Tx<'_>, actor: &str, limit: u32) -> Result<Vec<Row>, Fault> {
    tx.query(
        &format!(
            "SELECT w.*, c.number, c.matter, c.matter_version, c.state FROM cases_work w JOIN cases_case c ON c.id = w.case_id \
             WHERE w.actor = $1 ORDER BY w.closed_at DESC LIMIT {limit}"
        ),
        params![actor],
    )
}

/// Cases in scope, newest first; `number` finds by its beginning, `state` by state.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    scope: &Scope,
    number: &str,
    state: &str,
    limit: u32,
    skip: u32,
) -> Result<Vec<Row>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "c.applicant",
        about: "c.matter",
        org_path: "o.org_path",
        area_code: "c.area_code",
    };
    let mut sql = format!(
        "SELECT DISTINCT c.id, c.number, c.matter, c.matter_version, c.applicant, c.state, c.clock, c.due_on, c.provisional, \
         c.created_at, c.submitted_at, c.ended_at FROM cases_case c JOIN cases_organisation o ON o.case_id = c.id WHERE {}",
        scope.sql(columns, &mut p)
    );
    if !number.is_empty() {
        p.push(format!("%{}%", number.replace(['%', '_'], "")).into());
        sql.push_str(&format!(" AND c.number LIKE ${}", p.len()));
    }
    if !state.is_empty() {
        p.push(state.into());
        sql.push_str(&format!(" AND c.state = ${}", p.len()));
    }
    sql.push_str(&format!(
        " ORDER BY c.created_at DESC, c.id LIMIT {limit} OFFSET {skip}"
    ));
    tx.query(&sql, &p)
}

/// Open cases in scope whose running clock is due on or before a day, the longest due first.
pub(crate) fn due(
    tx: &mut Tx<'_>,
    scope: &Scope,
    by: &str,
    limit: u32,
    skip: u32,
) -> Result<Vec<Row>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "c.applicant",
        about: "c.matter",
        org_path: "o.org_path",
        area_code: "c.area_code",
    };
    let within = scope.sql(columns, &mut p);
    p.push(by.into());
    tx.query(
        &format!(
            "SELECT DISTINCT c.id, c.number, c.matter, c.matter_version, c.applicant, c.state, c.clock, c.due_on, \
             c.provisional, c.created_at, c.submitted_at, c.ended_at FROM cases_case c \
             JOIN cases_organisation o ON o.case_id = c.id WHERE {within} AND c.ended_at IS NULL \
             AND c.state IN ('submitted', 'handling') AND c.due_on <= ${} ORDER BY c.due_on, c.id LIMIT {limit} OFFSET {skip}",
            p.len()
        ),
        &p,
    )
}

/// The open work of a case with the office that has it.
pub(crate) fn waiting(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Vec<serde_json::Value>> {
    let Some(loaded) = load(ctx, tx, case)? else {
        return Ok(Vec::new());
    };
    let matter = super::runtime::matter_of(ctx, &loaded)?;
    let mut out = Vec::new();
    for w in works(ctx, tx, case)?.into_iter().filter(|w| w.status == "open") {
        let office = identity::api::organisation_at(tx, &w.org_path)?;
        out.push(
            serde_json::json!({ "name": super::view::node_name(ctx, &matter, &w.node), "urged": w.urged,
            "office": office.map(|o| o.short) }),
        );
    }
    Ok(out)
}

/// Work in scope by office and official: open, late, finished since an instant and the time that took (milliseconds).
/// Open work that is nobody's yet comes without an official.
pub(crate) fn workload(tx: &mut Tx<'_>, scope: &Scope, since: i64, today: &str) -> Result<Vec<Row>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "w.actor",
        about: "",
        org_path: "w.org_path",
        area_code: "w.area_code",
    };
    let within = scope.sql(columns, &mut p);
    p.push(since.into());
    let from = p.len();
    p.push(today.into());
    let now = p.len();
    tx.query(
        &format!(
            "SELECT w.org_path, CASE WHEN w.status = 'done' THEN w.actor ELSE w.assignee END AS actor, \
             SUM(CASE WHEN w.status = 'open' THEN 1 ELSE 0 END) AS open, \
             SUM(CASE WHEN w.status = 'open' AND c.due_on < ${now} THEN 1 ELSE 0 END) AS late, \
             SUM(CASE WHEN w.status = 'done' THEN 1 ELSE 0 END) AS done, \
             CAST(COALESCE(SUM(CASE WHEN w.status = 'done' THEN w.closed_at - w.opened_at ELSE 0 END), 0) AS BIGINT) AS millis \
             FROM cases_work w JOIN cases_case c ON c.id = w.case_id \
             WHERE {within} AND (w.status = 'open' OR (w.status = 'done' AND w.closed_at >= ${from})) \
             GROUP BY w.org_path, CASE WHEN w.status = 'done' THEN w.actor ELSE w.assignee END ORDER BY 1, 2"
        ),
        &p,
    )
}

/// A subject's own cases, newest first.
pub(crate) fn of(tx: &mut Tx<'_>, subject: &str, limit: u32) -> Result<Vec<Row>, Fault> {
    tx.query(
        &format!(
            "SELECT id, number, matter, matter_version, applicant, state, clock, due_on, provisional, created_at, submitted_at, \
             ended_at, updated_at FROM cases_case WHERE applicant = $1 ORDER BY created_at DESC LIMIT {limit}"
        ),
        params![subject],
    )
}

fn name_place(material: &str) -> String {
    format!("cases_material.name:{material}")
}

pub(crate) fn materials(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Vec<MaterialRow>, Fault> {
    tx.query(
        "SELECT id, material, name, media, size, sha256, created_at FROM cases_material WHERE case_id = $1 \
         ORDER BY created_at, id",
        params![case],
    )?
    .iter()
    .map(|r| {
        let id: String = r.get("id")?;
        Ok(MaterialRow {
            name: words::open(ctx, &name_place(&id), r.get("name")?)?,
            id,
            material: r.get("material")?,
            media: r.get("media")?,
            size: r.get("size")?,
            sha256: r.get("sha256")?,
            created_at: r.get("created_at")?,
        })
    })
    .collect()
}

pub(crate) fn insert_material(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &str,
    m: &MaterialRow,
    content: Vec<u8>,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_material(id, case_id, material, name, media, size, sha256, content, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            m.id.as_str(),
            case,
            m.material.as_str(),
            words::seal(ctx, &name_place(&m.id), &m.name)?,
            m.media.as_str(),
            m.size,
            m.sha256.as_str(),
            content,
            m.created_at
        ],
    )?;
    Ok(())
}

pub(crate) fn remove_material(tx: &mut Tx<'_>, case: &str, id: &str) -> Result<u64, Fault> {
    tx.execute(
        "DELETE FROM cases_material WHERE case_id = $1 AND id = $2",
        params![case, id],
    )
}

pub(crate) fn material_content(tx: &mut Tx<'_>, case: &str, id: &str) -> Result<Option<Vec<u8>>, Fault> {
    tx.scalar(
        "SELECT content FROM cases_material WHERE case_id = $1 AND id = $2",
        params![case, id],
    )
}

fn items_place(case: &str) -> String {
    format!("cases_correction.items:{case}")
}

/// (items, answer by, asked at, answered at) of the one correction.
pub(crate) fn correction(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Option<serde_json::Value>> {
    tx.one(
        "SELECT items, answer_by, asked_at, answered_at FROM cases_correction WHERE case_id = $1",
        params![case],
    )?
    .map(|r| {
        let items = words::open(ctx, &items_place(case), r.get("items")?)?;
        Ok(serde_json::json!({
            "items": serde_json::from_str::<Vec<String>>(&items)?, "answer_by": r.get::<String>("answer_by")?,
            "asked_at": r.get::<i64>("asked_at")?, "answered_at": r.get::<Option<i64>>("answered_at")?,
        }))
    })
    .transpose()
}

/// The day by which the correction is to be answered.
pub(crate) fn answer_by(tx: &mut Tx<'_>, case: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT answer_by FROM cases_correction WHERE case_id = $1",
        params![case],
    )
}

pub(crate) fn ask_correction(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &str,
    items: &[String],
    by: &str,
    at: i64,
) -> Result<()> {
    let items = words::seal(ctx, &items_place(case), &serde_json::to_string(items)?)?;
    tx.execute(
        "INSERT INTO cases_correction(case_id, items, answer_by, asked_at) VALUES ($1, $2, $3, $4)",
        params![case, items, by, at],
    )?;
    Ok(())
}

pub(crate) fn answer_correction(tx: &mut Tx<'_>, case: &str, at: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE cases_correction SET answered_at = $2 WHERE case_id = $1",
        params![case, at],
    )?;
    Ok(())
}
